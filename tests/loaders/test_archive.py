"""Zip bombs: what is counted is what comes out, and it is counted before anything is opened."""

from __future__ import annotations

import io
import time
import zipfile

import psutil
import pytest

from memory.errors import BadDocument
from retrieval.loaders import Limits, parse
from retrieval.loaders.sandbox import Sandbox
from tests.loaders import files


@pytest.fixture(scope="module")
def bomb() -> bytes:
    """A Word file of about 200 KB whose document.xml unpacks to 200 MB."""
    paragraph = b"<w:p><w:r><w:t>" + b"A" * 1_000_000 + b"</w:t></w:r></w:p>"
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(files.docx())) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name in old.namelist():
            if name != "word/document.xml":
                file.writestr(name, old.read(name))
        with file.open("word/document.xml", "w") as entry:
            head, tail = old.read("word/document.xml").split(b"<w:body>")
            entry.write(head + b"<w:body>")
            for _ in range(200):
                entry.write(paragraph)
            entry.write(tail)
    return out.getvalue()


@pytest.mark.parametrize("name", ["bomb.docx", "bomb.doc", "bomb.zip"])
def test_a_small_file_that_unpacks_to_gigabytes_is_refused_at_once(bomb, name, tmp_path):
    assert len(bomb) < 400_000
    path = files.save(tmp_path, "file", bomb)
    before, start = psutil.Process().memory_info().rss, time.monotonic()
    with pytest.raises(BadDocument) as caught:
        parse(path, name=name)
    assert caught.value.kind == "too_large"
    assert time.monotonic() - start < 2
    assert psutil.Process().memory_info().rss - before < 200 * 1024 * 1024


def test_a_declared_size_is_not_believed(bomb, tmp_path):
    lying = bytearray(bomb)
    with zipfile.ZipFile(io.BytesIO(bomb)) as file:
        size = file.getinfo("word/document.xml").file_size.to_bytes(4, "little")
    at = lying.find(size)
    while at >= 0:
        lying[at : at + 4] = (1000).to_bytes(4, "little")
        at = lying.find(size, at + 4)
    with pytest.raises(BadDocument):
        parse(files.save(tmp_path, "file", bytes(lying)), name="lie.docx")


def test_twenty_thousand_entries_are_refused(tmp_path):
    out = io.BytesIO(files.docx())
    with zipfile.ZipFile(out, "a") as file:
        for n in range(20_000):
            file.writestr(f"x/{n}", b"")
    start = time.monotonic()
    with pytest.raises(BadDocument) as caught:
        parse(files.save(tmp_path, "file", out.getvalue()), name="many.docx")
    assert caught.value.kind == "too_large"
    assert time.monotonic() - start < 2


def test_a_file_just_under_the_limits_is_read(tmp_path):
    path = files.save(tmp_path, "file", files.docx(lambda d: d.add_paragraph("word " * 100_000)))
    assert len(parse(path, name="long.docx").text) > 400_000
    with pytest.raises(BadDocument):
        parse(path, name="long.docx", limits=Limits(inflated=300_000))


def test_entities_that_multiply_are_not_followed(tmp_path):
    lol = '<!DOCTYPE l [<!ENTITY a "aaaaaaaaaa">' + "".join(
        f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9)
    )
    data = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(files.docx())) as old, zipfile.ZipFile(data, "w") as file:
        for name in old.namelist():
            body = old.read(name)
            if name == "word/document.xml":
                body = body.replace(b"<w:document", f"{lol}]><w:document".encode(), 1)
                body = body.replace(b"There are", b"&j; There are")
            file.writestr(name, body)
    sandbox = Sandbox(children=1)
    try:
        text = sandbox.read(files.save(tmp_path, "f", data.getvalue()), name="lol.docx", limits=Limits(seconds=10)).text
        assert len(text) < 10_000
    except BadDocument as error:
        assert error.kind == "damaged"
    finally:
        sandbox.close()
