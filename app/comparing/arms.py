"""Names of arms → arms that can answer: which model, which adapter, the same hits and the same limits for all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app.comparing.wishes import ADAPTED, ANSWER_TOKENS, ARMS, CONTROLS, GROUNDED, Wish, names
from app.talk import Held
from app.training import checked
from finetune.records import Arm, Question
from memory.errors import DocgraftError

if TYPE_CHECKING:
    from pathlib import Path

    from langchain_core.language_models import BaseChatModel

    from app.wiring import Wiring
    from finetune.evaluation.arms import Answering
    from retrieval.records import SearchResult


def arms(wiring: Wiring, user: str, kb: str, wish: Wish) -> tuple[Arm, ...]:
    """The arms of a wish. DocgraftError names the arm that cannot be, and why."""
    model = wish.model or wiring.model_names()[0]
    adapter = first_adapter(wiring, user, kb, model, wish)
    filled = wish.model_copy(update={"model": model, "adapter": adapter})
    return _apart([_arm(wiring, user, kb, name, filled) for name in names(wish, adapter=bool(adapter))])


def _apart(found: list[Arm]) -> tuple[Arm, ...]:
    """The arms, with the end of the adapter's id where two further adapters are called the same."""
    taken = [arm.name for arm in found]
    return tuple(
        arm.model_copy(update={"name": f"{arm.name} · {(arm.adapter or '')[-6:]}"})
        if taken.count(arm.name) > 1
        else arm
        for arm in found
    )


def first_adapter(wiring: Wiring, user: str, kb: str, model: str, wish: Wish) -> str:
    """The adapter of `tuned` and `both`; "" when there is none."""
    if wish.adapter:
        return checked(wiring, user, kb, model, wish.adapter).id
    return next(iter(wiring.adapters(kb, user, model=model)), "")


def controls(wiring: Wiring, user: str, kb: str, model: str) -> list[str]:
    """Adapters of the user's other knowledge bases that go with the model, as KNOWLEDGE BASE/ADAPTER."""
    others = [name for name in wiring.workspace(user).base_names() if name != kb]
    return [f"{name}/{adapter}" for name in others for adapter in wiring.adapters(name, user, model=model)]


def _arm(wiring: Wiring, user: str, kb: str, name: str, wish: Wish) -> Arm:
    """`wish` has its model and adapter filled in. A further adapter's arm is named by what people call that."""
    model = wish.model
    kind, _, which = name.partition("@")
    if kind not in ARMS or (which and kind not in ("base", "rag", *ADAPTED)):
        raise DocgraftError(f"There is no arm {name!r}.", f"Arms are: {', '.join(ARMS)}.")
    used, called = None, ""
    if kind in CONTROLS:
        used, called = _control(wiring, user, kb, wish)
    elif kind in ADAPTED:
        if not (which or wish.adapter):
            raise DocgraftError(
                f"The arm {name!r} needs an adapter of {model}, and there is none.", "Train one: docgraft train start"
            )
        card = checked(wiring, user, kb, model, which or wish.adapter)
        used, called = card.id, card.called
        name = f"{kind}@{called}" if which else name
    elif which:
        model = _known(wiring, which)
    grounded, oracle = kind in GROUNDED, kind == "oracle"
    return Arm(name=name, retrieval=grounded, adapter=used, called=called, model=model, oracle=oracle)


def _known(wiring: Wiring, model: str) -> str:
    if model not in wiring.model_names():
        raise DocgraftError(f"There is no model {model!r}.", f"Models are: {', '.join(wiring.model_names())}.")
    return model


def _control(wiring: Wiring, user: str, kb: str, wish: Wish) -> tuple[str, str]:
    """An adapter trained on other documents, and what it is called; one of these documents would not be a control."""
    hint = "Train one in another knowledge base: docgraft tune --kb OTHER. Or give it as KNOWLEDGE BASE/ADAPTER."
    chosen = wish.control or next(iter(controls(wiring, user, kb, wish.model)), "")
    base, _, name = chosen.rpartition("/")
    if not base or base == kb:
        raise DocgraftError("The control arm needs an adapter trained on other documents.", hint)
    card = checked(wiring, user, base, wish.model, name)
    return f"{base}/{card.id}", f"{base} · {card.called}"


def answering(wiring: Wiring, user: str, kb: str, chosen: tuple[Arm, ...]) -> dict[str, Answering]:
    """What answers for each arm. Every question is searched once, and its hits are shared."""
    from finetune.evaluation.arms import Answering, OneByOne, turns

    search, library = wiring.search(kb, user), wiring.library(kb, user)
    found: dict[str, SearchResult] = {}

    def hits(question: Question) -> SearchResult:
        if question.id not in found:
            found[question.id] = search.search(question.question, history=turns(question))
        return found[question.id]

    workers = {}
    for arm in chosen:
        answerer = wiring.answerer(Held(kb=kb, model=arm.model, documents=True), user)
        adapter, grounded = _folder(wiring, user, kb, arm.adapter), arm.retrieval or arm.oracle
        answerer.model = greedy(wiring.chat_model(arm.model, adapter=adapter, grounded=grounded))
        batches = hasattr(answerer.model, "batch_answer")
        speaker: Any = answerer.model if batches else OneByOne(answerer)
        workers[arm.name] = Answering(arm, speaker, answerer, hits, library)
    return workers


def greedy(model: BaseChatModel) -> BaseChatModel:
    """The model with the decoding of comparisons: the likeliest word each time, answers of bounded length."""
    changes: dict[str, Any] = {}
    if hasattr(model, "temperature"):
        changes["temperature"] = 0.0
    if hasattr(model, "max_new_tokens"):
        changes["max_new_tokens"] = min(model.max_new_tokens, ANSWER_TOKENS)
    return model.model_copy(update=changes)


def _folder(wiring: Wiring, user: str, kb: str, adapter: str | None) -> Path | None:
    if not adapter:
        return None
    from finetune import adapters

    base, _, name = adapter.rpartition("/")
    return adapters.folder(wiring.folder(base or kb, user), name)
