"""The one base model in memory: who may use it, when it leaves, and the adapters open beside it.

Answers take turns step by step, so several streams run side by side; another base is loaded only when none is running.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from finetune.models import adapter_files
from finetune.models.adapter_files import AdapterFiles
from finetune.models.decoding import BatchDecoding, Decoding, read_prefix
from finetune.models.devices import Device, describe
from finetune.models.fingerprints import weights
from finetune.models.loading import LoadedBase, context_window, graft, load_base, plain_failures, release
from finetune.models.templates import load_tokenizer, render
from finetune.models.turns import Turns
from memory.errors import BackendFailed, NotConfigured

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage
    from transformers import PreTrainedTokenizerBase

T = TypeVar("T")
ABANDONED = 20.0
"""Seconds after which an answer that nobody reads on no longer keeps its base in memory."""
_PREFIX = 24
"""Shortest prefix, in tokens, that is worth keeping."""


class Network:
    """One way of answering with the loaded base: bare, or with one adapter. Prefixes read once are kept."""

    def __init__(self, network: Any, tokenizer: PreTrainedTokenizerBase, files: AdapterFiles | None) -> None:
        self.network = network
        self.tokenizer = tokenizer
        self.files = files
        self._prefixes: OrderedDict[tuple[int, ...], Any] = OrderedDict()

    @property
    def system(self) -> str:
        """The system text that the adapter was trained with; "" for the base."""
        return self.files.system if self.files else ""

    def start(self, decoding: Decoding | BatchDecoding, prefix: Sequence[int]) -> None:
        """Let answers begin behind `prefix` (the system text). It is always read by itself, so whether it was kept
        from an earlier answer changes the time, never the answer."""
        key = tuple(prefix)
        if len(key) < _PREFIX or not all(
            len(row) > len(key) and tuple(row[: len(key)]) == key for row in decoding.rows
        ):
            return
        if key not in self._prefixes:
            self._prefixes[key] = read_prefix(self.network, prefix)
        self._prefixes.move_to_end(key)
        while len(self._prefixes) > 4:
            self._prefixes.popitem(last=False)
        decoding.start_from(self._prefixes[key], len(prefix))


class Lease:
    """The right of one answer to use the base, step by step, until it is closed or was abandoned."""

    def __init__(self, bases: Bases, base: LoadedBase, network: Network) -> None:
        self._bases = bases
        self._network: Network | None = network
        self.tokenizer = network.tokenizer
        self.system = network.system
        self.context_window = context_window(base.path)
        self.ends = base.ends
        self.touched = time.monotonic()

    def step(self, work: Callable[[Network], T]) -> T:
        """Do one step of work while holding the processor. BackendFailed when the base had to leave in the meantime.

        The network is lent for the step only: a suspended answer must not keep its base in memory.
        """
        with self._bases.turns.turn():
            if self._network is None:
                raise BackendFailed(
                    "The model was unloaded while this answer waited.", "Ask again: the model will be loaded again."
                )
            try:
                with plain_failures("The answer"):
                    return work(self._network)
            finally:
                self.touched = time.monotonic()

    def prefix(self, messages: Sequence[BaseMessage]) -> list[int]:
        """The ids of the system text at the head of `messages`, which many prompts share; [] when there is none."""
        if len(messages) < 2 or messages[0].type != "system":
            return []
        try:
            return render(messages[:1], self.tokenizer, add_generation_prompt=False)
        except NotConfigured:  # Some templates want a user's turn. Then nothing is shared.
            return []

    @property
    def waiting(self) -> bool:
        """Whether somebody still reads this answer."""
        return time.monotonic() - self.touched < ABANDONED

    def revoke(self) -> None:
        """Take the base away."""
        self._network = None


class Bases:
    """Holds at most one base model. Thread-safe; loading another one lets running answers finish first."""

    def __init__(self, *, device: str = "auto", dtype: str = "auto", threads: int | None = None, keep: int = 4) -> None:
        """`device` and `dtype` "auto" follow finetune.models.devices; `keep`: how many adapters stay open."""
        self.turns = Turns()
        self.live: weakref.WeakSet[Any] = weakref.WeakSet()
        """Base models that are still in memory: never more than one."""
        self._device = device
        self._dtype = dtype
        self._threads = threads
        self._keep = keep
        self._changed = threading.Condition(threading.RLock())
        self._base: LoadedBase | None = None
        self._state: tuple[Any, ...] = ()
        self._networks: OrderedDict[tuple[Any, ...], Network] = OrderedDict()
        self._leases: set[Lease] = set()
        self._tokenizers: OrderedDict[tuple[Any, ...], PreTrainedTokenizerBase] = OrderedDict()

    @property
    def loaded(self) -> Path | None:
        """The folder of the base in memory."""
        return self._base.path if self._base else None

    @property
    def device(self) -> Device:
        """Where models run."""
        return self._base.device if self._base else describe(self._device)

    def load(self, path: Path) -> None:
        """Bring this base into memory; the one before it leaves. BackendFailed in plain words when it does not fit."""
        with self._changed:
            self._require(path)

    def unload(self) -> None:
        """Free the base and everything beside it, once running answers have ended."""
        with self._changed:
            self._evict()

    @contextmanager
    def lease(
        self, path: Path, adapter: Path | None = None, *, strength: float = 1.0, recorded: bool = True
    ) -> Iterator[Lease]:
        """The base in `path`, with an adapter or bare, for one answer. Another base waits until answers have ended.

        `strength`: how much of its adapter's change is made, 1 as it was trained. `recorded`: refuse an adapter that
        does not say which base and template it was trained with.
        """
        with self._changed:
            lease = self._leased(path, adapter, strength, recorded)
            self._leases.add(lease)
        try:
            yield lease
        finally:
            with self._changed:
                self._leases.discard(lease)
                self._changed.notify_all()

    def tokenizer(self, path: Path, adapter: Path | None = None) -> PreTrainedTokenizerBase:
        """The tokenizer of a base, with the adapter's own chat template where it has one. Loads no weights."""
        base = self._base
        if adapter is None and base is not None and base.path == path:
            return base.tokenizer
        key = (_state(path), _adapter_state(adapter) if adapter else ())
        if key not in self._tokenizers:  # Reading one takes as long as a thousand counts, and packing counts a lot.
            template = adapter_files.read(adapter).template if adapter else None
            self._tokenizers[key] = load_tokenizer(path, template)
            while len(self._tokenizers) > self._keep:
                self._tokenizers.popitem(last=False)
        return self._tokenizers[key]

    def _require(self, path: Path) -> LoadedBase:
        state = _state(path)
        if self._base is None or self._state != state:
            self._evict()
            if self._threads:
                import torch

                torch.set_num_threads(self._threads)
            self._base, self._state = load_base(path, describe(self._device), self._dtype), state
            self.live.add(self._base.network)
        return self._base

    def _evict(self) -> None:
        while any(lease.waiting for lease in self._leases):
            self._changed.wait(timeout=0.5)
        with self.turns.turn():
            for lease in self._leases:
                lease.revoke()
            self._networks.clear()
            if self._base is None:
                return
            self._base, self._state = None, ()
        release()

    def _leased(self, path: Path, adapter: Path | None, strength: float, recorded: bool) -> Lease:
        """Apart from `lease`, whose frame lives as long as the answer and must not hold the base itself."""
        base = self._require(path)
        return Lease(self, base, self._open(base, adapter, strength, recorded))

    def _open(self, base: LoadedBase, adapter: Path | None, strength: float, recorded: bool) -> Network:
        key = (*_adapter_state(adapter), strength) if adapter else ()
        if key not in self._networks:
            self._networks[key] = self._opened(base, adapter, strength)
        network = self._networks[key]
        if network.files is not None:
            adapter_files.check_base(network.files, base.path, network.tokenizer, recorded=recorded)
        self._networks.move_to_end(key)
        while len(self._networks) > self._keep + 1:
            self._networks.popitem(last=False)
        return network

    def _opened(self, base: LoadedBase, adapter: Path | None, strength: float) -> Network:
        if adapter is None:
            return Network(base.network, base.tokenizer, None)
        files = adapter_files.read(adapter)
        tokenizer = base.tokenizer if files.template is None else load_tokenizer(base.path, files.template)
        with self.turns.turn():
            return Network(graft(base, adapter, strength), tokenizer, files)


def _state(path: Path) -> tuple[Any, ...]:
    """What tells that a model folder is still the one that was loaded."""
    return (path.resolve(), *((file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in weights(path)))


def _adapter_state(adapter: Path) -> tuple[Any, ...]:
    names = (adapter_files.WEIGHTS, adapter_files.CONFIG, adapter_files.CARD, adapter_files.TEMPLATE)
    files = [adapter / name for name in names]
    return (adapter.resolve(), *((f.name, f.stat().st_size, f.stat().st_mtime_ns) for f in files if f.exists()))
