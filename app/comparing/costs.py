"""What a comparison needs to know of costs: training, indexing, prices. Seconds by this machine's own records."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.wiring import Wiring
    from finetune.evaluation.kept import Costs


def costs(wiring: Wiring, user: str, kb: str, model: str, adapter: str) -> Costs:
    """Of the model and adapter that the verdict is about."""
    from app.wiring import models
    from finetune.evaluation.kept import Costs

    price = wiring.settings.prices.get(models.chosen(wiring.settings, model).name) or wiring.settings.prices.get(model)
    return Costs(
        training_seconds=_trained(wiring, user, kb, adapter),
        index_seconds=_indexed(wiring, user, kb),
        prices=(price.input, price.output) if price else None,
        currency=price.currency if price else "",
    )


def _trained(wiring: Wiring, user: str, kb: str, adapter: str) -> float:
    """Seconds that the adapter's run took, by its own events."""
    from datetime import datetime

    if not adapter:
        return 0.0
    times = [datetime.fromisoformat(event.time) for event in wiring.runs(kb, user).events(adapter)]
    return (max(times) - min(times)).total_seconds() if times else 0.0


def _indexed(wiring: Wiring, user: str, kb: str) -> float:
    """Seconds that indexing one changed document takes: measured on a few chunks of a document of mean size."""
    library = wiring.library(kb, user)
    counts = library.statistics
    chunks = library.chunks()[:4]
    if not chunks:
        return 0.0
    began = time.perf_counter()
    wiring.embedder().embed_documents([chunk.text for chunk in chunks])
    return (time.perf_counter() - began) / len(chunks) * counts.chunks / max(1, counts.documents)
