"""Model files from the Hugging Face Hub. Knows the Hub's client; its offline switch and its token are respected."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memory.errors import NotConfigured

if TYPE_CHECKING:
    from finetune.models.catalog import Source

_FILES = ["*.safetensors", "*.json", "*.jinja", "*.model", "*.txt", "LICENSE*", "NOTICE*", "README.md"]
_NEVER = ["*/*", "*.bin", "*.pt", "*.pth", "*.pkl", "*.py", "*.onnx", "*.gguf"]
"""Subfolders hold copies for other programs; pickles and code are never wanted."""


class Unavailable(Exception):
    """This source cannot give the model now; the message is a sentence. Another source may."""


def download(source: Source, folder: Path, progress: Callable[[str, int, int], None]) -> None:
    """Fetch the safetensors, tokenizer and configuration of a Hub repository into `folder`; resumes.

    Unavailable when the Hub cannot be asked or does not have it; NotConfigured when the model is gated.
    """
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, HFValidationError, RepositoryNotFoundError

    if constants.is_offline_mode():
        raise Unavailable("The Hugging Face Hub was not asked, because HF_HUB_OFFLINE is set.")
    progress(f"Asking the Hugging Face Hub for {source.location}", 0, source.bytes)
    try:
        snapshot_download(
            source.location,
            local_dir=folder,
            allow_patterns=_FILES,
            ignore_patterns=_NEVER,
            etag_timeout=5,
            tqdm_class=_bar(progress, source),
        )
    except GatedRepoError as cause:
        raise NotConfigured(
            f"{source.location} is gated: its makers ask you to accept a licence first.",
            f"Open https://huggingface.co/{source.location}, accept the licence, then run: hf auth login",
        ) from cause
    except RepositoryNotFoundError as cause:
        raise Unavailable(f"The Hugging Face Hub has no model {source.location} (or it is private).") from cause
    except HFValidationError as cause:
        raise Unavailable(f"{source.location!r} is neither a folder nor a Hugging Face id.") from cause
    except (HfHubHTTPError, OSError, ValueError) as cause:
        raise Unavailable(f"The Hugging Face Hub could not be reached ({type(cause).__name__}).") from cause
    if not any(folder.glob("*.safetensors")):
        raise Unavailable(f"{source.location} has no safetensors weights; pickled ones are never opened.")


def _bar(progress: Callable[[str, int, int], None], source: Source) -> Any:
    """A progress bar class that reports bytes to us and prints nothing."""
    from tqdm.auto import tqdm

    class Reporting(tqdm):
        """Reports bars that count bytes; others count files."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            kwargs.pop("name", None)
            self._bytes = kwargs.get("unit") == "B"
            super().__init__(*args, **{**kwargs, "disable": False, "file": _Nowhere()})

        def update(self, n: float | None = 1) -> bool | None:
            shown = super().update(n)
            if self._bytes:
                total = int(self.total or source.bytes)
                progress(f"Downloading {source.location}", min(int(self.n), total), total)
            return shown

    return Reporting


class _Nowhere:
    """A stream that swallows what a progress bar prints."""

    def write(self, text: str) -> int:
        """Nothing is kept."""
        return len(text)

    def flush(self) -> None:
        """Nothing to do."""
