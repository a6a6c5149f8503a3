"""One contract for every embedder that can run here; remote ones are met by a small server on loopback."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from langchain_core.embeddings import Embeddings

from memory.errors import BackendFailed, MissingExtra, NotConfigured
from retrieval.embedders import REGISTRY, load
from retrieval.embedders.hashing import Hashing


class EmbeddingServer(ThreadingHTTPServer):
    """Speaks OpenAI's embeddings API with the hashing embedder's vectors, three times as long."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.embedder = Hashing("96/3")
        self.reply = None
        self.asked = []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(body["input"])
        vectors = (self.server.embedder.encode(body["input"]) * 3).tolist()
        data = [{"object": "embedding", "index": i, "embedding": v} for i, v in enumerate(vectors)]
        answer = self.server.reply or (200, {"object": "list", "data": data, "model": "m", "usage": {}})
        raw = json.dumps(answer[1]).encode()
        self.send_response(answer[0])
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    with EmbeddingServer() as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture(params=["hashing", "hashing:768", "e5", "openai:stub"])
def embedder(request):
    if request.param.startswith("openai"):
        return load(request.param, base_url=request.getfixturevalue("server").url, max_tokens=256)
    return load(request.param)


def test_vectors_have_unit_length_and_the_promised_shape(embedder):
    vectors = embedder.encode(["保固三年", "The warranty is three years.", "", "\x00 odd \ud800"])
    assert vectors.shape == (4, embedder.dimension) and vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)
    assert embedder.encode([]).shape[0] == 0


def test_it_is_deterministic_and_does_not_depend_on_the_batch(embedder):
    texts = ["one text", "保固三年", "a third, longer text about the harbour"]
    together, alone = embedder.encode(texts), np.concatenate([embedder.encode([t]) for t in texts])
    assert np.allclose(together, alone, atol=2e-2)


def test_a_question_is_nearer_to_its_passage_than_to_another(embedder):
    passages = embedder.encode(["Dogs ride on the after deck at no charge.", "The leave year opens on 1 February."])
    question = embedder.encode(["Do dogs ride at a charge?"], query=True)[0]
    assert passages[0] @ question > passages[1] @ question


def test_counting_is_about_additive_and_grows_with_the_text(embedder):
    assert embedder.count("") <= 10
    assert 10 < embedder.count("船員不得擅離職守。" * 5) < embedder.count("船員不得擅離職守。" * 20)


def test_it_is_a_langchain_embedder(embedder):
    assert isinstance(embedder, Embeddings)
    assert len(embedder.embed_query("x")) == embedder.dimension == len(embedder.embed_documents(["x"])[0])


def test_the_fingerprint_stays_and_names_stay_loadable(embedder, server):
    options = {"base_url": server.url} if embedder.name.startswith("openai") else {}
    assert load(embedder.name, **options).fingerprint == embedder.fingerprint


def test_another_space_of_the_same_size_has_another_fingerprint(server):
    assert load("hashing:384").fingerprint != load("hashing:384/2").fingerprint
    first = load("openai:m", base_url=server.url).fingerprint
    server.embedder = Hashing("96/4")
    assert load("openai:m", base_url=server.url).fingerprint != first
    assert load("e5").fingerprint != load("e5:enpt").fingerprint


def test_hashing_reads_no_further_than_its_limit():
    small = Hashing(max_tokens=16)
    assert np.allclose(*small.encode(["word " * 40, "word " * 40 + "PELICAN-9"]))


@pytest.mark.parametrize("name", ["nonsense", "hashing:x", "hashing:1", "e5:big", "openai", "sentence-transformers"])
def test_what_cannot_be_loaded_says_what_to_write(name):
    with pytest.raises(NotConfigured) as caught:
        load(name)
    assert caught.value.hint


@pytest.mark.parametrize(
    "reply",
    [
        (400, {"error": {"message": "input too long"}}),
        (200, {"object": "list", "data": [], "model": "m", "usage": {}}),
        (200, {"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": []}], "model": "m"}),
    ],
)
def test_a_server_that_answers_badly_is_named(server, reply):
    remote = load("openai:m", base_url=server.url)
    server.reply = reply
    with pytest.raises(BackendFailed, match="openai:m"):
        remote.encode(["text"])


def test_a_server_that_is_not_there_is_named():
    with pytest.raises(BackendFailed):
        load("openai:m", base_url="http://127.0.0.1:9/v1", timeout=1.0).encode(["text"])


def test_long_lists_go_to_the_server_in_batches(server):
    load("openai:m", base_url=server.url, batch=8).encode([f"text {i}" for i in range(20)])
    assert [len(batch) for batch in server.asked] == [8, 8, 4]


def test_a_missing_package_is_named_with_the_line_that_installs_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sentence_transformers", None)
    with pytest.raises(MissingExtra, match="pip install"):
        load("sentence-transformers:any/model")


def test_every_registered_embedder_can_be_imported():
    from importlib import import_module

    for target in REGISTRY.values():
        module, _, attribute = target.partition(":")
        assert hasattr(import_module(module), attribute)
