"""How the oracle finds the section that a user's questions file names in words."""

from __future__ import annotations

import pytest

from finetune.evaluation.arms import named
from tests.memory_library import MemoryLibrary

TEXT = """# Fleet register

## At a glance

| Ship | Built | Seats |
|---|---|---|
| Moonrake | 2019 | 345 |
| Bramble | 1987 | 210 |

## Vessel notes

### Moonrake

She carries bicycles on the stern.

### Bramble

She is kept for the winter.
"""


@pytest.fixture
def sections():
    from retrieval.embedders import load

    library = MemoryLibrary(load("hashing"))
    library.add_text("fleet.md", TEXT)
    return library.sections()


@pytest.mark.parametrize(
    ("place", "headings"),
    [
        ("fleet.md > At a glance", ["At a glance"]),
        ("fleet.md > At a glance > Moonrake", ["At a glance"]),
        ("fleet.md > Moonrake", ["Moonrake"]),
        ("fleet.md > Bramble + At a glance > Moonrake", ["Bramble", "At a glance"]),
        ("fleet.md > 1987", ["At a glance"]),
        ("fleet.md > Nowhere", []),
        ("other.md > Moonrake", []),
        ("", []),
    ],
)
def test_a_section_is_found_by_document_heading_and_row(sections, place, headings):
    assert [section.heading_path[-1] for section in named(place, sections)] == headings
