"""A small knowledge base in two languages, and a dataset built from it once per test run."""

from __future__ import annotations

import shutil

import pytest

from finetune.datasets import read
from finetune.pairs import PairSettings
from finetune.pairs.build import build
from memory.workspace import Workspace
from retrieval.embedders import load
from retrieval.library import Library
from retrieval.records import Upload
from retrieval.search import Search

HANDBOOK = """# Harbour Clinic Handbook

## Visits

Clients may park for 50 minutes in the seven spaces under the lime trees. A missed visit costs £18.
Cancel by 16:00 on the working day before. Dr Alba Thirkettle bought the old creamery in 1986.
If poison is possible, bring the wrapper to the blue door.

## Prices

| Service | Price | Takes |
|---|---|---|
| First consultation | £46 | 25 minutes |
| Nurse check | £14 | 10 minutes |
| Rabies jab | £57 | 12 minutes |

## What to bring

Every new client brings these papers:

- vaccination card
- proof of address
- the pet's microchip number

## Contact

Telephone: 01632 960417
Email: desk@harbourclinic.example

## Rules of the garden

Dogs stay on the lead at all times. Cats use the wooden basket near the window. The gate closes at 19:30 in summer.
The night nurse keeps the keys of the garden gate in the green cabinet. Visitors leave their bicycles beside the wall.
"""
DORM = """# 宿舍住宿須知

## 報到

新生在8月29日報到，鑰匙押金300元，離宿時退還。住宿服務組設在曲溪舍107室。組長邵允棠，分機6318。

## 洗衣

洗衣機每次20元，只能倒液體洗劑。停機滿15分鐘，下一位可以把衣服移到白色籃子。

## 費用

| 項目 | 金額 | 期限 |
|---|---|---|
| 雙人房 | 9,800元 | 9月5日 |
| 四人房 | 6,400元 | 9月12日 |

## 訪客

訪客須在晚上9點30分前離開。平日下午1點起接待訪客，值班人員會登記姓名與離開時間。
"""
FAQ = """# Questions at the desk

## Can I bring a rabbit?

Yes, in a closed box, on Tuesdays and Fridays only.

## Do you take cards?

We take cards from £5 upwards; there is no charge for it.
"""
FILES = {"handbook.md": HANDBOOK, "宿舍.md": DORM, "faq.md": FAQ}


def stocked(root, files=FILES, kb="default"):
    """A library with the files added; the caller closes it."""
    library = Library(Workspace(root).base(kb), load("hashing:384"))
    results = library.add([Upload(name=name, data=text.encode()) for name, text in files.items()])
    assert all(result.status in {"added", "updated", "unchanged"} for result in results)
    return library


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """(home, dataset id) of a finished build; copied for each test that uses it."""
    root = tmp_path_factory.mktemp("built")
    library = stocked(root)
    made = build(library, Search(library, library.embedder), PairSettings(held_out=0.15))
    library.close()
    return root, made.id


@pytest.fixture
def library(built, tmp_path):
    """The knowledge base with its dataset, in a folder of this test's own."""
    shutil.copytree(built[0], tmp_path / "kb")
    opened = Library(Workspace(tmp_path / "kb").base("default"), load("hashing:384"))
    yield opened
    opened.close()


@pytest.fixture
def dataset(library, built):
    """The finished dataset of `library`."""
    return read(library.folder.dataset(built[1]))


@pytest.fixture
def fresh(tmp_path):
    """Make libraries with other files: `fresh({"a.md": "…"})`."""
    made = []

    def make(files):
        made.append(stocked(tmp_path / f"fresh{len(made)}", files))
        return made[-1]

    yield make
    for library in made:
        library.close()
