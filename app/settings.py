"""Settings: settings.toml and the environment become one frozen value. Nobody else reads the environment.

`DOCGRAFT_HOME` moves the home folder. `DOCGRAFT_SECTION__KEY` overrides a key of settings.toml.
"""

from __future__ import annotations

import difflib
import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from memory.errors import NotConfigured
from memory.workspace import Workspace, check_name, write_text

PREFIX = "DOCGRAFT_"
HOME = "DOCGRAFT_HOME"
NAME = r"^([A-Za-z_][A-Za-z0-9_]*)?$"


class Group(BaseModel):
    """A table of settings.toml: frozen, unknown keys refused; a field's docstring is its help text on the page."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Model(Group):
    """A chat model and how to reach it."""

    name: str = "smollm2-135m-reader"
    """A catalog name, Hugging Face id or folder for a local model; the provider's own model name for a hosted one."""
    provider: str = "local"
    """'local' runs in this process; else a LangChain provider: openai (any compatible server), ollama, others."""
    base_url: str = ""
    """Address of a model server, such as http://127.0.0.1:11434/v1. Empty: the provider's own."""
    api_key_env: str = Field("", pattern=NAME)
    """Name of the environment variable (or entry of secrets.toml) that holds the key; never the key itself."""
    max_tokens: int = Field(256, ge=1, le=32_768)
    """Longest answer, in tokens."""
    temperature: float = Field(0.0, ge=0, le=2)
    """0 gives the same answer every time; higher is more varied."""
    context: int = Field(0, ge=0)
    """Tokens that a prompt may hold. 0: what the model itself says (2,048 for a server that does not say)."""


class Retrieval(Group):
    """How documents are searched."""

    embedder: str = "e5"
    """Turns text into vectors: e5 (bundled, 100 languages), sentence-transformers:NAME or openai:MODEL."""
    embedder_url: str = ""
    """Address of an OpenAI-compatible embedding server. Only for openai:MODEL."""
    embedder_key_env: str = Field("", pattern=NAME)
    """Name of the environment variable that holds the embedding server's key."""
    chroma_url: str = ""
    """Address of a Chroma server. Empty: vectors lie in the knowledge base's own folder."""
    budget: int = Field(0, ge=0, le=32_768)
    """Tokens of evidence put into a prompt. 0: what suits the model."""
    floor: float = Field(-1.0, ge=-1, le=1)
    """Relevance below which the answer is "not in your documents". -1: calibrated for each knowledge base."""
    adapter_strength: float = Field(0.5, ge=0, le=1)
    """How strongly an adapter speaks when passages are shown: 1 as it was trained. Turned down it reads better."""
    reranker: str = ""
    """A cross-encoder (sentence-transformers name) that orders the best hits again. Empty: none."""
    rewrite: Literal["auto", "rules", "model"] = "auto"
    """How follow-up questions are made standalone: by rules, by the model, or whichever suits the model."""


class Documents(Group):
    """How files are read."""

    ocr: bool = False
    """Read scanned pages with tesseract (needs the 'ocr' extra)."""
    size_mb: int = Field(200, ge=1, le=4096)
    """Largest file that is read."""
    seconds: int = Field(120, ge=1, le=3600)
    """Longest time that reading one file may take."""
    memory_mb: int = Field(1024, ge=256)
    """Most memory that reading one file may take."""
    web_seconds: int = Field(20, ge=1, le=600)
    """Longest time that fetching a web address may take."""
    web_mb: int = Field(20, ge=1, le=1024)
    """Largest page or file that is fetched from a web address."""


class Memory(Group):
    """What the assistant remembers."""

    remember: bool = True
    """Keep facts that you state about yourself or ask it to remember, across conversations."""
    recall: int = Field(5, ge=0, le=50)
    """How many remembered facts may go into a prompt."""
    window: int = Field(0, ge=0)
    """Tokens of a prompt for earlier turns, summary and facts. 0: what suits the model."""


class Server(Group):
    """The page's server."""

    address: str = "127.0.0.1"
    """Address that the page listens on. Any other than this machine's own needs login."""
    port: int = Field(8501, ge=1, le=65_535)
    """Port that the page listens on."""
    login: bool = False
    """Ask for an account (see `docgraft accounts`). Every account has knowledge bases and conversations of its own."""
    admins: tuple[str, ...] = ()
    """Accounts that may change settings and models on the page. Without login everybody may."""
    upload_mb: int = Field(200, ge=1, le=4096)
    """Largest file that can be uploaded on the page. For larger ones give a folder's path."""


class Training(Group):
    """What a new training run starts from."""

    engine: str = "trl"
    """Training engine."""
    effort: Literal["quick", "balanced", "thorough"] = "balanced"
    """How much time a run may take for how good an adapter."""
    base: str = ""
    """Base model to train on. Empty: the chat model."""


class Judge(Group):
    """A model that gives its opinion on pairs of answers, beside the marks."""

    model: str = ""
    """Name of the model (see models) that judges answers in a comparison. Empty: none. It never decides the verdict."""


class Price(Group):
    """What a hosted model costs."""

    input: float = Field(0.0, ge=0)
    """Money per million prompt tokens."""
    output: float = Field(0.0, ge=0)
    """Money per million answer tokens."""
    training: float = Field(0.0, ge=0)
    """Money per million tokens of fine-tuning at the service. 0: as listed when this version was made."""
    currency: str = "USD"
    """Currency of both."""


class Settings(Group):
    """Everything that can be set."""

    language: Literal["en", "zh-TW"] = "en"
    """Language of the page: English or 繁體中文."""
    theme: Literal["auto", "light", "dark"] = "auto"
    """Colours of the page; auto follows the system."""
    model: Model = Model()
    """The chat model used unless another is picked."""
    models: dict[str, Model] = Field(default_factory=dict)
    """Further models to pick from, by a name of your own: [models.NAME]."""
    retrieval: Retrieval = Retrieval()
    """How documents are searched."""
    documents: Documents = Documents()
    """How files are read."""
    memory: Memory = Memory()
    """What the assistant remembers."""
    server: Server = Server()
    """The page's server."""
    training: Training = Training()
    """What a new training run starts from."""
    judge: Judge = Judge()
    """A model that gives its opinion on pairs of answers, beside the marks."""
    prices: dict[str, Price] = Field(default_factory=dict)
    """What hosted models cost, by model name, for the comparison's economics: [prices.NAME]."""


def workspace(environment: Mapping[str, str] | None = None) -> Workspace:
    """The home folder that the environment names, else the platform's."""
    home = (os.environ if environment is None else environment).get(HOME, "")
    return Workspace(Path(home) if home else None)


def environment() -> Mapping[str, str]:
    """The process environment, for the few who pass parts of it on: keys by name, and child processes."""
    return os.environ


def load(home: Workspace, environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of a home folder under the environment's overrides; NotConfigured names a bad key and a good one."""
    values = read(home)
    overrides = os.environ if environment is None else environment
    for name in sorted(overrides):
        if name.startswith(PREFIX) and name != HOME:
            path = name.removeprefix(PREFIX).lower().split("__")
            _put(values, path, _parsed(overrides[name]), source=f"environment variable {name}")
    return validate(values)


def read(home: Workspace) -> dict[str, Any]:
    """The plain contents of settings.toml, {} when there is none; NotConfigured when it is not TOML."""
    try:
        return tomllib.loads(home.settings.read_text(encoding="utf-8-sig"))  # Notepad puts a mark in front.
    except FileNotFoundError:
        return {}
    except OSError as cause:
        raise NotConfigured(
            f"{home.settings} cannot be read: {cause.strerror}.", "Set DOCGRAFT_HOME to a folder of your own."
        ) from cause
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as cause:
        raise NotConfigured(
            f"{home.settings} is not a TOML file: {cause}", "Correct that line or remove it."
        ) from cause


def validate(values: Mapping[str, Any]) -> Settings:
    """`values` as Settings; NotConfigured names the first wrong key, what is wrong, and the nearest valid key."""
    try:
        return Settings.model_validate(values)
    except ValidationError as cause:
        raise _explained(cause) from cause


def save(home: Workspace, changes: Mapping[str, Any]) -> Settings:
    """Write dotted keys (`model.name`) into settings.toml, checked first, its comments kept; None removes a key."""
    import tomlkit

    validate(_plain(read(home), changes))
    text = home.settings.read_text(encoding="utf-8-sig") if home.settings.exists() else ""
    document = tomlkit.parse(text)
    for dotted, value in changes.items():
        _put(document, dotted.split("."), value, source=dotted)
    write_text(home.settings, tomlkit.dumps(document))
    return load(home)


def fields(group: type[BaseModel] = Settings, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted key, pydantic field) of every setting; tables with free names (`models`, `prices`) are left out."""
    for name, field in group.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Group):
            yield from fields(field.annotation, f"{prefix}{name}.")
        elif field.default_factory is None:
            yield prefix + name, field


def value(settings: Settings, dotted: str) -> Any:
    """The value of a dotted key."""
    found: Any = settings
    for part in dotted.split("."):
        found = getattr(found, part)
    return found


def overridden(environment: Mapping[str, str] | None = None) -> set[str]:
    """Dotted keys that the environment fixes, so that the page can say why editing them changes nothing."""
    names = os.environ if environment is None else environment
    found = (n.removeprefix(PREFIX) for n in names if n.startswith(PREFIX) and n != HOME)
    return {n.lower().replace("__", ".") for n in found}


def _plain(values: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    copy = json.loads(json.dumps(values, default=str))
    for dotted, value in changes.items():
        _put(copy, dotted.split("."), value, source=dotted)
    return dict(copy)


def _put(values: Any, path: list[str], value: Any, *, source: str) -> None:
    for part in path[:-1]:
        values = values.setdefault(part, {})
        if not isinstance(values, dict):
            raise NotConfigured(f"{source}: {part!r} is a single setting, not a table.", "Remove what follows it.")
    if value is None:
        values.pop(path[-1], None)
    else:
        values[path[-1]] = value


def _parsed(text: str) -> Any:
    """The environment holds text; pydantic reads numbers and booleans from it, a table or list must be JSON."""
    if text.startswith(("{", "[")):
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            return text
    return text


def _explained(cause: ValidationError) -> NotConfigured:
    error = cause.errors()[0]
    path = [str(part) for part in error["loc"]]
    dotted = ".".join(path)
    if error["type"] == "extra_forbidden":
        return NotConfigured(f"There is no setting {dotted!r}.", _nearest(dotted))
    shown = "" if _secret(path) else f" (given: {error['input']!r})"
    return NotConfigured(f"The setting {dotted!r} is wrong: {error['msg']}{shown}.", "Correct it in settings.toml.")


def _nearest(dotted: str) -> str:
    known = [name for name, _ in fields()]
    last = dotted.rsplit(".", 1)[-1]
    near = difflib.get_close_matches(dotted, known, n=1, cutoff=0.6)
    near = near or [name for name in known if name.rsplit(".", 1)[-1] == last]
    near = near or difflib.get_close_matches(last, [n.rsplit(".", 1)[-1] for n in known], n=1)
    return f"Did you mean {near[0]!r}?" if near else f"Settings are: {', '.join(known)}."


def _secret(path: list[str]) -> bool:
    return any(word in part.lower() for part in path for word in ("key", "token", "password", "secret"))


def check_model_name(name: str) -> str:
    """`name` if it can stand for a further model in settings.toml."""
    return check_name(name, "model name")
