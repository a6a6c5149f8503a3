"""Fine-tuning at a service: what it would send and cost, the job, and its model among the others. Knows no page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app import keys, settings
from app.training import dataset
from memory.records import Record

if TYPE_CHECKING:
    from app.wiring import Wiring
    from finetune.hosted import Estimate, HostedJob
    from finetune.hosted.client import Client
    from finetune.hosted.jobs import HostedJobs

EPOCHS = 3


class Wish(Record):
    """What a person chose."""

    service: str = "openai"
    model: str
    dataset: str = ""
    """Empty: the newest."""
    epochs: int = EPOCHS
    base_url: str = ""
    """Another service that speaks the same protocol. Empty: the service's own."""
    key_env: str = ""
    """Name of the key. Empty: the service's usual one."""


def counted(wiring: Wiring, user: str, kb: str, wish: Wish) -> Estimate:
    """What would be sent and what it would cost. Sends nothing."""
    from finetune.hosted import estimate, service

    price = wiring.settings.prices.get(wish.model)
    return estimate(
        service(wish.service),
        wish.model,
        list(dataset(wiring, user, kb, wish.dataset).pairs()),
        epochs=wish.epochs,
        base_url=wish.base_url,
        price=price.training if price and price.training else None,
    )


def start(wiring: Wiring, user: str, kb: str, wish: Wish, *, consent: bool) -> HostedJob:
    """Send the rows and create the job. NotConfigured without a key and DocgraftError without consent, before that."""
    from finetune.hosted import service

    keys.find(wiring.home, wish.key_env or service(wish.service).key_env)
    job = jobs(wiring, user, kb).prepare(
        dataset(wiring, user, kb, wish.dataset),
        counted(wiring, user, kb, wish),
        base_url=wish.base_url,
        key_env=wish.key_env,
        consent=consent,
    )
    return advance(wiring, user, kb, job.id)


def jobs(wiring: Wiring, user: str, kb: str) -> HostedJobs:
    """The hosted jobs of a knowledge base."""
    from finetune.hosted.jobs import HostedJobs

    return HostedJobs(wiring.folder(kb, user))


def client(wiring: Wiring, job: HostedJob) -> Client:
    """What speaks to a job's service, with the key that its name stands for."""
    from finetune.hosted.jobs import client_for

    return client_for(job, keys.find(wiring.home, job.key_env))


def advance(wiring: Wiring, user: str, kb: str, job: str) -> HostedJob:
    """The job's next step; a finished model is then among the models that can be picked."""
    kept = jobs(wiring, user, kb)
    spoken = client(wiring, kept.show(job))
    try:
        found = kept.advance(job, spoken)
    finally:
        spoken.close()
    if found.state == "succeeded":
        adopt(wiring, found)
    return found


def cancel(wiring: Wiring, user: str, kb: str, job: str) -> HostedJob:
    """End a job."""
    kept = jobs(wiring, user, kb)
    spoken = client(wiring, kept.show(job))
    try:
        return kept.cancel(job, spoken)
    finally:
        spoken.close()


def model_name(job: HostedJob) -> str:
    """The name by which a job's model is picked."""
    return f"{job.service}-{job.created[:10]}-{job.id[-4:]}"


def adopt(wiring: Wiring, job: HostedJob) -> str:
    """Put a finished model into settings.toml, so that it can be picked in the chat and compared; its name."""
    name = model_name(job)
    if name not in settings.load(wiring.home).models:
        place = f"models.{name}"
        values = {
            f"{place}.name": job.result,
            f"{place}.provider": "openai",
            f"{place}.base_url": job.base_url,
            f"{place}.api_key_env": job.key_env,
        }
        settings.save(wiring.home, values)
    return name
