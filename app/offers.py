"""What the planned training would take with every engine and service: readiness, time, memory, money. Starts none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app import hosted, keys
from app.training import dataset
from finetune import engines, offers
from finetune.engines import Readiness
from finetune.hosted import SERVICES
from finetune.models.devices import Device, describe
from finetune.modelsize import size_of
from finetune.recipes import Size
from memory.errors import NotConfigured
from memory.records import Record

if TYPE_CHECKING:
    from app.training import Plan
    from app.wiring import Wiring
    from finetune.preflight import Preflight


class Offer(Record):
    """One engine of this machine, or one service."""

    name: str
    ready: Readiness
    seconds: float | None = None
    """About; None: not known."""
    memory: int | None = None
    """Bytes; None at a service."""
    cost: float | None = None
    """US dollars at a service; None on this machine."""
    model: str = ""
    """The service's model that the cost is for: its cheapest."""


def every(wiring: Wiring, user: str, kb: str, made: Plan, card: Preflight) -> tuple[Offer, ...]:
    """The engines that learn something, then the services."""
    device, size = describe(), size_of(made.base)
    names = [name for name in engines.names() if name not in ("rehearsal", made.spec.engine)]
    here = [_here(wiring, name, made, card, size=size, device=device) for name in (made.spec.engine, *names)]
    return (*here, *(_there(wiring, user, kb, name, made) for name in SERVICES))


def _here(wiring: Wiring, name: str, made: Plan, card: Preflight, *, size: Size, device: Device) -> Offer:
    spec = offers.as_with(name, made.spec, size, device) if name != made.spec.engine else made.spec
    return Offer(
        name=name,
        ready=engines.load(name, wiring.home.root).readiness(spec),
        seconds=offers.seconds(spec, device, like=made.spec, took=card.seconds),
        memory=card.memory_needed if spec is made.spec else offers.bytes_needed(spec, size, device, card.lengths),
    )


def _there(wiring: Wiring, user: str, kb: str, name: str, made: Plan) -> Offer:
    chosen = SERVICES[name]
    own = {model: price.training for model, price in wiring.settings.prices.items() if price.training}
    prices = chosen.prices | {model: price for model, price in own.items() if model in chosen.prices}
    model = min(prices, key=lambda one: prices[one])
    wish = hosted.Wish(service=name, model=model, dataset=made.spec.dataset)
    # Counting tokens reads every row, and a page asks again and again.
    key = ("offer", dataset(wiring, user, kb, wish.dataset).card.fingerprint, name, model, prices[model])
    estimate = wiring.shelf.get(key, lambda: hosted.counted(wiring, user, kb, wish))
    missing = "; ".join(estimate.problems)
    hint = ""
    try:
        keys.find(wiring.home, chosen.key_env)
    except NotConfigured as cause:
        missing, hint = cause.message, cause.hint
    return Offer(
        name=name,
        ready=Readiness(ready=not missing, device="service", reason=missing, hint=hint),
        cost=estimate.cost,
        model=model,
    )
