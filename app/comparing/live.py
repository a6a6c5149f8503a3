"""One question to several ways of answering, side by side while the answers come."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from app.comparing.arms import first_adapter
from app.comparing.wishes import ADAPTED, GROUNDED, Wish
from app.talk import Held

if TYPE_CHECKING:
    from app.jobs import Job
    from app.wiring import Wiring


def side_by_side(wiring: Wiring, user: str, kb: str, wish: Wish, question: str) -> Callable[[Job], None]:
    """One question to every arm, one after the other, as the work of a job; `job.info` grows by arm."""

    def work(job: Job) -> None:
        model = wish.model or wiring.model_names()[0]
        adapter = first_adapter(wiring, user, kb, model, wish)
        for number, name in enumerate(wish.arms):
            held = Held(kb=kb, model=model, adapter=adapter if name in ADAPTED else "", documents=name in GROUNDED)
            job.progress(number, len(wish.arms), name)
            job.info.setdefault(name, {"text": "", "answer": None})
            for piece in wiring.answers(user, question, held, stop=job.stopping):
                if isinstance(piece, str):
                    job.info[name]["text"] += piece
                else:
                    job.info[name] = {"text": piece.text, "answer": piece}
            if job.stopping():
                return

    return work
