"""Base models: which there are, fetching them, what they are, and answering with them. Loads no heavy package."""

from finetune.models.fingerprints import fingerprint, template_fingerprint
from finetune.models.templates import end_tokens, render, supervised

__all__ = ["end_tokens", "fingerprint", "render", "supervised", "template_fingerprint"]
