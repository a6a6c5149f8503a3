"""Settings → objects: the one place where backends are chosen. Everything is made when it is first needed."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from app import reading
from app.jobs import EVERYBODY, Job, Jobs
from app.settings import Model, Settings
from app.wiring import models
from app.wiring.models import ModelState
from memory.conversations import LOCAL_USER
from memory.errors import DocgraftError
from memory.workspace import KnowledgeBaseFolder, Workspace

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from app.talk import Held
    from finetune.datasets import Dataset
    from finetune.engines.environments import Environment
    from finetune.models.bases import Bases
    from finetune.models.check import Reading
    from finetune.runs import Runs
    from memory.accounts import Accounts
    from memory.context import Context
    from memory.conversations import Conversations
    from memory.longterm import LongTerm
    from retrieval.answer import Answerer
    from retrieval.embedders import Embedder
    from retrieval.library import Library
    from retrieval.loaders import Limits
    from retrieval.packing import EvidencePlan
    from retrieval.records import Answer
    from retrieval.search import Search

Thing = TypeVar("Thing")
SMALLEST_MEMORY = 512
"""Tokens that question and memory get however much evidence is asked for; the answerer then shrinks the evidence."""


class Shelf:
    """What is made once per process, by key; safe to share between threads, and never made twice at the same time."""

    def __init__(self) -> None:
        self._things: dict[Any, Any] = {}
        self._locks: dict[Any, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, key: Any, make: Callable[[], Thing]) -> Thing:
        """The thing of that key, made now if it is not there. Making one blocks only those who want the same."""
        with self._lock:
            if key in self._things:
                return self._things[key]
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            if key not in self._things:
                self._things[key] = make()
            return self._things[key]

    def drop(self, *start: Any) -> list[Any]:
        """Forget every thing whose key begins with `start`, and give them back to be closed."""
        with self._lock:
            return [self._things.pop(key) for key in [k for k in self._things if k[: len(start)] == start]]


class Wiring:
    """The objects that one set of settings asks for. Users share what is heavy and nothing else."""

    def __init__(self, settings: Settings, home: Workspace, *, shelf: Shelf | None = None) -> None:
        self.settings = settings
        self.home = home
        self.shelf = shelf or Shelf()

    # The user's own

    def workspace(self, user: str = LOCAL_USER) -> Workspace:
        """Where a user's knowledge bases lie."""
        return self.home if user == LOCAL_USER else self.home.of_user(user)

    def folder(self, kb: str, user: str = LOCAL_USER) -> KnowledgeBaseFolder:
        """The folder of one of the user's knowledge bases."""
        return self.workspace(user).base(kb)

    def library(self, kb: str, user: str = LOCAL_USER) -> Library:
        """One of the user's knowledge bases."""
        from retrieval.library import Library

        folder, url = self.folder(kb, user), self.settings.retrieval.chroma_url
        embedder = self.embedder()
        key = ("library", str(folder.root), url, id(embedder))
        return self.shelf.get(key, lambda: Library(folder, embedder, chroma_url=url))

    def limits(self) -> Limits:
        """The most that reading one file may cost."""
        from retrieval.loaders import Limits

        chosen, megabyte = self.settings.documents, 1 << 20
        return Limits(
            seconds=chosen.seconds,
            memory=chosen.memory_mb * megabyte,
            size=chosen.size_mb * megabyte,
            download=chosen.web_mb * megabyte,
            download_seconds=chosen.web_seconds,
        )

    def search(self, kb: str, user: str = LOCAL_USER, *, rewriter: BaseChatModel | None = None) -> Search:
        """The search of one of the user's knowledge bases. `rewriter` makes follow-ups standalone; None: by rules."""
        from retrieval.search import Search

        library, floor = self.library(kb, user), self.settings.retrieval.floor
        key = ("library", str(library.folder.root), "search", id(library), self.settings.retrieval, id(rewriter))

        def make() -> Search:
            return Search(
                library,
                self.embedder(),
                reranker=self._reranker(),
                rewriter=rewriter,
                floor=None if floor < 0 else floor,
            )

        return self.shelf.get(key, make)

    def drop(self, kb: str, user: str = LOCAL_USER) -> None:
        """Delete a knowledge base with everything in it."""
        folder = self.folder(kb, user)
        for library in self.shelf.drop("library", str(folder.root)):
            if hasattr(library, "close"):
                library.close()
        shutil.rmtree(folder.root, ignore_errors=True)

    def adapters(self, kb: str, user: str = LOCAL_USER, *, model: str = "") -> list[str]:
        """Finished adapters of a knowledge base that go with a model, newest first."""
        from finetune import adapters

        name = model or self.settings.model.name
        cards = (card for card in adapters.cards(self.folder(kb, user)) if card.spec.engine != "rehearsal")
        return [card.id for card in cards if models.goes_with(self.settings, self.home, name, card)]

    def fits(self, kb: str, adapter: str, model: str, user: str = LOCAL_USER) -> bool:
        """Whether an adapter is there, finished, and made for a model."""
        from finetune import adapters

        cards = (card for card in adapters.cards(self.folder(kb, user)) if card.id == adapter)
        return any(models.goes_with(self.settings, self.home, model, card) for card in cards)

    def datasets(self, kb: str, user: str = LOCAL_USER) -> list[Dataset]:
        """The finished datasets of one of the user's knowledge bases, newest first."""
        from finetune import datasets

        return datasets.every(self.folder(kb, user))

    def runs(self, kb: str, user: str = LOCAL_USER) -> Runs:
        """The training runs of one of the user's knowledge bases."""
        from finetune.runs import Runs

        return Runs(self.workspace(user), self.folder(kb, user))

    def training_base(self, name: str = "") -> str:
        """The name of the model to train on: the one given, the setting's, the chat model where that is local."""
        from finetune.models.catalog import EMBEDDED

        wanted = name or self.settings.training.base
        if wanted:
            return models.chosen(self.settings, wanted).name
        chat = self.settings.model
        return chat.name if chat.provider == "local" else EMBEDDED

    # Answering

    def model_names(self) -> list[str]:
        """The models that can be picked, the default one first."""
        return models.names(self.settings, self.home)

    def pick(self, local: str) -> str:
        """The name by which a local model is picked; the name itself when it is in no list yet."""
        named = (name for name in self.model_names() if self._model(name).provider == "local")
        return next((name for name in named if self._model(name).name == local), local)

    def model_state(self, name: str) -> ModelState:
        """Whether a model can be used now, and what is missing."""
        return models.state(self.settings, self.home, name)

    def label(self, name: str) -> str:
        """A model's name as it is shown in a picker, with how well it reads where that was checked."""
        if not self.model_state(name).ready:
            return f"{name} ⤓"
        read = reading.short(self.reading(name))
        return f"{name} ({read})" if read else name

    def reading(self, name: str) -> Reading | None:
        """The kept reading check of a model; None when it was never checked or does not lie here."""
        from finetune.models.check import kept

        try:
            return kept(models.identity(self.settings, self.home, name), self.home)
        except DocgraftError:
            return None

    def plan(self, name: str) -> EvidencePlan:
        """How much evidence a model gets, and in what form."""
        return models.plan(self.settings, name, self.reading(name))

    def chat_model(self, name: str = "", *, adapter: Path | None = None, grounded: bool = False) -> BaseChatModel:
        """A chat model by name; the default one without. Beside passages (`grounded`) its adapter is turned down.

        One on a server is made once for its settings and key: it has asked the server how much it holds.
        """
        name = name or self.settings.model.name
        chosen = self._model(name)
        if chosen.provider == "local" or adapter:
            strength = self.settings.retrieval.adapter_strength if grounded else 1.0
            return models.build(self.settings, self.home, self.bases(), name, adapter=adapter, strength=strength)
        key = ("model", chosen, self._key(chosen.api_key_env))
        return self.shelf.get(key, lambda: models.build(self.settings, self.home, self.bases(), name))

    def warm(self, name: str) -> bool:
        """Whether a model can begin to answer at once: a local one has to be in memory."""
        return self._model(name).provider != "local" or self.bases().loaded is not None

    def answerer(self, held: Held, user: str = LOCAL_USER) -> Answerer:
        """What answers with these choices."""
        from retrieval.answer import Answerer

        model = self.chat_model(held.model, adapter=self._adapter(held, user), grounded=True)
        return Answerer(
            self.search(held.kb, user, rewriter=self._rewriter(held.model, model)),
            model,
            plan=self.plan(held.model),
            count=models.counter(model),
            context_window=models.window(self.settings, held.model, model),
            answer_tokens=self._model(held.model).max_tokens,
            name=held.model,
            adapter=held.adapter,
        )

    def answers(
        self,
        user: str,
        question: str,
        held: Held,
        *,
        context: Context | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[str | Answer]:
        """Pieces of an answer and then the Answer, from the documents or from the model alone."""
        from retrieval import alone

        history = context.history if context else ()
        memory = context.memory if context else ""
        if held.documents:
            yield from self.answerer(held, user).stream(question, history=history, memory=memory, stop=stop)
            return
        model, chosen = self.chat_model(held.model, adapter=self._adapter(held, user)), self._model(held.model)
        yield from alone.stream(
            model,
            question,
            history=history,
            memory=memory,
            count=models.counter(model),
            room=models.window(self.settings, held.model, model) - chosen.max_tokens,
            name=held.model,
            adapter=held.adapter,
            stop=stop,
        )

    def context(
        self, user: str, conversation_id: str, question: str, held: Held, *, withdrawn: Collection[str] = ()
    ) -> Context:
        """What an answer is given to remember by, but for withdrawn turns. Call before the question is kept."""
        from memory.context import prepare

        model, chosen = self.chat_model(held.model), self._model(held.model)
        plan = self.plan(held.model)
        evidence = plan.budget if held.documents else 0
        room = models.window(self.settings, held.model, model) - evidence
        if self.settings.memory.window:
            room = min(room, self.settings.memory.window + chosen.max_tokens)
        return prepare(
            self.conversations(),
            user,
            conversation_id,
            question,
            count=models.counter(model),
            limit=max(room, chosen.max_tokens + SMALLEST_MEMORY),
            reserve=chosen.max_tokens,
            most_turns=plan.turns if held.documents else None,
            longterm=self.longterm() if self.settings.memory.remember else None,
            recall=self.settings.memory.recall,
            withdrawn=withdrawn,
        )

    def _model(self, name: str) -> Model:
        return models.chosen(self.settings, name)

    def _adapter(self, held: Held, user: str) -> Path | None:
        if not held.adapter:
            return None
        from finetune import adapters

        return adapters.folder(self.folder(held.kb, user), held.adapter)

    def fetch(self, name: str, *, title: str = "") -> Job:
        """Fetch a local model in the background; whoever asks for the same one meanwhile gets the same job."""
        from finetune.models.fetch import fetch

        def work(job: Job) -> Any:
            chosen = models.chosen(self.settings, name).name
            return fetch(chosen, self.home, lambda what, done, total: job.progress(done, total, what))

        return self.jobs().start(EVERYBODY, "fetch", name, work, title=title)

    def engine(self, name: str) -> Environment:
        """The environment of an engine that has one of its own."""
        from finetune.engines.environments import Environment

        return Environment(self.home, name)

    def install_engine(self, name: str, *, title: str = "") -> Job:
        """Install an engine in the background; whoever asks for the same one meanwhile gets the same job."""

        def work(job: Job) -> Any:
            return self.engine(name).install(job.progress, stop=job.stopping)

        return self.jobs().start(EVERYBODY, "engine", name, work, title=title)

    # Shared by all

    def bases(self) -> Bases:
        """The one base model in memory."""
        from finetune.models.bases import Bases

        return self.shelf.get(("bases",), Bases)

    def jobs(self) -> Jobs:
        """The background jobs of this process."""
        return self.shelf.get(("jobs",), Jobs)

    def accounts(self) -> Accounts:
        """Who may log in."""
        from memory.accounts import Accounts

        return self.shelf.get(("accounts",), lambda: Accounts(self.home.accounts))

    def conversations(self) -> Conversations:
        """Everybody's conversations; every call takes the user."""
        from memory.conversations import Conversations

        return self.shelf.get(("conversations",), lambda: Conversations(self._database()))

    def longterm(self) -> LongTerm:
        """What is remembered of everybody; every call takes the user."""
        from memory.longterm import LongTerm

        return self.shelf.get(("longterm",), lambda: LongTerm(self._database()))

    def embedder(self) -> Embedder:
        """The embedder that the settings name."""
        from retrieval.embedders import load

        chosen = self.settings.retrieval
        options: dict[str, Any] = {}
        if chosen.embedder.startswith("openai:"):
            options = {"base_url": chosen.embedder_url, "api_key": self._key(chosen.embedder_key_env)}
        key = ("embedder", chosen.embedder, chosen.embedder_url, chosen.embedder_key_env)
        return self.shelf.get(key, lambda: load(chosen.embedder, **options))

    def _database(self) -> Any:
        from memory.database import Database
        from memory.schema import MIGRATIONS

        return self.shelf.get(("database",), lambda: Database(self.home.database, MIGRATIONS))

    def _reranker(self) -> Any:
        name = self.settings.retrieval.reranker
        if not name:
            return None
        from retrieval.rerank import CrossEncoder

        return self.shelf.get(("reranker", name), lambda: CrossEncoder(name=name))

    def _rewriter(self, name: str, model: BaseChatModel) -> BaseChatModel | None:
        """Who makes follow-ups standalone: rules for models that read badly, else the model itself."""
        wanted = self.settings.retrieval.rewrite
        by_model = wanted == "model" or (wanted == "auto" and not models.small(self.settings, name))
        return model if by_model else None

    def _key(self, name: str) -> str:
        from app import keys

        return keys.find(self.home, name) if name else ""
