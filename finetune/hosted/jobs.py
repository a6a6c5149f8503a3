"""Jobs at a service from a dataset to a model: each step is kept before and after it, so that any can be repeated.

hosted/<id>.json   the job
hosted/<id>/       train.jsonl and dev.jsonl, what was or will be sent
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from finetune.datasets import Dataset
from finetune.formats import export
from finetune.hosted import ENDED, Estimate, HostedJob, Service, service
from finetune.hosted.client import Client, Remote
from memory.errors import DocgraftError
from memory.records import new_id, now
from memory.workspace import KnowledgeBaseFolder, write_json

SUFFIX = "docgraft"


class HostedJobs:
    """The hosted jobs of one knowledge base."""

    def __init__(self, kb: KnowledgeBaseFolder) -> None:
        self.kb = kb
        self.folder = kb.root / "hosted"

    def all(self) -> list[HostedJob]:
        """All jobs, newest first."""
        if not self.folder.is_dir():
            return []
        return [self.show(path.stem) for path in sorted(self.folder.glob("*.json"), reverse=True)]

    def show(self, job: str) -> HostedJob:
        """One job as it was last known; DocgraftError when there is none."""
        try:
            return HostedJob.model_validate_json((self.folder / f"{Path(job).name}.json").read_text(encoding="utf-8"))
        except (OSError, ValidationError) as cause:
            raise DocgraftError(f"There is no hosted job {job!r}.", "See: docgraft hosted list") from cause

    def prepare(
        self, dataset: Dataset, counted: Estimate, *, base_url: str = "", key_env: str = "", consent: bool = False
    ) -> HostedJob:
        """Write the files and the job; sends nothing. DocgraftError without consent, or when it would be refused."""
        if counted.problems:
            raise DocgraftError(counted.problems[0], "Build a larger dataset: docgraft pairs build")
        if not consent:
            raise DocgraftError(
                f"{counted.rows:,} rows made from your documents would leave this machine for {counted.host}.",
                "Agree to that explicitly: --consent",
            )
        chosen = service(counted.service)
        job = HostedJob(
            id=new_id(),
            kb=self.kb.name,
            service=chosen.name,
            base_url=(base_url or chosen.base_url).rstrip("/"),
            key_env=key_env or chosen.key_env,
            model=counted.model,
            dataset=dataset.id,
            epochs=counted.epochs,
            rows=counted.rows,
            tokens=counted.tokens,
            cost=counted.cost,
            created=now(),
        )
        export(dataset, chosen.dialect, self._files(job))
        return self._keep(job)

    def advance(self, job: str, client: Client) -> HostedJob:
        """The next step: send what is not sent yet, create the job, or look how it stands. Safe to repeat."""
        found = self.show(job)
        if found.state in ENDED:
            return found
        if found.state == "prepared":
            found = self._upload(found, client)
        if found.state in ("uploaded", "creating"):
            return self._create(found, client)
        return self._told(found, client.look(found.remote))

    def follow(self, job: str, client: Client, *, every: float = 10.0) -> Iterator[HostedJob]:
        """Step after step until it has ended. Closing it stops only the watching."""
        while True:
            found = self.advance(job, client)
            yield found
            if found.state in ENDED:
                return
            client.pause(every)

    def cancel(self, job: str, client: Client) -> HostedJob:
        """End a job; one that was never created just ends here."""
        found = self.show(job)
        if found.state in ENDED:
            raise DocgraftError(f"The job {job} is {found.state} already.")
        if found.state == "creating" and (known := client.find(found.files["train"])):
            found = self._told(found, known)
        if not found.remote:
            return self._keep(found.model_copy(update={"state": "cancelled", "message": "Cancelled before it began."}))
        told = client.cancel(found.remote)
        state = "cancelled" if told.state == "cancelled" else "cancelling"
        return self._told(found, told.model_copy(update={"state": state}))

    def _upload(self, job: HostedJob, client: Client) -> HostedJob:
        for split in ("train", "dev"):
            path = self._files(job) / f"{split}.jsonl"
            if path.is_file() and split not in job.files:
                # Kept after each file: one that arrived whole is not sent a second time.
                job = self._keep(job.model_copy(update={"files": job.files | {split: client.upload(path)}}))
        return self._keep(job.model_copy(update={"state": "uploaded", "message": "The rows have arrived."}))

    def _create(self, job: HostedJob, client: Client) -> HostedJob:
        """Create it once: when an earlier attempt broke off, the service is asked first whether it arrived."""
        if job.state == "creating" and (known := client.find(job.files["train"])):
            return self._told(job, known)
        job = self._keep(job.model_copy(update={"state": "creating", "message": ""}))
        told = client.create(job.model, job.files, epochs=job.epochs, seed=0, suffix=SUFFIX)
        return self._told(job, told)

    def _told(self, job: HostedJob, told: Remote) -> HostedJob:
        state = told.state
        if job.state == "cancelling" and state not in ENDED:
            state = "cancelling"
        if state == "succeeded" and not told.result:
            state = "running"  # Some services name the model a moment later.
        events = told.events or job.events
        last = events[-1] if events else ""
        return self._keep(
            job.model_copy(
                update={
                    "remote": told.id,
                    "state": state,
                    "result": told.result,
                    "message": told.message or last or job.message,
                    "events": events,
                }
            )
        )

    def _files(self, job: HostedJob) -> Path:
        return self.folder / job.id

    def _keep(self, job: HostedJob) -> HostedJob:
        write_json(self.folder / f"{job.id}.json", job.model_dump(mode="json"))
        return job


def client_for(job: HostedJob, key: str) -> Client:
    """What speaks to the service of a job."""
    chosen: Service = service(job.service)
    return Client(job.base_url, key, chosen.dialect)
