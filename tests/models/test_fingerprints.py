"""A base is known by its configuration and weights, not by its name: B53."""

from __future__ import annotations

import json
import os

import pytest

from finetune.models import fingerprint
from memory.errors import NotConfigured
from tests.tiny_model import tiny_model


def test_models_of_the_same_shapes_with_other_weights_differ(tmp_path):
    first, second = tiny_model(tmp_path / "a"), tiny_model(tmp_path / "b", seed=1)
    assert fingerprint(first) != fingerprint(second)


def test_a_moved_and_renamed_folder_keeps_its_fingerprint(tmp_path):
    folder = tiny_model(tmp_path / "before")
    mark = fingerprint(folder)
    moved = folder.rename(tmp_path / "after")
    assert fingerprint(moved) == mark


def test_the_weights_are_hashed_once_and_again_when_they_change(tmp_path):
    folder = tiny_model(tmp_path / "a")
    mark = fingerprint(folder)
    weights = folder / "model.safetensors"
    before = weights.stat()
    cache = folder / ".fingerprint.json"
    kept = json.loads(cache.read_text())
    cache.write_text(json.dumps({**kept, "weights": "0" * 32}))
    assert fingerprint(folder) != mark, "the kept hash was used, so nothing was read again"
    tiny_model(folder, seed=1)
    os.utime(weights, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert fingerprint(folder) not in {mark, fingerprint(tiny_model(tmp_path / "b"))}


def test_what_a_library_writes_into_config_does_not_change_the_fingerprint(tmp_path):
    folder = tiny_model(tmp_path / "a")
    mark = fingerprint(folder)
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"transformers_version": "9.9", "dtype": "bfloat16"}))
    assert fingerprint(folder) == mark
    path.write_text(json.dumps(json.loads(path.read_text()) | {"rope_theta": 5.0}))
    assert fingerprint(folder) != mark


def test_pickled_weights_are_no_model(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(NotConfigured, match="no safetensors"):
        fingerprint(tmp_path)


def test_any_other_folder_is_no_model(tmp_path):
    with pytest.raises(NotConfigured, match="not a model folder"):
        fingerprint(tmp_path)
