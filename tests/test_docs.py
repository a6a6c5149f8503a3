"""The documentation says what the code does: the map, commands, settings, extras and links."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TEXT = re.sub(r"<!-- map -->.*<!-- /map -->", "", README, flags=re.DOTALL)
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "samples").glob("*.md")])
MODULES = sorted(p for floor in ("app", "finetune", "retrieval", "memory") for p in (ROOT / floor).rglob("*.py"))


def mapped(path: Path) -> str:
    """The line that the README's map gives a module: its path and the first sentence of its docstring."""
    doc = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    first = re.split(r"(?<=[.])\s", " ".join(doc.split()))[0]
    return f"{path.relative_to(ROOT)}  {first}"


def the_map() -> str:
    """The whole map, as it should stand in the README."""
    lines = [mapped(path) for path in MODULES]
    width = max(len(line.split("  ")[0]) for line in lines)
    rows = (line.split("  ", 1) for line in lines)
    return "```\n" + "\n".join(f"{name:{width}}  {text}" for name, text in rows) + "\n```"


def test_the_map_has_one_true_line_per_file():
    found = re.search(r"<!-- map -->\n(.*?)\n<!-- /map -->", README, re.DOTALL)
    assert found, "README.md has lost its map"
    assert found[1] == the_map(), "renew it with: python -m tests.test_docs"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http:", "https:", "mailto:")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_both_readmes_name_the_same_commands_and_settings():
    other = (ROOT / "README.zh-TW.md").read_text(encoding="utf-8")
    for kind in (r"docgraft [a-z]+", r"make [a-z]+", r"(?:model|retrieval)\.[a-z_]+ ="):
        assert set(re.findall(kind, TEXT)) == set(re.findall(kind, other))


def test_every_extra_is_in_a_page():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    text = "\n".join(p.read_text(encoding="utf-8") for p in PAGES)
    for extra in extras:
        assert extra in text


def test_make_targets_of_the_readme_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"make ([a-z]+)", TEXT)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


if __name__ == "__main__":
    renewed = re.sub(
        r"(?<=<!-- map -->\n).*?\n?(?=<!-- /map -->)", lambda _: the_map() + "\n", README, count=1, flags=re.DOTALL
    )
    (ROOT / "README.md").write_text(renewed, encoding="utf-8")
