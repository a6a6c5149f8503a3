"""Fine-tuning at a service: which services there are, what a job is, what it would cost. Sends nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from finetune.formats.chats import OPENAI_LEAST
from finetune.records import Pair
from memory.errors import NotConfigured
from memory.records import Record

State = Literal[
    "prepared", "uploaded", "creating", "queued", "running", "cancelling", "succeeded", "failed", "cancelled"
]
ENDED = ("succeeded", "failed", "cancelled")


class Service(Record):
    """A service that trains on rows sent to it."""

    name: str
    base_url: str
    """Without the trailing slash; a job may name another that speaks the same protocol."""
    key_env: str
    """Name under which its key is found; never the key."""
    dialect: Literal["openai", "mistral"]
    least: int
    """Training rows that it takes at least."""
    prices: dict[str, float] = Field(default_factory=dict)
    """US dollars per million training tokens by model, as listed when this was written; settings win."""
    warning: str = ""
    """What to know before choosing it."""


SERVICES = {
    "openai": Service(
        name="openai",
        base_url="https://api.openai.com/v1",
        key_env="OPENAI_API_KEY",
        dialect="openai",
        least=OPENAI_LEAST,
        prices={"gpt-4.1": 25.0, "gpt-4.1-mini": 5.0, "gpt-4.1-nano": 1.5, "gpt-4o": 25.0, "gpt-4o-mini": 3.0},
        warning="OpenAI closes its fine-tuning to new jobs in January 2027, and models tuned on gpt-4o, gpt-4o-mini, "
        "gpt-4.1 and gpt-4.1-mini stop answering with their base on 14 January 2027 (announced 14 October 2026).",
    ),
    "mistral": Service(
        name="mistral",
        base_url="https://api.mistral.ai/v1",
        key_env="MISTRAL_API_KEY",
        dialect="mistral",
        least=1,
        prices={
            "open-mistral-nemo": 1.0,
            "mistral-small-latest": 3.0,
            "mistral-large-latest": 9.0,
            "codestral-latest": 3.0,
        },
        warning="Mistral keeps fine-tuned models for a monthly fee as well; its own dry run says what a job costs.",
    ),
}


class HostedJob(Record):
    """One job at a service, as it is kept in the knowledge base. Holds no key."""

    id: str
    kb: str
    service: str
    base_url: str
    key_env: str
    model: str
    """The base model, by the service's name."""
    dataset: str
    epochs: int
    rows: int
    tokens: int
    """Of the training rows, once through; estimated high."""
    cost: float | None = None
    """US dollars, estimated before anything was sent; None when no price is known."""
    created: str = ""
    state: State = "prepared"
    files: dict[str, str] = Field(default_factory=dict)
    """Split → id of the uploaded file."""
    remote: str = ""
    """The service's id of the job."""
    result: str = ""
    """Name of the finished model."""
    message: str = ""
    events: tuple[str, ...] = ()
    """What the service said, oldest first."""


class Estimate(Record):
    """What a job would send and cost."""

    service: str
    host: str
    model: str
    rows: int
    tokens: int
    epochs: int
    cost: float | None
    example: str
    """The first row, as it would leave this machine."""
    warnings: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def service(name: str) -> Service:
    """The service of that name; NotConfigured for an unknown one."""
    if name not in SERVICES:
        raise NotConfigured(f"There is no fine-tuning service {name!r}.", f"Choose one of: {', '.join(SERVICES)}.")
    return SERVICES[name]


def estimate(
    chosen: Service,
    model: str,
    pairs: Sequence[Pair],
    *,
    epochs: int,
    base_url: str = "",
    price: float | None = None,
) -> Estimate:
    """Count rows and tokens and price them. `price`: US dollars per million training tokens, before the list's."""
    from finetune.formats.writing import chat
    from retrieval.packing import estimate as count

    train = [pair for pair in pairs if pair.split == "train"]
    texts = ["\n".join(f"{turn['role']}: {turn['content']}" for turn in chat(pair)) for pair in train]
    tokens = sum(count(text) for text in texts)
    own = not base_url or base_url == chosen.base_url
    each = price if price is not None else chosen.prices.get(model) if own else None
    problems = []
    if len(train) < chosen.least:
        problems.append(f"{chosen.name} takes {chosen.least} training rows at least; this dataset has {len(train)}.")
    warnings = [chosen.warning] if own and chosen.warning else []
    if each is None:
        warnings.append(f"The price of training {model} is not known here: set prices.{model!r}.training.")
    return Estimate(
        service=chosen.name,
        host=(base_url or chosen.base_url).split("://")[-1].split("/")[0],
        model=model,
        rows=len(train),
        tokens=tokens,
        epochs=epochs,
        cost=None if each is None else round(each * tokens * epochs / 1e6, 4),
        example=texts[0] if texts else "",
        warnings=tuple(warnings),
        problems=tuple(problems),
    )
