"""The tables of docgraft.db and the migrations that make them. Knows no behaviour."""

from __future__ import annotations

from memory.database import Migration

MIGRATIONS: tuple[Migration, ...] = ()
"""For `Database(workspace.database, MIGRATIONS)`."""
