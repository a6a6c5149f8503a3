"""Documents → question–answer pairs with evidence: facts, wordings, rows with context, filters, splits, checks."""

from __future__ import annotations

from finetune.pairs.expectations import Check, Finding, check
from finetune.pairs.settings import BuildProgress, PairSettings, preset

__all__ = ["BuildProgress", "Check", "Finding", "PairSettings", "check", "preset"]
