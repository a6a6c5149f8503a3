"""How well the models read, as their kept reading checks say, in words. Asks no model but in `start`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from app.jobs import EVERYBODY
from app.text import Text

if TYPE_CHECKING:
    from app.jobs import Job
    from app.wiring import Wiring
    from finetune.models.check import Reading

_SHORT = {"en": "EN", "zh-Hant": "中"}


def short(found: Reading | None) -> str:
    """What stands beside a model's name in a picker: "EN 30/40 · 中 4/40"; "" when it was never checked."""
    if found is None:
        return ""
    return " · ".join(f"{_SHORT.get(one.language, one.language)} {one.right}/{one.asked}" for one in found.languages)


def unread(wiring: Wiring, kb: str, user: str, model: str) -> list[str]:
    """Languages of the documents that the model was checked in and does not read."""
    from finetune.models.check import reads

    found = wiring.reading(model)
    if found is None:
        return []
    return sorted(language for language in wiring.library(kb, user).languages if reads(found, language) is False)


def warning(wiring: Wiring, kb: str, user: str, model: str, t: Text) -> str:
    """What to know before chatting or training with this model and these documents; "" when nothing."""
    found, weak = wiring.reading(model), unread(wiring, kb, user, model)
    if found is None or not weak:
        return ""
    told = [sentence(found, language, t) for language in weak]
    names = ", ".join(alternatives(found, weak))
    return " ".join([*told, t("chat.reads_badly"), *([t("chat.reads_better", names=names)] if names else [])])


def sentence(found: Reading, language: str, t: Text) -> str:
    """One language of a reading check in words."""
    from finetune.models import check

    result = found.of(language)
    return check.sentence(result, chinese=t.language == "zh-TW") if result else ""


def alternatives(found: Reading, languages: Sequence[str]) -> list[str]:
    """Open models that read these languages and fit into this machine's memory."""
    import psutil

    from finetune.models.check import alternatives as better

    return [entry.name for entry in better(found, languages, psutil.virtual_memory().total)]


def start(wiring: Wiring, name: str, *, title: str) -> Job:
    """Check a model in the background and keep the result."""

    def work(job: Job) -> Any:
        from finetune.models import check

        model = wiring.chat_model(name)
        found = check.check(model, name, progress=job.progress, stopping=job.stopping)
        check.keep(found, wiring.home)
        return found

    return wiring.jobs().start(EVERYBODY, "reading", name, work, title=title)
