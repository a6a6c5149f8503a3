"""What holds for every format: offsets, coverage, the same through the child process, the samples."""

from __future__ import annotations

import json
import unicodedata

import pytest

from memory.errors import BadDocument
from retrieval.loaders import SUFFIXES, parse, read, walk
from retrieval.loaders.formats import MODULES
from tests.loaders import files
from tests.loaders.conftest import check, kinds

EVERY = files.every()


@pytest.mark.parametrize("name", EVERY)
def test_offsets_point_to_their_text_in_every_format(name, tmp_path):
    parsed = check(parse(files.save(tmp_path, "file", EVERY[name]), name=name))
    assert parsed.name == name
    assert parsed.blocks
    assert parsed.format in MODULES


@pytest.mark.parametrize("name", EVERY)
def test_no_word_of_a_file_stands_outside_its_blocks(name, tmp_path):
    parsed = parse(files.save(tmp_path, "file", EVERY[name]), name=name)
    outside = list(parsed.text)
    for block in parsed.blocks:
        outside[block.start : block.end] = " " * (block.end - block.start)
    assert not any(c.isalnum() for c in outside)


@pytest.mark.parametrize("name", EVERY)
def test_the_child_process_reads_the_same_as_this_one(name, tmp_path):
    path = files.save(tmp_path, "file", EVERY[name])
    assert read(path, name=name) == parse(path, name=name)


def test_every_format_has_a_suffix_and_a_file_here():
    assert {SUFFIXES["." + name.rpartition(".")[2]] for name in EVERY} == set(MODULES) == set(SUFFIXES.values())


def test_the_bytes_decide_the_format_and_not_the_name(tmp_path):
    path = files.save(tmp_path, "file", EVERY["rules.docx"])
    assert parse(path, name="rules.doc").format == "docx"
    assert parse(path, name="rules.zip").format == "docx"
    assert parse(files.save(tmp_path, "pdf", EVERY["rules.pdf"]), name="no suffix").format == "pdf"


@pytest.mark.parametrize(
    ("name", "data", "kind", "says"),
    [
        ("empty.pdf", b"", "empty", "0 bytes"),
        ("blank.txt", b"\xef\xbb\xbf  \n ", "empty", "no text"),
        ("half.pdf", EVERY["rules.pdf"][: len(EVERY["rules.pdf"]) // 2], "damaged", "ends too early"),
        ("half.docx", EVERY["rules.docx"][: len(EVERY["rules.docx"]) // 2], "damaged", "damaged"),
        ("text.pdf", b"just words", "damaged", "not of that format"),
        ("picture.png", b"\x89PNG\r\n\x1a\n" + bytes(50), "unsupported", "image"),
        ("program.txt", b"\x7fELF" + bytes(50), "unsupported", "program"),
        ("old.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "unsupported", "old Office"),
        (
            "locked.docx",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
            "password",
            "password",
        ),
        ("song.mp3", b"ID3\x04 a song", "unsupported", ".mp3"),
        ("bad.json", b'{"a": [1, 2', "damaged", "JSON"),
        ("noise.txt", bytes(range(256)) * 4, "unsupported", "binary"),
    ],
)
def test_each_kind_of_unreadable_file_has_its_own_reason(name, data, kind, says, tmp_path):
    with pytest.raises(BadDocument) as caught:
        parse(files.save(tmp_path, "file", data), name=name)
    assert caught.value.kind == kind
    assert says in caught.value.reason
    assert caught.value.name == name


def test_a_file_that_is_too_big_is_refused_before_it_is_read(tmp_path):
    from retrieval.loaders import Limits

    path = tmp_path / "file"
    with path.open("wb") as file:
        file.truncate(300 * 1024 * 1024)
    with pytest.raises(BadDocument) as caught:
        parse(path, name="big.txt")
    assert caught.value.kind == "too_large"
    files.save(tmp_path, "file", b"word " * 1000)
    with pytest.raises(BadDocument) as caught:
        parse(path, name="long.txt", limits=Limits(characters=1000))
    assert caught.value.kind == "too_large"


def test_the_samples_read_without_a_complaint_and_hold_their_answers(samples):
    found = {name: check(parse(path, name=name)) for path, name in walk(samples / "documents")}
    assert len(found) == 10
    assert {p.format for p in found.values()} == {"md", "txt", "csv", "pdf", "docx", "html", "xlsx", "pptx"}
    complaints = {"undecodable", "encoding_guess", "scanned_pages", "private_use", "no_header", "hidden_text"}
    assert not any(kinds(p) & complaints for p in found.values())
    lines = (samples / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    questions = [json.loads(line) for line in lines]
    assert [q["language"] for q in questions].count("en") == 40
    assert [q["language"] for q in questions].count("zh-TW") == 30
    assert sum(q["answer"] is None for q in questions) == 13
    for question in questions:
        held = folded(found[question["document"]].text) if question["document"] else ""
        assert all(folded(quote) in held for quote in question["evidence"]), question["id"]
        if question["kind"] in ("lookup", "table", "list") and not question["answer"].startswith(
            ("yes", "no", "有", "不行")
        ):
            options = [folded(a) for a in (question["answer"], *question["accept"])]
            assert any(o.lower() in folded(" ".join(question["evidence"])).lower() for o in options), question["id"]


def folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).split())


def test_the_committed_samples_say_what_their_source_says(samples, tmp_path, monkeypatch):
    from benchmarks import make_samples

    monkeypatch.setattr("sys.argv", ["make_samples", str(tmp_path)])
    make_samples.main()
    made = walk(tmp_path)
    assert len(made) == 4
    for path, name in made:
        assert parse(path, name=name).text == parse(samples / "documents" / name, name=name).text
