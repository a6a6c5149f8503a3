"""The adapter's card, made when its weights are on disk. Reads files; loads no model."""

from __future__ import annotations

import importlib.metadata

from finetune.engines import Job
from finetune.models import adapter_files
from finetune.models.fingerprints import fingerprint
from finetune.records import AdapterCard
from memory.errors import NotConfigured
from memory.records import digest, now

PACKAGES = ("torch", "transformers", "peft", "trl", "unsloth", "bitsandbytes")


def make_card(job: Job, *, scores: dict[str, float], system: str, template: str = "") -> AdapterCard:
    """The card of the adapter in the job's folder; `effect` is still 0."""
    files = adapter_files.read(job.folder / "adapter")
    return AdapterCard(
        id=job.run,
        kb=job.kb,
        base=job.spec.base,
        base_fingerprint=_identity(job),
        template_fingerprint=template,
        system=system,
        dataset=job.spec.dataset,
        dataset_fingerprint=job.dataset_fingerprint,
        chunk_hashes=job.chunk_hashes,
        languages=tuple(sorted({pair.language for pair in job.split("train")})),
        spec=job.spec,
        tensors=files.tensors,
        bytes=files.bytes,
        scores=scores,
        licence=job.licence,
        versions=versions(),
        created=now(),
    )


def versions() -> dict[str, str]:
    """Installed versions of what training depends on."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _identity(job: Job) -> str:
    try:
        return fingerprint(job.base)
    except NotConfigured:  # A rehearsal needs no model.
        if job.spec.engine != "rehearsal":
            raise
        return digest("no model", job.base.name)
