"""What works on this machine, what does not, why, and the line that fixes it. Checks; repairs only the stores."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import platform
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Literal

from app.system import missing_library
from memory.errors import DocgraftError
from memory.records import Record

if TYPE_CHECKING:
    from app.wiring import Wiring
    from finetune.models.devices import Device

Health = Literal["ok", "optional", "problem"]
GIB = 1 << 30
COMPILED = ("lxml.etree", "numpy", "opencc", "pyarrow", "pypdfium2", "safetensors", "sqlalchemy", "tokenizers", "torch")
"""Packages of several makers whose compiled parts lean on the system's libraries."""


class Check(Record):
    """One thing that was looked at."""

    name: str
    health: Health
    """ok; optional: something extra is not there; problem: something does not work."""
    found: str
    fix: str = ""
    """The command or the sentence that mends it."""


def checks(wiring: Wiring, *, deep: bool = True) -> Iterator[Check]:
    """Every check, one after another as it is done. `deep` loads the embedder and opens the knowledge bases."""
    looked: dict[str, Callable[[], Iterator[Check]]] = {
        "Python": python,
        "SQLite": sqlite,
        "Packages": packages,
        "Libraries": libraries,
        "Machine": lambda: machine(wiring),
        "PyTorch": accelerator,
        "Extras": extras,
        "Models": lambda: models(wiring),
        "Keys": lambda: secrets(wiring),
    }
    if deep:
        looked |= {"Embedder": lambda: embedder(wiring), "Knowledge bases": lambda: stores(wiring)}
    for name, look in looked.items():
        try:
            yield from look()
        except DocgraftError as error:
            yield Check(name=name, health="problem", found=error.message, fix=error.hint)


def python() -> Iterator[Check]:
    """The interpreter."""
    ok = sys.version_info >= (3, 11)
    yield Check(
        name="Python",
        health="ok" if ok else "problem",
        found=f"{platform.python_version()} on {platform.system()} {platform.machine()}",
        fix="" if ok else "Install Python 3.11 or newer.",
    )


def sqlite() -> Iterator[Check]:
    """SQLite with full-text search, new enough not to lose data in WAL mode."""
    connection = sqlite3.connect(":memory:")
    try:
        connection.execute("create virtual table t using fts5(x)")
        text = True
    except sqlite3.OperationalError:
        text = False
    finally:
        connection.close()
    ok = text and sqlite3.sqlite_version_info >= (3, 35)
    yield Check(
        name="SQLite",
        health="ok" if ok else "problem",
        found=f"{sqlite3.sqlite_version}, " + ("full-text search there" if text else "full-text search missing"),
        fix="" if ok else "Use a Python built with SQLite 3.35 or newer and FTS5 (python.org's and conda's are).",
    )


def packages() -> Iterator[Check]:
    """Installed versions against the ranges that Docgraft declares."""
    from packaging.requirements import Requirement

    try:
        declared = importlib.metadata.requires("docgraft") or []
    except importlib.metadata.PackageNotFoundError:
        yield Check(
            name="Packages",
            health="optional",
            found="Docgraft runs from its folder and is not installed, so versions cannot be compared.",
            fix="pip install --editable .",
        )
        return
    wrong = []
    needed = [Requirement(line) for line in declared if "extra ==" not in line]
    for requirement in needed:
        try:
            version = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            wrong.append(f"{requirement.name} is missing")
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            wrong.append(f"{requirement.name} {version} (needs {requirement.specifier})")
    yield Check(
        name="Packages",
        health="problem" if wrong else "ok",
        found="; ".join(wrong) or f"all {len(needed)} in range",
        fix="pip install --upgrade docgraft" if wrong else "",
    )


def libraries() -> Iterator[Check]:
    """The system libraries behind the compiled packages: each is loaded once."""
    lacking = []
    for package in COMPILED:
        try:
            importlib.import_module(package)
        except (ImportError, OSError) as error:
            found = missing_library(error)
            lacking.append((f"{package}: {error}", "") if found is None else (found.message, found.hint))
    yield Check(
        name="Libraries",
        health="problem" if lacking else "ok",
        found=" ".join(dict.fromkeys(said for said, _ in lacking)) or f"all {len(COMPILED)} compiled packages load",
        fix=" ".join(dict.fromkeys(hint for _, hint in lacking if hint)) or ("make install" if lacking else ""),
    )


def machine(wiring: Wiring) -> Iterator[Check]:
    """Memory, processors, disk, and where the settings stand."""
    import psutil

    memory = psutil.virtual_memory()
    low = memory.available < 1.5 * GIB
    yield Check(
        name="Memory",
        health="problem" if low else "ok",
        found=f"{memory.available / GIB:.1f} of {memory.total / GIB:.1f} GiB free, {psutil.cpu_count()} processors",
        fix="Close other programs: the embedded model needs about 1.5 GiB." if low else "",
    )
    home = wiring.home.root
    home.mkdir(parents=True, exist_ok=True)
    written = "" if wiring.home.settings.exists() else " (not written yet: all defaults)"
    yield Check(name="Settings", health="ok", found=f"{wiring.home.settings}{written}")
    free = shutil.disk_usage(home).free
    yield Check(
        name="Disk",
        health="ok" if free > 2 * GIB else "problem",
        found=f"{free / GIB:.1f} GiB free in {home}",
        fix="" if free > 2 * GIB else "Free some space, or set DOCGRAFT_HOME to a folder on another disk.",
    )


def accelerator() -> Iterator[Check]:
    """The device that models run on, and whether a GPU stands idle."""
    if importlib.util.find_spec("torch") is None:
        yield Check(name="PyTorch", health="problem", found="not installed", fix="pip install torch")
        return
    from finetune.models.devices import describe

    device = describe()
    idle = device.kind == "cpu" and shutil.which("nvidia-smi") is not None and bool(_output("nvidia-smi", "-L"))
    yield Check(
        name="PyTorch",
        health="optional" if idle else "ok",
        found=f"{importlib.metadata.version('torch')} on {device.text}, {device.precision}",
        fix="This machine has an NVIDIA GPU that this PyTorch cannot use; install the CUDA build." if idle else "",
    )
    yield four_bit(device)


def four_bit(device: Device) -> Check:
    """Whether 4-bit training can run here: what is missing, or why nothing that could be installed would help."""
    name, lacks = "4-bit training (QLoRA)", not device.four_bit and device.kind != "mps"
    return Check(
        name=name,
        health="ok" if device.four_bit else "optional",
        found="bitsandbytes is not installed" if lacks else device.four_bit_reason or "bitsandbytes is there",
        fix='pip install "docgraft[qlora]"' if lacks else "",
    )


def extras() -> Iterator[Check]:
    """Optional parts: what each is for, and its install line."""
    for package, extra, use in (
        ("sentence_transformers", "sentence-transformers", "Other embedders and rerankers"),
        ("pytesseract", "ocr", "Reading scanned pages"),
    ):
        there = importlib.util.find_spec(package) is not None
        yield Check(
            name=use,
            health="ok" if there else "optional",
            found=f"{package} is there" if there else f"{package} is not installed",
            fix="" if there else f'pip install "docgraft[{extra}]"',
        )
    yield _tesseract()


def _tesseract() -> Check:
    if shutil.which("tesseract") is None:
        fix = (
            "Debian or Ubuntu: apt-get install tesseract-ocr tesseract-ocr-chi-tra. macOS: brew install tesseract-lang"
        )
        return Check(name="Tesseract", health="optional", found="not installed: scanned pages stay unread", fix=fix)
    languages = set(_output("tesseract", "--list-langs").split()[1:])
    missing = {"eng", "chi_tra"} - languages
    return Check(
        name="Tesseract",
        health="optional" if missing else "ok",
        found=f"reads {', '.join(sorted(languages & {'eng', 'chi_tra', 'chi_sim'})) or 'no language we need'}",
        fix=f"Install its language data: {', '.join(sorted(missing))}" if missing else "",
    )


def models(wiring: Wiring) -> Iterator[Check]:
    """Whether the chat model can be used now."""
    settings = wiring.settings.model
    state = wiring.model_state(settings.name)
    yield Check(
        name="Chat model",
        health="problem" if not state.ready else "optional" if state.fix else "ok",
        found=f"{settings.name} ({state.text})",
        fix=state.fix,
    )


def secrets(wiring: Wiring) -> Iterator[Check]:
    """Keys must not be readable by others."""
    path = wiring.home.secrets
    if not path.exists():
        return
    mode = path.stat().st_mode & 0o777
    ok = platform.system() == "Windows" or not mode & 0o077
    yield Check(
        name="Keys",
        health="ok" if ok else "problem",
        found=f"{path} is private" if ok else f"{path} can be read by others (mode {mode:o})",
        fix="" if ok else f"chmod 600 {path}",
    )


def embedder(wiring: Wiring) -> Iterator[Check]:
    """Whether the embedder loads, and tells related from unrelated sentences in both languages."""
    weak = [language for language, triple in _PROBES.items() if not _tells_apart(wiring, *triple)]
    name = wiring.settings.retrieval.embedder
    yield Check(
        name="Embedder",
        health="problem" if weak else "ok",
        found=f"{name}: " + (f"does not understand {' and '.join(weak)}" if weak else "English and Chinese understood"),
        fix='Set retrieval.embedder = "e5" and run: docgraft reindex' if weak else "",
    )


_PROBES = {
    "English": ("How do I send something back?", "Returns are accepted within 30 days.", "The sea was calm at dawn."),
    "Chinese": ("東西壞了可以退嗎？", "商品如有瑕疵，三十天內接受退貨。", "清晨的海面十分平靜。"),
}


def _tells_apart(wiring: Wiring, question: str, near: str, far: str) -> bool:
    embedder = wiring.embedder()
    query = embedder.embed_query(question)
    near_vector, far_vector = embedder.embed_documents([near, far])

    def product(vector: list[float]) -> float:
        return sum(a * b for a, b in zip(query, vector, strict=True))

    return product(near_vector) > product(far_vector)


def stores(wiring: Wiring) -> Iterator[Check]:
    """Whether the stores of every knowledge base are in step; what is not is mended, and said."""
    for name in wiring.workspace().base_names():
        library = wiring.library(name)
        before = library.check()
        left = library.check(repair=True) if before else []
        told = "; ".join(issue.message for issue in left or before)
        yield Check(
            name=f"Knowledge base {name}",
            health="problem" if left else "ok",
            found=(told if left else f"mended: {told}") if before else "documents, keyword index and vectors in step",
            fix=next((issue.hint for issue in left if issue.hint), f"docgraft reindex --kb {name}") if left else "",
        )


def _output(*command: str) -> str:
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ended.stdout or ended.stderr
