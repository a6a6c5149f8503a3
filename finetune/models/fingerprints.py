"""What a base model and a chat template are, as short hashes. Knows files and texts; loads no model."""

from __future__ import annotations

import contextlib
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memory.errors import NotConfigured
from memory.records import digest
from memory.workspace import write_json

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_CACHE = ".fingerprint.json"
_VOLATILE = {"transformers_version", "_name_or_path", "_model_name_or_path", "dtype", "torch_dtype"}
"""Keys of config.json that change with the library or the folder and not with the model."""


def fingerprint(path: Path) -> str:
    """Hash of a model folder's configuration and weights (SHA-256, 16 hex digits), whatever the folder is called.

    The weights' hash is kept beside them and used again while their sizes and times stay the same. NotConfigured when
    the folder holds no safetensors weights.
    """
    files = weights(path)
    state = [[file.name, file.stat().st_size, file.stat().st_mtime_ns] for file in files]
    return digest(_configuration(path), _kept(path, state) or _hashed(path, files, state))


def weights(path: Path) -> list[Path]:
    """The weight files of a model folder, sorted; NotConfigured when it is none or has pickles only."""
    files = sorted(path.glob("*.safetensors"))
    if not (path / "config.json").is_file():
        raise NotConfigured(
            f"{path} is not a model folder.", "It needs config.json, a tokenizer and safetensors files."
        )
    if not files:
        raise NotConfigured(
            f"{path} holds no safetensors weights.",
            "Docgraft never opens pickled weights (.bin, .pt). Convert the model to safetensors first.",
        )
    return files


def template_fingerprint(tokenizer: PreTrainedTokenizerBase, system: str = "") -> str:
    """Hash of the chat template, the special tokens that it prints and the system text."""
    tokens = {name: str(token) for name, token in sorted(tokenizer.special_tokens_map.items())}
    template = tokenizer.chat_template
    text = template if isinstance(template, str) else json.dumps(template, sort_keys=True)
    return digest(text, tokens.get("bos_token", ""), tokens.get("eos_token", ""), system)


def _configuration(path: Path) -> str:
    values = json.loads((path / "config.json").read_text(encoding="utf-8"))
    return json.dumps({key: value for key, value in values.items() if key not in _VOLATILE}, sort_keys=True)


def _kept(path: Path, state: list[list[Any]]) -> str | None:
    try:
        kept = json.loads((path / _CACHE).read_text(encoding="utf-8"))
        return str(kept["weights"]) if kept["state"] == state else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _hashed(path: Path, files: list[Path], state: list[list[Any]]) -> str:
    hashes = []
    for file in files:
        with file.open("rb") as opened:
            hashes.append(hashlib.file_digest(opened, "sha256").hexdigest())
    value = digest(*hashes, length=32)
    with contextlib.suppress(OSError):  # A read-only folder is hashed again next time.
        write_json(path / _CACHE, {"state": state, "weights": value})
    return value
