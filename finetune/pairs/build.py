"""Knowledge base → dataset: streamed, resumable, never paying a model twice. The order of work, and nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finetune.datasets import CARD, Dataset, read
from finetune.pairs.evidence import Trail
from finetune.pairs.finding import Gauge, Room, found
from finetune.pairs.finish import finish
from finetune.pairs.generate import Generator, Source
from finetune.pairs.settings import BuildProgress, PairSettings
from finetune.pairs.taken import BY_HAND, take_over
from finetune.pairs.work import SectionFacts, Work
from finetune.records import Fact
from memory.errors import BadDataset, DocgraftError
from memory.records import new_id, now
from memory.workspace import KnowledgeBaseFolder
from retrieval.chunking import units

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from finetune.pairs.llm import Writer
    from retrieval.library import Library
    from retrieval.search import Search

Report = Callable[[BuildProgress], None]
Stop = Callable[[], bool]


def build(
    library: Library,
    search: Search | None,
    settings: PairSettings | None = None,
    *,
    id: str | None = None,
    model: BaseChatModel | None = None,
    previous: Dataset | None = None,
    mix: bool = False,
    progress: Report | None = None,
    stop: Stop | None = None,
) -> Dataset | None:
    """Build a dataset, or go on with the unfinished one of that id; None when `stop` paused it.

    Without `settings`, an unfinished build goes on with its own. `previous`: pairs of sections that have not changed
    since are taken over with every edit (see `refresh`). Without
    `search`, questions are only looked up by their words and no rows show evidence. DocgraftError when there are no
    documents, or when an unfinished build has other settings and `mix` is not set.
    """
    if not library.documents():
        raise DocgraftError("The knowledge base is empty.", "Add documents first: docgraft add PATH")
    dataset = library.folder.dataset(id or new_id())
    if settings is None:
        begun = Work(dataset).plan()["settings"] if Work(dataset).begun else {}
        settings = PairSettings.model_validate(begun)
    if (dataset / CARD).is_file():
        return read(dataset)
    with library.folder.lock(f"dataset-{dataset.name}", timeout=1):
        run = _Run(
            library,
            search,
            settings,
            model=model,
            work=Work(dataset),
            clock=_Clock(progress),
            stop=stop or (lambda: False),
        )
        run.open(previous or _earlier(library, run.work), mix)
        return run.finished() if run.facts() and run.pairs() else None


def refresh(
    library: Library,
    search: Search | None,
    dataset: Dataset,
    *,
    model: BaseChatModel | None = None,
    progress: Report | None = None,
    stop: Stop | None = None,
) -> Dataset | None:
    """A new dataset in which only what changed is made again; the pairs of unchanged sections keep their edits.

    With a model, sections for which it gave too little before are asked again; what it answered is not paid twice.
    """
    if "pairs" not in dataset.card.settings:
        raise BadDataset("This dataset was imported, not built.", "Build one from the documents: docgraft pairs build")
    settings = PairSettings.model_validate(dataset.card.settings["pairs"])
    return build(library, search, settings, model=model, previous=dataset, progress=progress, stop=stop)


def unfinished(library: Library) -> list[str]:
    """Ids of builds that were begun and can be resumed, oldest first."""
    return waiting(library.folder)


def waiting(folder: KnowledgeBaseFolder) -> list[str]:
    """The same for a folder whose library need not be opened."""
    datasets = folder.datasets
    return sorted(p.name for p in datasets.iterdir() if Work(p).begun) if datasets.is_dir() else []


class _Run:
    """One process working on one build."""

    def __init__(
        self,
        library: Library,
        search: Search | None,
        settings: PairSettings,
        *,
        model: BaseChatModel | None,
        work: Work,
        clock: _Clock,
        stop: Stop,
    ) -> None:
        self.library = library
        self.settings = settings
        self.work = work
        self.clock = clock
        self.stop = stop
        self.trail = Trail(library, search, within=settings.search_within)
        self.generator = Generator(self.trail, settings)
        self.writer: Writer | None = None
        self.model = model

    def open(self, previous: Dataset | None, mix: bool) -> None:
        """Begin the journal, or check that it was begun with the same settings."""
        name = _name(self.model)
        if self.work.begun:
            self.work.agree(self.settings, name, mix=mix)
        plan = {"settings": self.settings.model_dump(mode="json"), "model": name, "created": now()}
        self.work.start(plan | {"previous": previous.id if previous else ""})
        if previous and BY_HAND not in self.work.done():
            short = {line["section"] for line in previous.card.settings.get("shortfalls", ())} if self.model else set()
            take_over(self.library, self.work, previous, anew=frozenset(short))
        self.writer = _writer(self.model, self.settings, self.work.calls_path)

    def facts(self) -> bool:
        """The first pass; quick, so it is made anew in every process. False when stopped."""
        total = self.library.statistics.sections
        self.clock.begin("facts", total)
        self.gauge = Gauge()
        self.sections = 0

        def lines() -> Iterator[SectionFacts]:
            for line in found(self.library, self.trail, self.settings, self.clock.tick):
                for fact in line.facts:
                    self.gauge.add(fact)
                self.sections += bool(line.facts)
                if self.stop():
                    raise _Stopped
                yield line

        try:
            self.work.write_facts(lines())
        except _Stopped:
            return False
        return True

    def pairs(self) -> bool:
        """The second pass, section by section; False when stopped."""
        done = self.work.done()
        room = Room(self.gauge, self.settings.most_facts)
        self.clock.begin("pairs", self.sections)
        self.clock.add(*(sum(int(line.get(k, 0)) for line in done.values()) for k in ("kept", "dropped", "failed")))
        chunks: tuple[str, dict[str, list[str]]] = ("", {})
        spoken: set[str] = set()
        for line in self.work.facts():
            if not line.facts:
                continue
            spoken.add(line.facts[0].language)
            chosen = [fact for fact in line.facts if room.takes(fact)]
            if line.section_id not in done and self.stop():
                return False
            if not chosen and not self.writer:
                # Most sections of a large library; nothing of theirs needs to be read.
                if line.section_id not in done:
                    self.work.append(line.section_id, ())
            else:
                if chunks[0] != line.document_id:
                    chunks = (line.document_id, _by_section(self.library, line.document_id))
                source = self._source(line.section_id, chosen, tuple(chunks[1].get(line.section_id, ())))
                if line.section_id in done:
                    self.generator.learn(source)
                else:
                    self._section(source)
            self.clock.tick(line.document)
        return self._general(done, sorted(spoken))

    def _source(self, section_id: str, chosen: list[Fact], chunks: tuple[str, ...]) -> Source:
        section = self.library.section(section_id)
        return Source(section, units(section), chosen, chunks)

    def _section(self, source: Source) -> None:
        made = list(self.generator.pairs(source))
        asked = {"failed": 0, "short": 0}
        if self.writer:
            written, asked = self.writer.pairs(source, made, self.generator)
            made += written
        self.clock.add(*self.work.append(source.section.id, made, **asked), asked["failed"])

    def _general(self, done: dict[str, dict[str, Any]], spoken: list[str]) -> bool:
        """Questions from far, once per language, after all sections."""
        if "far" not in done:
            rows = [pair for language in spoken for pair in self.generator.shown.far(language)]
            self.clock.add(*self.work.append("far", rows), 0)
        return True

    def finished(self) -> Dataset:
        """Judge the rows as a whole, write the dataset and drop the journal."""
        made = finish(self.library, self.work, self.settings, _name(self.model), self.clock.stage)
        self.work.finish()
        return made


class _Stopped(Exception):
    """Leaves a generator when the user pauses."""


def _earlier(library: Library, work: Work) -> Dataset | None:
    """The dataset that an unfinished build goes out from, while it is there."""
    name = work.plan().get("previous") if work.begun else ""
    folder = library.folder.dataset(name) if name else None
    return read(folder) if folder and (folder / CARD).is_file() else None


def _writer(model: BaseChatModel | None, settings: PairSettings, calls: Path) -> Writer | None:
    if model is None:
        return None
    from finetune.pairs.llm import Writer

    return Writer(model, settings, calls)


def _name(model: BaseChatModel | None) -> str:
    if model is None:
        return ""
    from finetune.pairs.calls import name_of

    return name_of(model)


def _by_section(library: Library, document_id: str) -> dict[str, list[str]]:
    found_: dict[str, list[str]] = {}
    for chunk in library.chunks(document_id):
        found_.setdefault(chunk.section_id, []).append(chunk.id)
    return found_


TELLING = 0.1
"""Seconds between two reports of progress, at least."""


class _Clock:
    """Progress with a time estimate from the speed so far."""

    def __init__(self, report: Report | None) -> None:
        self.report = report
        self.now = BuildProgress(stage="facts")
        self.kept = self.dropped = self.failed = 0
        self.started = time.monotonic()
        self.told = 0.0

    def begin(self, stage: Any, total: int) -> None:
        """A new stage of `total` steps."""
        self.now = BuildProgress(stage=stage, total=total)
        self.started = time.monotonic()

    def tick(self, name: str) -> None:
        """One step more."""
        done = self.now.done + 1
        spent = time.monotonic() - self.started
        left = spent / done * max(0, self.now.total - done) if done > 2 else None
        self.now = self.now.model_copy(
            update={
                "done": done, "name": name, "seconds_left": left,
                "kept": self.kept, "dropped": self.dropped, "failed": self.failed,
            }
        )  # fmt: skip
        self._tell()

    def add(self, kept: int, dropped: int, failed: int) -> None:
        """Rows made."""
        self.kept += kept
        self.dropped += dropped
        self.failed += failed

    def stage(self, stage: str, done: int, total: int) -> None:
        """A stage that counts for itself."""
        self.now = self.now.model_copy(update={"stage": stage, "done": done, "total": total, "seconds_left": None})
        self._tell()

    def _tell(self) -> None:
        moment = time.monotonic()
        last = self.now.done >= self.now.total
        if self.report and (last or moment - self.told > TELLING):
            self.told = moment
            self.report(self.now)
