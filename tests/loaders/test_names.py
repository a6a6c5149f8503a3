"""Names of files: listing a folder and showing what a client calls a file."""

from __future__ import annotations

import pathlib

import pytest

from retrieval.loaders import walk
from retrieval.loaders.names import shown


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../out.txt", "out.txt"),
        ("/tmp/abs.txt", "abs.txt"),
        ("..\\..\\out.txt", "out.txt"),
        ("a%2f..%2fout.txt", "out.txt"),
        ("a%252f..%252fout.txt", "out.txt"),
        ("x\x00.txt", "x.txt"),
        ("CON", "_CON"),
        ("con.txt", "_con.txt"),
        ("..", "unnamed"),
        ("", "unnamed"),
        ("a\u202egpj.exe", "agpj.exe"),
        ("山屋 守則.md", "山屋 守則.md"),
        ("C:\\Users\\me\\rules.md", "rules.md"),
    ],
)
def test_a_clients_name_never_stays_a_path(name, safe):
    assert shown(name) == safe
    assert not set("/\\\x00") & set(shown(name))


def test_a_long_name_is_cut_and_keeps_its_suffix():
    assert len(shown("x" * 500 + ".pdf")) == 200
    assert shown("x" * 500 + ".pdf").endswith(".pdf")


def test_a_folder_is_walked_in_order_without_hidden_files(tmp_path):
    for name in (
        "b.txt",
        "a/one.md",
        "a/.hidden/two.md",
        ".git/config",
        "~$lock.docx",
        "__MACOSX/x.txt",
        "c/Thumbs.db",
        "z.bin",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    assert [name for _, name in walk(tmp_path)] == ["a/one.md", "b.txt", "z.bin"]
    assert all(path.is_file() for path, _ in walk(tmp_path))


def test_links_that_lead_out_of_the_folder_are_not_followed(tmp_path):
    outside = tmp_path / "outside.txt"
    outside.write_bytes(b"secret")
    folder = tmp_path / "folder"
    folder.mkdir()
    pathlib.Path(folder / "link.txt").symlink_to(outside)
    pathlib.Path(folder / "loop").symlink_to(tmp_path)
    assert walk(folder) == []
