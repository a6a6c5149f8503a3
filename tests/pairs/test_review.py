"""Review: what a person changes is checked again, on disk at once, and can be taken back."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from finetune.datasets import fingerprint, read, read_pairs
from finetune.pairs.review import Review, Wanted
from finetune.pairs.splits import held_out
from memory.errors import BadDataset, DocgraftError
from retrieval.units import units


@pytest.fixture
def review(dataset, library):
    return Review(dataset.folder, library)


def on_disk(review):
    rows = list(read_pairs(review.folder / "pairs.jsonl"))
    card = read(review.folder).card
    kept = [row for row in rows if row.status != "dropped"]
    assert card.counts["dropped"] == len(rows) - len(kept)
    assert sum(card.counts[s] for s in ("train", "dev", "test")) == len(kept)
    assert card.fingerprint == fingerprint(rows)
    train = json.loads((review.folder / "train.json").read_text(encoding="utf-8"))
    assert len(train) == card.counts["train"]
    assert review.counts()["status"] == dict(Counter(row.status for row in rows))
    return rows


def one(review, **more):
    return next(
        p for p in review.page(Wanted(status="kept", kind="closed_book", **more), limit=500).pairs if p.output == "£18"
    )


def test_lists_filter_by_document_kind_status_split_and_text(review, library):
    document = library.document("handbook.md").id
    page = review.page(Wanted(document_id=document, kind="closed_book", split="train", text="PARK"), limit=5)
    assert page.total > len(page.pairs) > 0
    assert all(p.document_id == document and p.split == "train" and "park" in p.instruction.lower() for p in page.pairs)
    dropped = review.page(Wanted(status="dropped"), limit=500)
    assert dropped.total == read(review.folder).card.counts["dropped"]
    assert review.page(Wanted(reason="leak"), limit=1).total == review.counts()["reason"].get("leak", 0)


def test_pages_follow_one_another(review):
    first = review.page(limit=10).pairs
    second = review.page(offset=10, limit=10).pairs
    assert len(first) == len(second) == 10 and not {p.id for p in first} & {p.id for p in second}


def test_a_pair_is_shown_beside_its_source(review):
    beside = review.beside(one(review))
    assert beside.text[beside.start : beside.end] == "£18"
    assert beside.document == "handbook.md"


def test_an_edit_is_checked_saved_and_undone(review):
    before = on_disk(review)
    pair = one(review)
    review.edit(pair.id, question="What must I pay when I forget my visit?")
    assert review.get(pair.id).status == "edited"
    on_disk(review)
    assert review.undo() == "edit"
    assert on_disk(review) == before
    assert review.undo() == ""


def test_an_edit_with_a_number_that_the_source_lacks_is_refused_or_marked(review):
    """B40: never approved."""
    pair = one(review)
    with pytest.raises(BadDataset, match="does not hold"):
        review.edit(pair.id, answer="£180")
    assert review.get(pair.id).output == "£18"
    review.edit(pair.id, answer="£180", force=True)
    assert review.get(pair.id).reason.startswith("unverified")
    done, refused = review.approve([pair.id])
    assert done == 0 and pair.id in refused


def test_approving_dropping_and_restoring_change_the_files(review):
    pair = one(review)
    assert review.approve([pair.id]) == (1, {})
    assert review.get(pair.id).status == "approved"
    trained = read(review.folder).card.counts["train"]
    assert review.drop([pair.id], why="dull") == 1
    assert read(review.folder).card.counts["train"] == trained - 1
    assert review.get(pair.id).reason == "reviewer: dull"
    on_disk(review)
    review.restore([pair.id])
    assert read(review.folder).card.counts["train"] == trained
    assert [review.undo() for _ in range(3)] == ["restore", "drop", "approve"]
    assert review.get(pair.id).status == "kept"
    on_disk(review)


def test_a_pair_of_ones_own_gets_its_evidence_and_can_be_taken_back(review, library):
    section = next(s for s in library.sections() if "£18" in s.text)
    count = len(on_disk(review))
    pair = review.add("Forgot the vet again, how dear is that?", "£18", section_id=section.id)
    assert pair.quote == "£18"
    assert len(on_disk(review)) == count + 1
    with pytest.raises(BadDataset):
        review.add("Forgot the vet again, how dear was that?", "£99", section_id=section.id)
    with pytest.raises(BadDataset, match="duplicate"):
        review.add("forgot the vet again - how dear is that", "£18", section_id=section.id)
    assert review.undo() == "add"
    assert len(on_disk(review)) == count


def test_a_pair_of_ones_own_teaches_unless_its_section_is_held_out(review, library):
    sections = [s for s in library.sections() if any(unit.kind != "heading" for unit in units(s))]
    for held in (False, True):
        section = next(s for s in sections if held_out(s, 0.15) is held)
        answer = next(unit.text for unit in units(section) if unit.kind != "heading")
        pair = review.add("What was written there by hand?", answer, section_id=section.id, force=True)
        assert (pair.split, pair.test_set) == (("test", "unseen_section") if held else ("train", None))
        review.undo()


def test_an_edit_may_not_leak_a_test_question_or_contradict_another_pair(review):
    pair = one(review)
    test = review.page(Wanted(status="kept", split="test", test_set="unseen_wording")).pairs[0]
    trained = next(p for p in review.page(Wanted(split="train"), limit=900).pairs if p.fact_id == test.fact_id)
    with pytest.raises(BadDataset, match="leak"):
        review.edit(trained.id, question=f"{test.instruction}?")
    other = next(
        p for p in review.page(Wanted(split="train", kind="closed_book"), limit=900).pairs
        if p.output != "£18" and p.section_id == pair.section_id and p.status == "kept"
    )  # fmt: skip
    with pytest.raises(BadDataset, match="conflict"):
        review.edit(pair.id, question=other.instruction)


def test_pairs_of_a_changed_document_are_listed_as_stale(review, library):
    from retrieval.records import Upload

    assert not review.stale()
    text = library.document("handbook.md").text.replace("£18", "£21")
    document = library.document("handbook.md").id
    library.add([Upload(name="handbook.md", data=text.encode())])
    stale = review.stale()
    assert stale[document] > 0
    assert review.page(Wanted(stale=True), limit=1).total == stale[document]


def test_a_rewrite_that_a_crash_cut_short_is_mended(review, library):
    rows = (review.folder / "pairs.jsonl").read_text(encoding="utf-8").splitlines()
    changed = [
        r.replace('"status":"kept"', '"status":"dropped","reason":"x"', 1) if i == 0 else r for i, r in enumerate(rows)
    ]
    row = json.loads(rows[0]) | {"status": "dropped", "reason": "reviewer: x"}
    changed[0] = json.dumps(row, ensure_ascii=False)
    (review.folder / "pairs.jsonl").write_text("\n".join(changed) + "\n", encoding="utf-8")
    on_disk(Review(review.folder, library))


def test_an_unknown_pair_is_said(review):
    with pytest.raises(DocgraftError, match="no pair"):
        review.get("nothing")


def test_lengths_for_charts_count_kept_rows(review):
    lengths = review.lengths()
    counts = read(review.folder).card.counts
    assert len(lengths["question"]) == len(lengths["answer"]) == sum(counts[s] for s in ("train", "dev", "test"))
