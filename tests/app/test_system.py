"""What the system lacks or refuses is said in words by the command, the doctor and make."""

from __future__ import annotations

import errno
import importlib
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from app import cli, doctor
from app.jobs import Job
from app.system import missing_library

ROOT = Path(__file__).parents[2]
LACKS = "libgomp.so.1: cannot open shared object file: No such file or directory"


def test_a_missing_library_is_named_with_its_package():
    error = missing_library(OSError(LACKS))
    assert error and "libgomp.so.1" in error.message and "apt-get install libgomp1" in error.hint
    other = missing_library(ImportError("libodd.so: cannot open shared object file: No such file or directory"))
    assert other and "libodd.so" in other.message and other.hint
    assert missing_library(ImportError("No module named 'x'")) is None


@pytest.mark.parametrize(
    ("code", "hint"), [(errno.ENOSPC, "Free some space"), (errno.EACCES, "whom it belongs"), (errno.EROFS, "whom")]
)
def test_a_disk_that_is_full_or_a_folder_that_is_anothers_is_one_line_and_a_hint(monkeypatch, capsys, code, hint):
    def refusing():
        raise OSError(code, os.strerror(code), "/srv/docgraft/bases")

    monkeypatch.setattr(cli, "app", refusing)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    told = capsys.readouterr().err.splitlines()
    assert ended.value.code == 1 and len(told) == 2
    assert told[0] == f"/srv/docgraft/bases: {os.strerror(code)}." and hint in told[1]


@pytest.mark.parametrize(
    "error",
    [
        sqlite3.OperationalError("database or disk is full"),
        ValueError("Error while serializing: I/O error: No space left on device (os error 28)"),
    ],
)
def test_a_full_disk_is_told_by_command_and_job_whoever_finds_it(monkeypatch, capsys, error):
    def refusing(*given):
        raise error

    monkeypatch.setattr(cli, "app", refusing)
    with pytest.raises(SystemExit):
        cli.main()
    told = capsys.readouterr().err.splitlines()
    assert told == ["The disk: No space left on device.", told[1]] and "Free some space" in told[1]
    job = Job("local", "add", "")
    job.run(refusing)
    assert job.error and job.error.message == told[0]


def test_a_command_that_lacks_a_library_is_one_line_and_a_hint(monkeypatch, capsys):
    def lacking():
        raise ImportError(LACKS)

    monkeypatch.setattr(cli, "app", lacking)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    assert capsys.readouterr().err.splitlines() == [
        "The system library libgomp.so.1 is missing.",
        "On Debian or Ubuntu: apt-get install libgomp1",
    ]


def test_the_doctor_names_what_compiled_packages_lack(monkeypatch):
    def lacking(name):
        raise ImportError(LACKS)

    monkeypatch.setattr(importlib, "import_module", lacking)
    (check,) = doctor.libraries()
    assert check.health == "problem" and check.found == "The system library libgomp.so.1 is missing."
    assert check.fix == "On Debian or Ubuntu: apt-get install libgomp1"


@pytest.mark.skipif(not shutil.which("make"), reason="no make")
def test_make_install_names_what_this_python_lacks(tmp_path):
    python = tmp_path / "python"
    blocked = "import sys; sys.modules['_sqlite3'] = None; exec(sys.argv[1])"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{blocked}" "$2"\n', encoding="utf-8")
    python.chmod(0o755)
    ended = subprocess.run(
        ["make", "-s", "install", f"PYTHON={python}", f"VENV={tmp_path / 'venv'}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode and "lacks sqlite3" in ended.stderr and not (tmp_path / "venv").exists()
