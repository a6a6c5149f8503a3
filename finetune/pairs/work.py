"""The journal of a build: what is done survives any end of the process, and nothing is half there. Knows files only."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from finetune.datasets import read_pairs, replacing
from finetune.pairs.settings import PairSettings
from finetune.records import Fact, Pair
from memory.errors import DocgraftError
from memory.records import Record
from memory.workspace import mend_lines, read_lines, write_json


class SectionFacts(Record):
    """One line of facts.jsonl."""

    section_id: str
    document_id: str
    document: str
    facts: tuple[Fact, ...]
    text: bool
    """Whether the section holds any text beside its heading."""
    why: str = ""
    """Why nothing is asked about it."""


class Work:
    """The work folder of one dataset, below its own folder; gone when the dataset is complete."""

    def __init__(self, dataset: Path) -> None:
        self.dataset = dataset
        self.folder = dataset / "work"
        self.facts_path = self.folder / "facts.jsonl"
        self.rows_path = self.folder / "rows.jsonl"
        self.done_path = self.folder / "done.jsonl"
        self.calls_path = dataset / "calls.jsonl"

    @property
    def begun(self) -> bool:
        """Whether a build has been started here and not finished."""
        return (self.folder / "build.json").is_file()

    def start(self, plan: dict[str, Any]) -> None:
        """Remember what the build was asked to do."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_json(self.folder / "build.json", plan)

    def plan(self) -> dict[str, Any]:
        """What the build was asked to do."""
        import json

        plan: dict[str, Any] = json.loads((self.folder / "build.json").read_text(encoding="utf-8"))
        return plan

    def agree(self, settings: PairSettings, model: str, *, mix: bool) -> None:
        """DocgraftError when the settings are others than the rows so far were made with, unless mixing is wanted."""
        plan = self.plan()
        now = settings.model_dump(mode="json")
        changed = [name for name, value in now.items() if plan["settings"].get(name) != value]
        changed += ["model"] if plan["model"] != model else []
        if mix or not changed:
            return
        raise DocgraftError(
            f"This build was begun with other settings: {', '.join(changed)}.",
            "Go on with the old ones, start a new dataset, or say that both may be mixed (--mix).",
        )

    # Facts

    def write_facts(self, found: Iterable[SectionFacts]) -> None:
        """All facts, section by section; the file is there only when it is whole."""
        with replacing(self.facts_path) as file:
            for line in found:
                file.write(line.model_dump_json().encode() + b"\n")

    def facts(self) -> Iterator[SectionFacts]:
        """The facts as they were found."""
        with self.facts_path.open("rb") as file:
            yield from map(SectionFacts.model_validate_json, file)

    # Rows

    def done(self) -> dict[str, dict[str, Any]]:
        """Section id → what was made of it. Rows of a section that was not finished are cut off first."""
        found = {line["section"]: line for line in read_lines(self.done_path)}
        end = max((line["end"] for line in found.values()), default=0)
        if self.rows_path.exists() and self.rows_path.stat().st_size > end:
            with self.rows_path.open("r+b") as file:
                file.truncate(end)
        mend_lines(self.done_path)
        return found

    def append(self, section_id: str, pairs: Iterable[Pair], **counts: int) -> tuple[int, int]:
        """Write the rows of one section, then that it is done. Returns kept and dropped."""
        from os import fsync

        kept = dropped = 0
        with self.rows_path.open("ab") as file:
            for pair in pairs:
                file.write(pair.model_dump_json().encode() + b"\n")
                kept += pair.status != "dropped"
                dropped += pair.status == "dropped"
            file.flush()
            if kept or dropped:
                fsync(file.fileno())
            end = file.tell()
        import json

        with self.done_path.open("a", encoding="utf-8") as file_:
            line = {"section": section_id, "end": end, "kept": kept, "dropped": dropped, **counts}
            file_.write(json.dumps(line) + "\n")
        return kept, dropped

    def clear(self) -> None:
        """Forget every row."""
        for path in (self.done_path, self.rows_path):
            path.unlink(missing_ok=True)

    def rows(self) -> Iterator[Pair]:
        """Every row so far, in the order made."""
        yield from read_pairs(self.rows_path)

    def finish(self) -> None:
        """Remove the journal of rows; the model's replies stay with the dataset."""
        shutil.rmtree(self.folder)
