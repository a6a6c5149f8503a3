"""One contract for the embedded vector store and for a real Chroma server process on loopback."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import httpx
import numpy as np
import pytest

from memory.errors import BackendFailed, NotConfigured
from retrieval.vectors import Vectors, VectorsMissing
from retrieval.vectors.client import remote
from tests.index.conftest import by_keyword, by_vector, upload

DIMENSION = 32


@pytest.fixture(scope="session")
def chroma_server(tmp_path_factory):
    """The address of a `chroma run` process."""
    folder = tmp_path_factory.mktemp("chroma")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).with_name("chroma")), "run", "--path", str(folder), "--port", str(port)]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([*command, "--host", "127.0.0.1"], stdout=log, stderr=subprocess.STDOUT, cwd=folder)
    url = f"http://127.0.0.1:{port}"
    for _ in range(300):
        try:
            httpx.get(f"{url}/api/v2/heartbeat")
            break
        except httpx.HTTPError:
            assert process.poll() is None, (folder / "log").read_text()
            time.sleep(0.1)
    yield url
    process.terminate()
    process.wait(10)


@pytest.fixture(params=["embedded", "server"])
def vectors(request, workspace):
    url = request.getfixturevalue("chroma_server") if request.param == "server" else ""
    store = Vectors(workspace.base("v"), url)
    yield store
    store.drop("col-a")
    store.close()


def some(number, seed=0):
    found = np.random.default_rng(seed).normal(size=(number, DIMENSION)).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def test_it_finds_what_was_stored_with_its_cosine(vectors):
    data = some(300)
    vectors.create("col-a")
    vectors.upsert("col-a", [f"c{i}" for i in range(300)], data)
    assert vectors.count("col-a") == 300 and len(vectors.listed("col-a")) == 300
    found = vectors.query("col-a", data[7], 5)
    assert found[0][0] == "c7" and found[0][1] == pytest.approx(1.0, abs=1e-5)
    exact = data @ data[7]
    assert all(score == pytest.approx(exact[int(i[1:])], abs=1e-5) for i, score in found)
    assert [i for i, _ in found] == [f"c{i}" for i in np.argsort(-exact)[:5]]


def test_asking_for_more_than_there_is_gives_all(vectors):
    vectors.create("col-a")
    assert vectors.query("col-a", some(1)[0], 5) == []
    vectors.upsert("col-a", ["x", "y"], some(2))
    assert {i for i, _ in vectors.query("col-a", some(1)[0], 500)} == {"x", "y"}


def test_storing_again_replaces_and_deleting_twice_is_no_error(vectors):
    vectors.create("col-a")
    vectors.create("col-a")
    vectors.upsert("col-a", ["x", "y"], some(2))
    vectors.upsert("col-a", ["x"], some(1, seed=9))
    assert vectors.count("col-a") == 2
    assert vectors.query("col-a", some(1, seed=9)[0], 1)[0] == ("x", pytest.approx(1.0, abs=1e-5))
    vectors.delete("col-a", ["x"])
    vectors.delete("col-a", ["x", "never"])
    assert vectors.listed("col-a") == {"y"}


def test_a_collection_that_is_not_there_is_named(vectors):
    assert not vectors.exists("col-a")
    with pytest.raises(VectorsMissing):
        vectors.query("col-a", some(1)[0], 1)
    vectors.drop("col-a")


def test_a_full_disk_is_said_where_chroma_does_not_say_it(workspace, monkeypatch):
    store = Vectors(workspace.base("v"))
    store.create("col-a")
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=4096))
    with pytest.raises(BackendFailed, match=r"disk of .* is full"):
        store.upsert("col-a", ["1", "1"], some(2))
    store.close()


def test_threads_may_share_it(vectors):
    data = some(60)
    vectors.create("col-a")
    failures = []

    def work(part):
        try:
            ids = [f"c{i}" for i in range(part, 60, 6)]
            vectors.upsert("col-a", ids, data[part::6])
            assert vectors.query("col-a", data[part], 1)[0][0] == f"c{part}"
        except Exception as error:  # noqa: BLE001
            failures.append(error)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == [] and vectors.count("col-a") == 60


WRITER = """
import sys, numpy as np
from pathlib import Path
from memory.workspace import Workspace
from retrieval.vectors import Vectors
store = Vectors(Workspace(Path(sys.argv[1])).base("v"))
seed = int(sys.argv[2])
data = np.random.default_rng(seed).normal(size=(1200, 32)).astype(np.float32)
store.upsert("col-a", [f"p{seed}-{i}" for i in range(1200)], data)
store.close()
"""


def test_two_processes_that_write_in_turn_lose_nothing(workspace):
    """Chroma alone loses the other process's vectors here, without an error, once its write threshold is passed."""
    store = Vectors(workspace.base("v"))
    store.create("col-a")
    own = {}
    for turn in range(2):
        data = some(1200, seed=50 + turn)
        store.upsert("col-a", [f"own{turn}-{i}" for i in range(1200)], data)
        own |= {f"own{turn}-{i}": data[i] for i in range(0, 1200, 97)}
        subprocess.run([sys.executable, "-c", WRITER, str(workspace.root), str(turn)], check=True)
        other = np.random.default_rng(turn).normal(size=(1200, 32)).astype(np.float32)
        own |= {f"p{turn}-{i}": other[i] for i in range(0, 1200, 97)}
    for name, vector in own.items():
        assert store.query("col-a", vector, 1)[0][0] == name
    store.close()


def test_a_write_that_was_cut_off_is_noticed_by_the_next_process(workspace):
    store = Vectors(workspace.base("v"))
    store.create("col-a")
    assert not store.crashed()
    store.close()
    # What a kill -9 in the middle of a write leaves.
    (workspace.base("v").root / ".vectors.stamp").write_text("writing 0123456789abcdef")
    survivor = Vectors(workspace.base("v"))
    survivor.count("col-a")
    assert survivor.crashed()
    survivor.upsert("col-a", ["x"], some(1))
    assert survivor.crashed(), "a later write must not hide it"
    survivor.mended()
    assert not survivor.crashed()
    survivor.close()


def test_a_server_that_is_not_there_is_named_with_its_setting(workspace):
    store = Vectors(workspace.base("v"), "http://127.0.0.1:9")
    with pytest.raises(BackendFailed, match="chroma_url"):
        store.count("col-a")


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://x", "http://"])
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(NotConfigured):
        remote(url)


def test_a_library_works_on_a_server_and_notices_an_empty_one(opened, chroma_server):
    library = opened(chroma_url=chroma_server)
    (added,) = library.add([upload("a.txt", "The ferry leaves at seven from the old quay.")])
    assert added.status == "added" and by_vector(library, "When leaves the ferry?")
    assert not library.folder.vectors.exists()
    library.stores.vectors.drop(library.generations.usable().collection)
    assert [i.kind for i in library.check()] == ["vectors_missing"]
    assert library.check(repair=True) == [] and by_vector(library, "When leaves the ferry?")
    library.remove("a.txt")
    assert by_vector(library, "ferry") == [] == by_keyword(library, "ferry")
