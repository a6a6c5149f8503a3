"""Chat models: which can be picked, whether one can be used now, and the LangChain object behind a name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from app import keys
from app.settings import Model, Settings
from memory.errors import DocgraftError, NotConfigured
from memory.records import Record
from memory.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable

    from langchain_core.language_models import BaseChatModel

    from finetune.models.bases import Bases
    from finetune.models.check import Reading
    from finetune.records import AdapterCard
    from retrieval.prompts import EvidencePlan

DEFAULT_WINDOW = 2048
"""Tokens that a model server is trusted with when nobody says how many it takes."""
SMALL_PARAMETERS = 1_000_000_000
"""Below this a model is taken to read badly, until its reading check says otherwise."""


class ModelState(Record):
    """Whether a model can be used now."""

    name: str
    ready: bool
    text: str
    """What it is and where, in a few words."""
    fix: str = ""
    """What to do when it is not ready, or when a newer one can be had."""
    fetchable: bool = False
    size: int = 0
    """Bytes to fetch; 0 when unknown."""
    warnings: tuple[str, ...] = ()
    """What to know before choosing it."""


def names(settings: Settings, home: Workspace) -> list[str]:
    """Every model that can be picked: the default first, then those of settings.toml, then the fetched ones."""
    from finetune.models.fetch import fetched

    return list(dict.fromkeys([settings.model.name, *settings.models, *(card.name for card in fetched(home))]))


def chosen(settings: Settings, name: str) -> Model:
    """The settings of a model by the name it is picked by; a fetched model answers like the default one."""
    if name in settings.models:
        return settings.models[name]
    if name == settings.model.name:
        return settings.model
    return settings.model.model_copy(
        update={"name": name, "provider": "local", "base_url": "", "api_key_env": "", "context": 0}
    )


def goes_with(settings: Settings, home: Workspace, name: str, card: AdapterCard) -> bool:
    """Whether an adapter was trained on this model, whatever it was called then and wherever its folder lay."""
    from finetune.models import fetch
    from finetune.models.catalog import entry_for, is_path
    from finetune.models.fingerprints import fingerprint

    model = chosen(settings, name)
    if model.provider != "local":
        return False
    if entry_for(model.name).name == entry_for(card.base).name:
        return True
    if not is_path(model.name) and not is_path(card.base):
        return False
    try:
        return fingerprint(fetch.local(model.name, home)) == card.base_fingerprint
    except NotConfigured:
        return False


def state(settings: Settings, home: Workspace, name: str) -> ModelState:
    """Whether a model can be used now. Looks at the disk and at the keys; asks no server."""
    model = chosen(settings, name)
    if model.provider != "local":
        return _hosted_state(home, name, model)
    from finetune.models import fetch
    from finetune.models.catalog import entry_for, folder_warnings

    entry = entry_for(model.name)
    try:
        folder = fetch.local(model.name, home)
    except NotConfigured as error:
        size = min((source.bytes for source in entry.sources if source.bytes), default=0)
        fetchable = bool(entry.sources) and not entry.own_code
        return ModelState(
            name=name,
            ready=False,
            text=error.message.removeprefix("The model "),
            fix=error.hint.removeprefix("Run: "),
            fetchable=fetchable,
            size=size,
            warnings=entry.warnings,
        )
    warnings = tuple(dict.fromkeys([*entry.warnings, *folder_warnings(folder)]))
    if fetch.outdated(model.name, home):
        text, fix = f"{folder}; a newer one comes with this Docgraft", f"docgraft models fetch {entry.name}"
        return ModelState(name=name, ready=True, text=text, fix=fix, fetchable=True, warnings=warnings)
    return ModelState(name=name, ready=True, text=str(folder), warnings=warnings)


def _hosted_state(home: Workspace, name: str, model: Model) -> ModelState:
    where = model.base_url or f"the service of {model.provider}"
    if model.api_key_env:
        try:
            keys.find(home, model.api_key_env)
        except NotConfigured as error:
            return ModelState(name=name, ready=False, text=error.message, fix=error.hint)
    return ModelState(name=name, ready=True, text=f"{model.name} at {where}")


def build(
    settings: Settings, home: Workspace, bases: Bases, name: str, *, adapter: Path | None = None, strength: float = 1.0
) -> BaseChatModel:
    """The LangChain chat model of that name. NotConfigured when it cannot be used, with what is missing."""
    model = chosen(settings, name)
    found = state(settings, home, name)
    if not found.ready:
        raise NotConfigured(f"The model {name!r} cannot be used: {found.text}.", found.fix)
    if model.provider == "local":
        from finetune.models import fetch
        from finetune.models.local import LocalChatModel

        return LocalChatModel(
            bases=bases,
            path=fetch.local(model.name, home),
            adapter=adapter,
            strength=strength,
            max_new_tokens=model.max_tokens,
            temperature=model.temperature,
        )
    if adapter is not None:
        raise DocgraftError("An adapter needs its local base model.", "Pick a local model, or no adapter.")
    return _hosted(home, model)


def _hosted(home: Workspace, model: Model) -> BaseChatModel:
    from finetune.models.hosted import chat_model

    return chat_model(model, key=keys.find(home, model.api_key_env) if model.api_key_env else "")


def window(settings: Settings, name: str, model: BaseChatModel) -> int:
    """Tokens that prompt and answer of this model may have together."""
    return chosen(settings, name).context or int(getattr(model, "context_window", DEFAULT_WINDOW))


def counter(model: BaseChatModel) -> Callable[[str], int]:
    """Tokens of a text: by the model's own tokenizer when it lies here, else estimated."""
    from retrieval.prompts import estimate

    own: Callable[[str], int] | None = getattr(model, "count", None)
    return own or estimate


def plan(settings: Settings, name: str, reading: Reading | None = None) -> EvidencePlan:
    """How much evidence a model gets, and in what form: as its reading check says, else as its size does."""
    from finetune.models.check import plan_for
    from retrieval.prompts import LARGE, SMALL

    found = plan_for(reading) if reading else SMALL if small(settings, name) else LARGE
    budget = settings.retrieval.budget
    return found.model_copy(update={"budget": budget}) if budget else found


def identity(settings: Settings, home: Workspace, name: str) -> str:
    """What a reading check of a model is kept under: the weights of a local one, the name of one on a server."""
    model = chosen(settings, name)
    if model.provider != "local":
        return name
    from finetune.models import fetch
    from finetune.models.fingerprints import fingerprint

    return fingerprint(fetch.local(model.name, home))


def small(settings: Settings, name: str) -> bool:
    """Whether a model is taken to read badly. A model on a server is taken to read well."""
    model = chosen(settings, name)
    if model.provider != "local":
        return False
    from finetune.models.catalog import entry_for

    return entry_for(model.name).parameters < SMALL_PARAMETERS
