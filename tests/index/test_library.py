from __future__ import annotations

import json
import os
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from memory import sqlite
from memory.errors import BackendFailed, DocgraftError, NotConfigured
from memory.workspace import write_json
from retrieval.embedders.hashing import Hashing
from retrieval.library.index import Index
from retrieval.records import Upload
from retrieval.tokens import tokens
from tests.index.conftest import by_keyword, by_vector, bytes_on_disk, upload

POLICY = "Everyone may return goods.\n\nRefund within 30 days. MARK-OLD"
CHANGED = "Refund within 7 days. MARK-NEW"


def statuses(results):
    return [r.status for r in results]


def test_a_document_is_found_by_keyword_and_by_vector(library):
    (result,) = library.add([upload("policy.txt", POLICY)])
    assert (result.status, result.name, result.chunks) == ("added", "policy.txt", 1)
    assert "MARK-OLD" in by_keyword(library, "mark-old")[0]
    assert "MARK-OLD" in by_vector(library, "refund within how many days")[0]
    document = library.document("policy.txt")
    assert document.text == POLICY and document.chunks == 1 and library.document(document.id) == document
    assert library.folder.original(document.id).read_bytes() == POLICY.encode()


def test_the_same_bytes_are_added_once(library):
    library.add([upload("policy.txt", POLICY)])
    before = library.statistics.chunks
    (again,) = library.add([upload("policy.txt", POLICY)])
    assert again.status == "unchanged" and library.statistics.chunks == before
    (other,) = library.add([upload("copy.txt", POLICY)])
    assert other.status == "duplicate" and "policy.txt" in other.reason
    assert [d.name for d in library.documents()] == ["policy.txt"]
    both = library.add([upload("a.txt", "One and the same."), upload("b.txt", "One and the same.")])
    assert sorted(statuses(both)) == ["added", "duplicate"]


def test_an_updated_file_replaces_its_old_chunks(library):
    library.add([upload("policy.txt", POLICY)])
    old = library.document("policy.txt").id
    (result,) = library.add([upload("policy.txt", CHANGED)])
    assert result.status == "updated"
    assert by_keyword(library, "MARK-OLD 30 days") == [CHANGED]
    assert by_vector(library, "MARK-OLD 30 days") == [CHANGED]
    assert not library.folder.original(old).exists()
    assert library.check() == [] and len(library.documents()) == 1


def test_sections_that_an_update_leaves_alone_are_not_embedded_again(opened):
    class Counting(Hashing):
        texts = 0

        def encode(self, texts, *, query=False):
            type(self).texts += 0 if query else len(texts)
            return super().encode(texts, query=query)

    library = opened(Counting())
    rules = " ".join(f"Rule {i} of the second kind." for i in range(9))
    first = f"# Manual\n\n## One\n\nThe first rule.\n\n## Two\n\n{rules}"
    library.add([upload("manual.md", first)])
    ids = {s.heading: s.id for s in library.sections()}
    before, Counting.texts = Counting.texts, 0
    library.add([upload("manual.md", first.replace("The first", "An added paragraph.\n\nThe first"))])
    assert 0 < Counting.texts < before
    after = {s.heading: s.id for s in library.sections()}
    assert [h for h in ids if ids[h] == after[h]] == ["Manual > Two"]
    assert "second" in by_vector(library, "rule of the second kind")[0] and library.check() == []
    section = library.section(after["Manual > Two"])
    assert section.text == library.document("manual.md").text[section.start : section.end]


def test_an_update_to_what_another_document_says_removes_the_old_version(library):
    library.add([upload("a.txt", POLICY), upload("b.txt", CHANGED)])
    (result,) = library.add([upload("a.txt", CHANGED)])
    assert result.status == "duplicate" and "older version of a.txt was removed" in result.reason
    assert [d.name for d in library.documents()] == ["b.txt"]
    assert by_keyword(library, "MARK-OLD") == [CHANGED] == by_keyword(library, "refund")


def test_files_and_folders_are_known_again_by_where_they_are(library, tmp_path):
    for folder in ("north", "south"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "README.md").write_text(f"# Notes\n\nThe {folder} quay.", encoding="utf-8")
    assert statuses(library.add([tmp_path / "north", tmp_path / "south"])) == ["added", "added"]
    assert [d.name for d in library.documents()] == ["README.md", "south/README.md"]
    (tmp_path / "south" / "README.md").write_text("# Notes\n\nThe southern quay has moved.", encoding="utf-8")
    assert statuses(library.add([str(tmp_path / "south" / "README.md"), tmp_path / "north"])) == [
        "updated",
        "unchanged",
    ]
    assert "north" in by_keyword(library, "north quay")[0] and len(library.documents()) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_file_names_that_are_no_utf8_stop_nothing_and_stay_the_same_documents(library, tmp_path):
    folder = tmp_path / "named"
    folder.mkdir()
    for name in ("說明.txt".encode("cp950"), b"caf\xe9.txt", b"plain.txt"):
        (folder / os.fsdecode(name)).write_text(f"The file {name!r} is about {len(name)} things.", "utf-8")
    found = {result.name: result.status for result in library.add([folder])}
    assert found == {"說明.txt": "added", "caf\\xe9.txt": "added", "plain.txt": "added"}
    assert {result.status for result in library.add([folder])} == {"unchanged"}
    (alone,) = library.add([folder / os.fsdecode(b"caf\xe9.txt")])
    assert alone.status == "unchanged"


def test_one_bad_file_stops_no_other_and_every_file_gets_a_line(library, tmp_path):
    (tmp_path / "empty").mkdir()
    results = library.add(
        [
            tmp_path / "missing.txt",
            upload("good.txt", "A good text."),
            Upload(name="bad.docx", data=b"PK\x03\x04 not a zip"),
            upload("thing.xyz", "\x00\x01\x02"),
            tmp_path / "empty",
            upload("nothing.txt", ""),
        ]
    )
    assert [(r.name.split("/")[-1], r.status) for r in results] == [
        ("missing.txt", "failed"),
        ("good.txt", "added"),
        ("bad.docx", "failed"),
        ("thing.xyz", "skipped"),
        ("empty", "skipped"),
        ("nothing.txt", "skipped"),
    ]
    assert all(r.reason for r in results if r.status != "added")
    kept = {p.name for p in library.folder.originals.iterdir()}
    assert kept == {library.documents()[0].id}


@pytest.mark.parametrize(
    "name",
    ["../../out.txt", "/tmp/abs.txt", "..\\..\\out.txt", "a%2f..%2fout.txt", "x\x00.txt", "CON.txt", "....//x.txt"],
)
def test_a_client_file_name_is_never_a_path(library, tmp_path, name):
    def listing():
        inside = library.folder.root
        return {p for p in tmp_path.rglob("*") if not p.is_relative_to(inside)}

    before = listing()
    (result,) = library.add([Upload(name=name, data=b"Stored under an id.")])
    assert result.status == "added" and "/" not in result.name and "\\" not in result.name
    assert {p.name for p in library.folder.originals.iterdir()} == {result.id}
    for target in (name, "../library.db", "/etc/hostname"):
        try:
            library.remove(target)
        except DocgraftError as error:
            assert "no document" in error.message
    assert listing() == before and Path("/etc/hostname").exists() and not Path("/tmp/abs.txt").exists()


def test_a_removed_document_is_nowhere(library, opened):
    secret = "The safe opens with UNIQUE-MARK-12345 and nothing else."
    library.add([upload("secret.txt", secret), upload("other.txt", "Nothing to see.")])
    assert by_keyword(library, "UNIQUE-MARK-12345") == [secret]
    removed = library.remove("secret.txt")
    assert (removed.name, removed.chunks) == ("secret.txt", 1)
    fresh = opened()
    for one in (library, fresh):
        assert by_keyword(one, "unique-mark-12345") == []
        assert secret not in by_vector(one, "what opens the safe UNIQUE-MARK-12345")
        with pytest.raises(DocgraftError):
            one.document("secret.txt")
    raw = bytes_on_disk(library.folder).lower()
    assert not [m for m in (b"unique-mark-12345", b"mark-12345", b"the safe opens") if m in raw]
    assert library.check() == []


def test_removing_says_which_datasets_and_adapters_learned_from_it(library):
    library.add([upload("a.txt", POLICY), upload("b.txt", "Another text.")])
    document = library.document("a.txt")
    chunk = library.chunks(document.id)[0].id
    write_json(library.folder.datasets / "d1" / "card.json", {"id": "d1", "chunk_hashes": [chunk]})
    write_json(library.folder.datasets / "d2" / "card.json", {"id": "d2", "coverage": {"b.txt": {}}})
    write_json(library.folder.datasets / "d3" / "card.json", {"id": "d3"})
    rows = [{"document_id": document.id, "status": status} for status in ("kept", "edited", "dropped")]
    (library.folder.datasets / "d3" / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    write_json(library.folder.runs / "r1" / "adapter" / "card.json", {"id": "r1", "dataset": "d1"})
    write_json(library.folder.runs / "r2" / "adapter" / "card.json", {"id": "r2", "dataset": "d2"})
    write_json(library.folder.runs / "r3" / "adapter" / "adapter_config.json", ["not a card"])
    learned = library.remove("a.txt").learned
    assert [(one.kind, one.id, one.pairs) for one in learned] == [
        ("dataset", "d1", 0),
        ("dataset", "d3", 2),
        ("adapter", "r1", 0),
    ]


def test_a_vector_store_that_cannot_be_written_makes_the_removal_fail_and_be_repaired_later(library, monkeypatch):
    library.add([upload("secret.txt", "UNIQUE-MARK-12345 is the code.")])
    target = library.generations.usable()
    vectors = library.stores.vectors

    def refuse(name, ids):
        raise BackendFailed("attempt to write a readonly database")

    with monkeypatch.context() as patch:
        patch.setattr(vectors, "delete", refuse)
        with pytest.raises(BackendFailed, match="not complete"):
            library.remove("secret.txt")
        assert vectors.count(target.collection) == 1
        assert by_keyword(library, "UNIQUE-MARK-12345") == []
        assert by_vector(library, "UNIQUE-MARK-12345 code") == []
        assert [i.kind for i in library.check()] == ["vectors_surplus"]
    assert library.check(repair=True) == [] and vectors.count(target.collection) == 0


@contextmanager
def as_somebody_who_may_not_write(folder):
    """Read-only for us; root, who may always write, becomes somebody else for the time."""
    modes = {p: p.stat().st_mode for p in folder.rglob("*")} | {folder: folder.stat().st_mode}
    parents = {p: p.stat().st_mode for p in folder.parents if p.stat().st_uid == os.geteuid() and p != Path("/")}
    for path, mode in parents.items():
        path.chmod(0o777 if path == folder.parent else mode | 0o711)
    for path in folder.parent.rglob("*"):
        path.chmod(0o777)
    for path in modes:
        path.chmod(0o555 if path.is_dir() else 0o444)
    root = os.geteuid() == 0
    try:
        if root:
            os.seteuid(65534)
        yield
    finally:
        if root:
            os.seteuid(0)
        for path, mode in (modes | parents).items():
            if path.exists():
                path.chmod(mode)


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="file modes do not bind here")
def test_a_read_only_vector_store_makes_the_removal_fail_and_the_next_process_finishes_it(opened):
    before = opened()
    before.add([upload("secret.txt", "UNIQUE-MARK-12345 is the code."), upload("b.txt", "Another.")])
    before.close()
    with as_somebody_who_may_not_write(before.folder.vectors):
        library = opened()
        with pytest.raises(BackendFailed, match="not complete"):
            library.remove("secret.txt")
        assert by_keyword(library, "UNIQUE-MARK-12345") == []
        library.close()
    fresh = opened()
    assert by_vector(fresh, "the code UNIQUE-MARK-12345") == ["Another."]
    assert fresh.check() == []


def test_chunks_of_removed_documents_never_crowd_out_others(library, monkeypatch):
    library.add([upload(f"{i}.txt", f"The code of door {i} is secret.") for i in range(20)])
    with monkeypatch.context() as patch:
        patch.setattr(library.stores, "bury", lambda: None)
        for i in range(1, 20):
            library.remove(f"{i}.txt")
    library.stores._checked.add(library.generations.usable().collection)
    assert by_vector(library, "code of door 5", limit=1) == ["The code of door 0 is secret."]


def test_text_at_the_end_of_a_long_section_is_found_by_vector_alone(opened):
    library = opened(Hashing(max_tokens=64), chunk_tokens=1000)
    filler = " ".join(f"Filler sentence number {i} says little." for i in range(150))
    library.add([upload("long.txt", f"{filler} Code word: PELICAN-9.")])
    assert all(c.tokens <= 64 for c in library.chunks())
    assert "PELICAN-9" in by_vector(library, "code word pelican-9", limit=1)[0]
    assert library.index.max_tokens == 64


def test_a_unit_longer_than_the_embedder_reads_keeps_its_end(opened):
    library = opened(Hashing(max_tokens=32))
    row = ",".join(f"value{i}" for i in range(60))
    library.add([upload("wide.csv", ",".join(f"c{i}" for i in range(60)) + f"\n{row}\n")])
    section = library.sections()[0]
    vectors = library.unit_vectors([section.id])
    last = library.embedder.encode(["value59"])[0]
    assert (vectors.bare @ last).max() > 0.05


@pytest.mark.parametrize("second", ["hashing:768", "hashing:384/7"])
def test_another_embedder_is_noticed_and_nothing_is_deleted_unasked(opened, second):
    text = "The ferry leaves at seven."
    opened().add([upload("a.txt", text)])
    changed = opened(second)
    for attempt in (
        lambda: by_vector(changed, "ferry"),
        lambda: changed.unit_vectors([changed.sections()[0].id]),
        lambda: changed.add([upload("b.txt", "More.")]),
    ):
        with pytest.raises(NotConfigured, match="built with hashing:384") as caught:
            attempt()
        assert "docgraft reindex" in caught.value.hint
    assert by_keyword(changed, "ferry") == [text]
    assert [(i.kind, i.repairable) for i in changed.check()] == [("index", False)]
    assert by_vector(opened(), "ferry leaves") == [text], "the old index is whole"


def test_reindexing_swaps_when_the_new_index_is_whole(opened):
    old = opened()
    old.add([upload(f"{i}.txt", f"Door {i} has the code {i * 7}.") for i in range(30)])
    new = opened("hashing:768")
    asked = iter([True])
    assert new.reindex(stop=lambda: next(asked, False)) in (True, False)
    seen = []
    assert by_vector(old, "door 5 code 35")[0].startswith("Door 5") or new.index.dimension == 768
    assert new.reindex(progress=seen.append)
    assert new.index.name == "hashing:768" and new.index.dimension == 768
    assert by_vector(new, "door 5 code 35")[0].startswith("Door 5")
    assert by_keyword(new, "35")[0].startswith("Door 5")
    assert new.check() == []
    with pytest.raises(NotConfigured, match="hashing:768"):
        by_vector(old, "door")


def test_a_stopped_reindex_goes_on_where_it_was_and_the_old_index_serves(opened, monkeypatch):
    monkeypatch.setattr("retrieval.library.embedding.TEXTS", 6)

    class Counting(Hashing):
        texts = 0

        def encode(self, texts, *, query=False):
            type(self).texts += 0 if query else len(texts)
            return super().encode(texts, query=query)

    old = opened()
    old.add([upload(f"{i}.txt", f"Door {i} has the code {i * 7}.") for i in range(30)])
    new = opened(Counting("768"))
    steps = iter(range(100))
    assert not new.reindex(stop=lambda: next(steps) >= 3)
    halfway, Counting.texts = Counting.texts, 0
    assert 0 < halfway < 90 and old.index.dimension == 384
    assert by_vector(old, "door 5 code 35")[0].startswith("Door 5")
    old.remove("7.txt")
    assert new.reindex() and 0 < Counting.texts < 90
    assert Counting.texts + halfway <= 90
    assert len(new.chunks()) == 29 and by_keyword(new, "door 7") and new.check() == []
    assert not any("Door 7 " in t for t in by_vector(new, "door 7 code 49", 40))


def test_stopping_an_add_leaves_nothing_half_done(library, monkeypatch):
    monkeypatch.setattr("retrieval.library.embedding.TEXTS", 4)
    steps = iter(range(100))
    results = library.add([upload(f"{i}.txt", f"Text number {i}.") for i in range(9)], stop=lambda: next(steps) >= 10)
    assert {r.status for r in results} == {"skipped"} and all("stopped" in r.reason for r in results)
    assert library.documents() == [] and library.check() == []
    assert statuses(library.add([upload("0.txt", "Text number 0.")])) == ["added"]


def test_an_embedder_that_fails_leaves_the_documents_for_the_next_add(opened):
    class Failing(Hashing):
        broken = True

        def encode(self, texts, *, query=False):
            if self.broken and not query:
                raise BackendFailed("The embedding server did not answer.")
            return super().encode(texts, query=query)

    library = opened(Failing())
    (failed,) = library.add([upload("a.txt", "Some text.")])
    assert failed.status == "failed" and "did not answer" in failed.reason
    assert library.documents() == [] and library.statistics.unfinished == 1
    assert [i.kind for i in library.check()] == ["unfinished"]
    library.embedder.broken = False
    assert [(r.name, r.status) for r in library.add([upload("b.txt", "More.")])] == [
        ("a.txt", "added"),
        ("b.txt", "added"),
    ]


def test_progress_counts_files_and_characters_and_estimates_the_rest(library, monkeypatch):
    monkeypatch.setattr("retrieval.library.embedding.TEXTS", 4)
    seen = []
    library.add([upload(f"{i}.txt", f"Text number {i}.") for i in range(5)], progress=seen.append)
    reading = [p for p in seen if p.stage == "reading"]
    embedding = [p for p in seen if p.stage == "embedding"]
    assert [(p.done, p.total) for p in reading] == [(i, 5) for i in range(5)]
    assert embedding[-1].done == embedding[-1].total and embedding[-1].seconds_left == 0
    assert embedding[1].seconds_left > 0


def test_odd_metadata_stops_nothing_and_comes_back_as_it_was(library):
    front = "---\ntags: [harbour, 渡輪]\ndate:\nmap: {a: {b: 1}}\nauthor: Marit\n---\n\n# Notes\n\nThe quay."
    results = library.add([upload("a.md", front), upload("b.md", "# Other\n\nAnother quay.")])
    assert statuses(results) == ["added", "added"]
    metadata = library.document("a.md").metadata
    assert metadata["tags"] == ["harbour", "渡輪"] and "date" not in metadata
    assert [d.name for d in library.documents({"tags": "渡輪", "author": "Marit"})] == ["a.md"]
    assert library.documents({"tags": "rail"}) == []


def test_documents_survive_a_restart_from_another_directory_without_embedding_again(opened, tmp_path, monkeypatch):
    opened().add([upload(f"{i}.txt", f"Text number {i}.") for i in range(3)])
    monkeypatch.chdir(tmp_path)

    class Silent(Hashing):
        def encode(self, texts, *, query=False):
            assert query, "a passage was embedded again"
            return super().encode(texts, query=query)

    library = opened(Silent())
    assert len(library.documents()) == 3 and library.statistics.chunks == 3
    assert "2" in by_vector(library, "text number 2")[0]
    assert statuses(library.add([upload("1.txt", "Text number 1.")])) == ["unchanged"]


def test_a_folder_deleted_while_running_gives_a_clear_message(library):
    library.add([upload("a.txt", "The ferry leaves at seven.")])
    by_vector(library, "ferry")
    shutil.rmtree(library.folder.root)
    query = library.embedder.encode(["ferry"])[0]
    for attempt in (
        lambda: library.vector_scores(query, 5),
        lambda: library.keyword_scores(tokens("ferry"), 5),
        library.documents,
        lambda: library.add([upload("b.txt", "More.")]),
    ):
        with pytest.raises(DocgraftError, match="deleted or replaced"):
            attempt()
    assert not library.folder.library.exists()


def test_a_deleted_vector_folder_is_rebuilt_without_embedding(library, opened):
    library.add([upload("a.txt", "The ferry leaves at seven.")])
    by_vector(library, "ferry")
    shutil.rmtree(library.folder.vectors)
    assert [i.kind for i in library.check()] == ["vectors_missing"]
    fresh = opened()
    assert by_vector(fresh, "ferry leaves") == ["The ferry leaves at seven."]
    assert fresh.check() == []


def test_lost_vectors_are_found_and_stored_again(library):
    library.add([upload(f"{i}.txt", f"Text number {i}.") for i in range(8)])
    target = library.generations.usable()
    lost = [c.id for c in library.chunks()][:3]
    library.stores.vectors.delete(target.collection, lost)
    library.stores.vectors.upsert(target.collection, ["stranger"], np.ones((1, 384), dtype=np.float32))
    assert {i.kind for i in library.check()} == {"vectors_missing", "vectors_surplus"}
    assert library.check(repair=True) == []
    assert library.stores.vectors.listed(target.collection) == {c.id for c in library.chunks()}


def test_a_keyword_index_out_of_step_is_rebuilt(library):
    library.add([upload("a.txt", "The ferry leaves at seven."), upload("b.txt", "Another.")])
    number = library.index.generation
    with library.database.begin() as connection:
        connection.exec_driver_sql(f"DELETE FROM keyword_{number} WHERE rowid = 1")
    assert [i.kind for i in library.check()] == ["keyword"] and by_keyword(library, "ferry") == []
    assert library.check(repair=True) == [] and by_keyword(library, "ferry")


def test_stray_and_lost_originals_are_reported(library):
    library.add([upload("a.txt", "The ferry leaves at seven.")])
    (library.folder.originals / "0123").write_text("left by a crash")
    library.folder.original(library.documents()[0].id).unlink()
    assert [(i.kind, i.repairable) for i in library.check()] == [("original", False), ("original", True)]
    assert [(i.kind, i.repairable) for i in library.check(repair=True)] == [("original", False)]
    assert library.documents()[0].chunks == 1


def test_a_document_is_invisible_until_it_is_whole(library, monkeypatch):
    monkeypatch.setattr("retrieval.library.embedding.TEXTS", 4)
    library.add([upload("policy.txt", POLICY)])
    seen = []

    def watch(progress):
        if progress.stage == "embedding":
            seen.append((by_keyword(library, "refund"), by_vector(library, "refund days")))

    library.add([upload("policy.txt", CHANGED + " More." * 10)], progress=watch)
    assert len(seen) > 1 and all(found == ([POLICY], [POLICY]) for found in seen)
    assert "MARK-NEW" in by_keyword(library, "refund")[0]


def test_reading_again_with_another_encoding_replaces_the_text(library):
    data = Upload(name="big5.txt", data="保固三年，繁體中文。".encode("big5"))
    library.add([data], encodings={"big5.txt": "cp1252"})
    garbled = library.document("big5.txt").text
    (result,) = library.add([data], encodings={"big5.txt": "big5"})
    assert result.status in ("added", "updated") and library.document("big5.txt").text != garbled
    assert by_keyword(library, "保固") == ["保固三年，繁體中文。"] and library.check() == []


def test_stopping_while_a_document_is_read_again_does_not_lose_it(library):
    data = Upload(name="big5.txt", data="保固三年，繁體中文。".encode("big5"))
    library.add([data], encodings={"big5.txt": "cp1252"})
    asked = iter(range(100))
    new = upload("new.txt", "A new text.")
    results = library.add([data, new], encodings={"big5.txt": "big5"}, stop=lambda: next(asked) >= 2)
    assert [(r.name, r.status) for r in results] == [("big5.txt", "added"), ("new.txt", "skipped")]
    assert by_keyword(library, "保固") == ["保固三年，繁體中文。"] and library.check() == []
    assert [d.name for d in library.documents()] == ["big5.txt"]


def test_unit_vectors_come_by_section_with_the_units_they_belong_to(library):
    library.add([upload("m.md", "# M\n\n## A\n\nOne fish. Two fish.\n\n## B\n\nRed fish.")])
    a, b = library.sections()
    found = library.unit_vectors([b.id, "unknown", a.id, b.id])
    assert found.ids == [(b.id, 0), (a.id, 0), (a.id, 1)]
    assert found.bare.shape == found.with_heading.shape == (3, 384)
    units = [library.units(section)[ordinal] for section, ordinal in found.ids]
    expected = library.embedder.encode([u.rendered for u in units])
    assert np.allclose(found.bare, expected, atol=1e-3)
    headed = library.embedder.encode([f"M > B\n{units[0].rendered}"])
    assert np.allclose(found.with_heading[0], headed[0], atol=1e-3)
    assert library.unit_vectors([]).bare.shape == (0, 384)


def test_the_revision_changes_with_what_can_be_found(library, opened):
    other = opened()
    seen = [library.revision]
    for change in (
        lambda: library.add([upload("a.txt", "Text.")]),
        lambda: library.add([upload("a.txt", "Changed.")]),
        lambda: library.remove("a.txt"),
    ):
        change()
        assert library.revision > seen[-1] and other.revision == library.revision
        seen.append(library.revision)
    library.add([upload("b.txt", "Text.")])
    now = library.revision
    library.add([upload("b.txt", "Text.")])
    assert library.revision == now


def test_an_empty_library_answers_everything_with_nothing(library):
    assert library.documents() == library.sections() == library.chunks() == library.check() == []
    assert library.keyword_scores(["x"], 5) == {} == library.vector_scores(np.ones(384, dtype=np.float32), 5)
    assert library.index is None and library.statistics.chunks == 0 and library.revision == 0
    with pytest.raises(DocgraftError, match="no document"):
        library.remove("nothing")


def test_keyword_search_works_without_any_vector_store(opened, monkeypatch):
    library = opened()
    library.add([upload("a.txt", "本公司的報銷流程由財務部審核"), upload("b.txt", "重跑gen-itgc後請通知")])
    monkeypatch.setattr(library.stores, "ready", lambda target: pytest.fail("the vector store was used"))
    assert "報銷" in by_keyword(library, "報銷流程")[0]
    assert "財務部" in by_keyword(library, "财务部")[0]
    assert "gen-itgc" in by_keyword(library, "gen-itgc")[0]


def test_a_failure_while_publishing_changes_nothing(library, monkeypatch):
    library.add([upload("policy.txt", POLICY)])

    def explode(self, connection, target, unseen):
        raise DocgraftError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(Index, "_show", explode)
        with pytest.raises(DocgraftError):
            library.add([upload("policy.txt", CHANGED)])
    assert by_keyword(library, "MARK-OLD") == [POLICY] and library.document("policy.txt").text == POLICY
    assert statuses(library.add([upload("policy.txt", CHANGED)])) == ["updated"] and library.check() == []


def test_a_python_with_an_old_sqlite_is_named_with_the_version_needed(opened, monkeypatch):
    monkeypatch.setattr("sqlite3.sqlite_version_info", (3, 34, 1))
    with pytest.raises(NotConfigured, match=r"3\.34\.1.*3\.35"):
        opened()


def test_without_fts5_documents_can_be_listed_and_adding_says_what_is_missing(opened, monkeypatch):
    library = opened()
    monkeypatch.setattr(sqlite, "_probe", lambda statement: False)
    assert library.documents() == []
    with pytest.raises(NotConfigured, match="FTS5"):
        library.add([upload("a.txt", "Text.")])
    assert library.documents() == [] and library.index is None


def test_repairing_under_another_embedder_leaves_what_it_cannot_finish(opened):
    class Failing(Hashing):
        def encode(self, texts, *, query=False):
            raise BackendFailed("The embedding server did not answer.")

    first = opened()
    first.add([upload("a.txt", "Text.")])
    opened(Failing()).add([upload("b.txt", "Herring.")])
    other = opened("hashing:768")
    assert {i.kind for i in other.check(repair=True)} == {"unfinished", "index"}
    assert other.reindex() and {i.kind for i in other.check()} == {"unfinished"}
    assert other.check(repair=True) == [] and len(other.documents()) == 2
    assert by_keyword(other, "herring") == ["Herring."]


def test_a_web_address_that_cannot_be_had_is_a_line_like_any_other(library):
    results = library.add(["http://127.0.0.1:9/private", upload("good.txt", "A good text.")])
    assert [(r.name, r.status) for r in results] == [("http://127.0.0.1:9/private", "failed"), ("good.txt", "added")]
    assert results[0].reason


def test_a_web_page_is_known_again_by_its_address(library, monkeypatch):
    from retrieval.loaders import Fetched

    pages = iter(["<h1>Timetable</h1><p>The ferry leaves at seven o'clock from the old quay.</p>"] * 2)
    later = "<h1>Timetable</h1><p>The ferry leaves at nine o'clock from the new quay.</p>"

    def fetch(url, *, limits):
        data = f"<html><body>{next(pages, later)}</body></html>".encode()
        return Fetched(data=data, name=url, content_type="text/html", charset="utf-8", suffix=".html")

    monkeypatch.setattr("retrieval.loaders.web.fetch", fetch)
    seen = [library.add(["https://ferry.example/times"])[0].status for _ in range(3)]
    assert seen == ["added", "unchanged", "updated"]
    assert [d.name for d in library.documents()] == ["https://ferry.example/times"]
    assert "nine" in by_keyword(library, "ferry")[0] and library.remove("https://ferry.example/times").chunks == 1
