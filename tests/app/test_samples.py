"""Questions to begin with: those of the samples where they are, else about headings; in the user's language."""

from __future__ import annotations

import json

from app import samples


def test_the_samples_suggest_their_own_questions_in_the_users_language(wiring):
    library = wiring.library("samples")
    library.add([samples.SAMPLES / "owners-handbook.md", samples.SAMPLES / "保固與維修.md"])
    asked = {
        line["question"]: line["document"]
        for line in map(json.loads, (samples.FOLDER / "questions.jsonl").read_text(encoding="utf-8").splitlines())
    }
    english, chinese = samples.questions(library, "en"), samples.questions(library, "zh-TW")
    assert [asked[q] for q in english] == ["owners-handbook.md"] and [asked[q] for q in chinese] == ["保固與維修.md"]


def test_other_documents_suggest_their_headings(wiring, manual, manual_zh):
    library = wiring.library("default")
    library.add([manual, manual_zh])
    found = samples.questions(library, "zh-TW")
    assert len(found) == 2 and "特休" in found[0]


def test_steps_sentences_and_quotations_are_no_topics(wiring, tmp_path):
    (tmp_path / "a.md").write_text(
        '# Licence\n\n## 1.1. "Contributor"\n\nwho.\n\n## 2. Grant of rights\n\nAll rights are granted.\n\n'
        "## Fixed\n\nbugs.\n",
        "utf-8",
    )
    (tmp_path / "b.md").write_text(
        "# 教學\n\n## 3. 然後輸入大寫的 R，把第一行改掉\n\n好。\n\n## 第二條　停車費用\n\n每小時 30 元。\n", "utf-8"
    )
    library = wiring.library("default")
    library.add([tmp_path])
    assert samples.questions(library, "en") == [
        "What do the documents say about “Grant of rights”?",
        "文件裡怎麼說「停車費用」？",
    ]


def test_names_addresses_and_copyright_lines_below_a_title_are_no_topics(wiring, tmp_path):
    (tmp_path / "paper.md").write_text(
        "# Bells of the North\n\n## Ada Byron\n\nAda Byron\n\n## ada at example.org\n\nInstitute of Bells, Hull\n\n"
        "## Grace Hopper\n\nCopyright 2001 Grace Hopper. It may be copied by everybody.\n\n"
        "## Casting a bell\n\nA bell is cast from bronze and left to cool for a week.\n",
        "utf-8",
    )
    (tmp_path / "論文.md").write_text(
        "# 北方的鐘\n\n## 王小明\n\n國立大學\n\n## 鑄鐘\n\n鐘用青銅鑄成，放涼一週。\n", "utf-8"
    )
    library = wiring.library("default")
    library.add([tmp_path])
    assert samples.questions(library, "en") == [
        "What do the documents say about “Casting a bell”?",
        "文件裡怎麼說「鑄鐘」？",
    ]


def test_an_empty_knowledge_base_suggests_nothing(wiring):
    assert samples.questions(wiring.library("default"), "en") == []
