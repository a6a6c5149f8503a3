"""docs/HOW-IT-DECIDES.md says what the code does, in both languages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app import pipeline
from app.comparing import wishes
from finetune.evaluation import judges, questions, statistics, verdict, votes

DOCS = Path(__file__).parents[1] / "docs"
PAGES = [DOCS / "HOW-IT-DECIDES.md", DOCS / "HOW-IT-DECIDES.zh-TW.md"]
MODULES = {
    "verdict": verdict,
    "statistics": statistics,
    "judges": judges,
    "votes": votes,
    "pipeline": pipeline,
    "wishes": wishes,
}


def shown(name, value):
    """A constant as the page writes it."""
    if name == "MOST":
        return ", ".join(str(n) for n in value.values())
    if name == "MARGIN":
        return str(round(100 * value))
    return f"{value:.0%}".replace("%", " %") if isinstance(value, float) and value < 1 else f"{value:,.0f}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_number_of_the_table_is_the_one_of_the_code(page):
    rows = re.findall(r"^\|[^|]+\| ([^|]+?) \| `(\w+)\.(\w+)` \|$", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(rows) == 12
    for said, module, name in rows:
        assert said.split(" 個")[0].split(" points")[0] == shown(name, getattr(MODULES[module], name)), name


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_the_shares_of_questions_and_the_limits_in_the_text_are_those_of_the_code(page):
    text = page.read_text(encoding="utf-8")
    assert re.findall(r"^\|[^|]+\| (\d+) % \|", text, re.MULTILINE)[:5] == [
        f"{100 * share:.0f}" for share in questions.SHARES.values()
    ]
    margin, slow = round(100 * verdict.MARGIN), f"{verdict.COSTLY:.0f}"
    for limit in (
        f"{margin} ",
        f"{3 * margin} ",
        f"{slow} ",
        f"{statistics.RESAMPLES:,}",
        f"{votes.REVEAL_AFTER} ",
        f" {questions.LONGEST_REFERENCE} ",
    ):
        assert limit in text
    for arm in wishes.ARMS:
        assert f"`{arm}`" in text


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_veto_has_its_line(page):
    text = page.read_text(encoding="utf-8")
    vetoes = re.split(r"\n\| (?:veto|否決) \|.*\n\|---\|---\|\n", text)[1].split("\n\n")[0].splitlines()
    codes = re.findall(r'"(veto_\w+)"', (DOCS.parent / "finetune/evaluation/verdict.py").read_text(encoding="utf-8"))
    assert len(vetoes) == len(set(codes)) == 5


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_the_fields_of_a_questions_file_are_those_that_are_read(page):
    table = re.split(r"\n\| (?:field|欄位) \|.*\n\|---\|---\|\n", page.read_text(encoding="utf-8"))[1].split("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == {*questions._FIELDS} - {"id", "test_set"}


def test_both_pages_have_the_same_parts():
    first, second = (re.findall(r"^(#+) ", page.read_text(encoding="utf-8"), re.MULTILINE) for page in PAGES)
    assert first == second
