"""What the loss looks at, in which order rows come, and that a flat batch is the same batch."""

from __future__ import annotations

from itertools import pairwise

import pytest

from benchmarks.facts import pairs
from finetune.engines.flat import Flattening, flatten, in_pieces, install, padded, together
from finetune.engines.fused import fuse
from finetune.engines.network import load_network
from finetune.engines.rows import cut, encode, fitted, in_pass, order, pass_order
from finetune.models.devices import describe
from finetune.models.templates import Row, load_tokenizer, render
from finetune.records import Pair, TrainingSpec
from memory.errors import BadDataset
from tests.tiny_model import ALPACA, CHATML_WITH_BOS, END_ID, tiny_model


def rows_of(base, some=None, **more):
    values = {"max_length": 512, "truncate": False} | more
    return fitted(encode(some or pairs(4), load_tokenizer(base)), **values)


def network(base, **more):
    spec = TrainingSpec(base="tiny", dataset="facts", rank=4, **more)
    model = load_network(spec, base, describe())
    noise(model)
    return model


def noise(model):
    import torch

    torch.manual_seed(1)
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            if "lora_B" in name:
                tensor.normal_(0.0, 0.3)


def loss_of(model, row):
    import torch

    logits = model(input_ids=torch.tensor([row.ids])).logits[0, row.prompt - 1 : -1]
    return torch.nn.functional.cross_entropy(logits, torch.tensor(row.ids[row.prompt :]), reduction="sum")


def gradients(model):
    found = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    return found


def test_supervised_is_the_answer_and_one_end_token_in_every_row(base):
    tokenizer = load_tokenizer(base)
    for pair, row in zip(pairs(4), rows_of(base).rows, strict=True):
        assert tokenizer.decode(row.ids[row.prompt : -1]) == pair.output
        assert row.ids[-1] == END_ID and row.labels[: row.prompt] == [-100] * row.prompt


def test_changing_only_the_prompt_leaves_the_supervised_tokens_alone(base):
    question = Pair(id="1", instruction="What is it? " * 16, output="seven")
    other = question.model_copy(update={"instruction": "Which one? " * 10})
    first, second = rows_of(base, [question, other]).rows
    assert first.ids[first.prompt :] == second.ids[second.prompt :] and len(first.ids) - first.prompt == 6


def test_padding_is_never_supervised_and_the_last_real_token_is_the_end(base):
    rows = rows_of(base).rows[:2]
    assert len(rows[0].ids) != len(rows[1].ids)
    batch = padded(rows)
    for row, labels in zip(rows, batch["labels"].tolist(), strict=True):
        real = [label for label in labels if label != -100]
        assert real == row.ids[row.prompt :] and real[-1] == END_ID
        assert labels[len(row.ids) - 1 - int(batch["logits_to_keep"][0]) :] == [-100] * labels[::-1].index(END_ID)


def test_a_template_without_an_end_gets_the_end_token_all_the_same(tmp_path):
    base = tiny_model(tmp_path / "alpaca", template=ALPACA)
    assert all(row.ids[-1] == END_ID for row in rows_of(base).rows)


def test_a_row_begins_with_exactly_one_begin_token_and_as_the_chat_asks_it(tmp_path):
    from finetune.datasets import messages

    base = tiny_model(tmp_path / "bos", template=CHATML_WITH_BOS, bos=True)
    tokenizer = load_tokenizer(base)
    pair = pairs(1)[0]
    row = rows_of(base, [pair]).rows[0]
    assert row.ids.count(tokenizer.bos_token_id) == 1 and row.ids[0] == tokenizer.bos_token_id
    assert row.ids[: row.prompt] == render(messages(pair), tokenizer)


def test_a_flat_batch_has_the_losses_and_gradients_of_its_rows_one_by_one(base):
    import torch

    model = network(base)
    rows = rows_of(base).rows[:6]
    expected = sum(loss_of(model, row) for row in rows)
    expected.backward()
    wanted = gradients(model)

    flattening = Flattening()
    assert install(model.get_base_model(), flattening) and fuse(model) == 14
    batch = flatten(rows)
    assert batch["input_ids"].numel() < sum(len(row.ids) for row in rows) - 5 * 20
    values = flattening.set(batch)
    labels = values.pop("labels")
    loss = torch.nn.functional.cross_entropy(model(**values).logits[0], labels, reduction="sum")
    loss.backward()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    for name, gradient in gradients(model).items():
        assert (gradient - wanted[name]).abs().max() < 1e-4 * wanted[name].abs().max(), name


def test_rows_of_a_flat_batch_do_not_see_each_other(base):
    import torch

    model = network(base)
    flattening = Flattening()
    install(model.get_base_model(), flattening)
    rows = rows_of(base).rows

    def first_row_logits(company):
        values = flattening.set(flatten([rows[0], *company]))
        values.pop("labels")
        answers = [len(row.ids) - row.prompt if row is not rows[0] else -1 for row, _ in together([rows[0], *company])]
        at = sum(answers[: answers.index(-1)])
        logits = model(**values).logits[0, at : at + len(rows[0].ids) - rows[0].prompt]
        flattening.clear()
        return logits

    with torch.no_grad():
        assert torch.allclose(first_row_logits(rows[1:3]), first_row_logits(rows[5:9]), atol=1e-5)


def test_rows_about_the_same_evidence_have_the_losses_and_gradients_of_their_own(base):
    import torch

    evidence = [
        "\n".join(f"[{n}] Room {n} is {word} and opens at {n + start}." for n in range(4))
        for word, start in (("red", 6), ("blue", 9))
    ]
    some = [
        Pair(
            id=f"{place}{n}",
            instruction=f"When does room {n} open?",
            input=text,
            output=f"at {n} [{n}]",
            kind="context",
        )
        for place, text in enumerate(evidence)
        for n in range(3)
    ]
    model = network(base)
    rows = rows_of(base, some, max_length=2048).rows
    expected = sum(loss_of(model, row) for row in rows)
    expected.backward()
    wanted = gradients(model)

    flattening = Flattening()
    install(model.get_base_model(), flattening)
    values = flattening.set(flatten(rows[::-1]))
    labels = values.pop("labels")
    assert [bunch.seen is None for bunch in flattening.bunches] == [True, False]
    assert values["input_ids"].numel() < 0.4 * sum(len(row.ids) for row in rows)
    loss = torch.nn.functional.cross_entropy(model(**values).logits[0], labels, reduction="sum")
    loss.backward()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    for name, gradient in gradients(model).items():
        assert (gradient - wanted[name]).abs().max() < 1e-4 * wanted[name].abs().max(), name


def test_a_long_row_among_short_ones_leaves_them_short_and_all_losses_and_gradients_their_own(base):
    import torch

    shown = "\n".join(f"[{n}] Room {n} is red and opens at {n + 6}." for n in range(12))
    long = Pair(id="l", instruction="When?", input=shown, output="at 7 [1]", kind="context")
    model = network(base)
    rows = rows_of(base, [*pairs(2)[:8], long], max_length=2048).rows
    expected = sum(loss_of(model, row) for row in rows)
    expected.backward()
    wanted = gradients(model)

    flattening = Flattening()
    install(model.get_base_model(), flattening)
    values = flattening.set(flatten(rows))
    labels = values.pop("labels")
    longest = max(len(row.ids) for row in rows)
    areas = sum(bunch.asks.numel() * bunch.places.shape[1] for bunch in flattening.bunches)
    assert areas < 1.5 * longest**2, "a long row's attention is not computed for the short ones too"
    loss = torch.nn.functional.cross_entropy(model(**values).logits[0], labels, reduction="sum")
    loss.backward()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    for name, gradient in gradients(model).items():
        assert (gradient - wanted[name]).abs().max() < 1e-4 * wanted[name].abs().max(), name


def test_after_a_flat_batch_the_model_answers_as_before(base):
    import torch

    model = network(base).eval()
    ids = torch.tensor([rows_of(base).rows[0].ids])
    with torch.no_grad():
        before = model(input_ids=ids).logits
        flattening = Flattening()
        install(model.get_base_model(), flattening)
        fuse(model)
        assert torch.allclose(model(input_ids=ids).logits, before, atol=1e-5)
        with model.disable_adapter():
            without = model(input_ids=ids).logits
    assert not torch.allclose(without, before, atol=1e-2)


@pytest.mark.parametrize("more", [{"dora": True}, {"dropout": 0.1}])
def test_what_cannot_be_fused_is_left_to_peft(base, more):
    assert fuse(network(base, **more)) == 0


def test_the_order_is_global_repeatable_and_another_one_each_epoch():
    lengths = [10 + number % 40 for number in range(100)]
    first = order(lengths, 8, seed=3, epoch=0)
    assert sorted(first) == list(range(100))
    assert first == order(lengths, 8, seed=3, epoch=0) != order(lengths, 8, seed=3, epoch=1)
    batches = [first[at : at + 8] for at in range(0, 96, 8)]
    spread = [max(lengths[i] for i in one) - min(lengths[i] for i in one) for one in batches]
    assert sum(spread) / len(spread) < 10
    assert max(abs(b - a) for a, b in pairwise(first)) > 50


def test_rows_that_are_too_long_are_refused_by_number_unless_they_may_be_cut(base):
    long = Pair(id="x", instruction="Tell me " * 100, output="seven")
    with pytest.raises(BadDataset, match=r"row 2.*1 rows are longer than max_length 256"):
        rows_of(base, [pairs(1)[0], long], max_length=256)
    rows = rows_of(base, [pairs(1)[0], long], max_length=256, truncate=True)
    assert rows.truncated == 1 and max(len(row.ids) for row in rows.rows) == 256
    assert rows.rows[1].ids[-6:-1] == list(b"seven")


def test_a_cut_row_keeps_its_answer_and_the_end_of_its_question():
    row = Row(list(range(200)), 190)
    short = cut(row, 120)
    assert short.prompt == 110 and short.ids[-74:] == list(range(126, 200)) and short.ids[:10] == list(range(10))


def test_a_batch_in_pieces_has_the_loss_and_gradient_of_the_whole(base, tmp_path):
    from types import SimpleNamespace

    from finetune.engines.sft import step_loss

    model = network(base)
    flattening = Flattening()
    install(model.get_base_model(), flattening)
    trainer = SimpleNamespace(
        native=False,
        flattening=flattening,
        progress=SimpleNamespace(count=lambda tokens: None),
        args=SimpleNamespace(average_tokens_across_devices=True),
        accelerator=SimpleNamespace(num_processes=1, backward=lambda loss: loss.backward()),
        state=SimpleNamespace(global_step=0),
    )
    rows, results = rows_of(base).rows[:6], []
    for limit in (10_000, 300):
        batch = in_pieces(rows, flatten, limit)
        assert len(batch["pieces"]) == (1 if limit == 10_000 else 3)
        loss = step_loss(trainer, model, batch, batch["labels"].numel())
        loss.backward()
        results.append((loss.item(), gradients(model)))
    (whole, wanted), (parts, found) = results
    assert parts == pytest.approx(whole, rel=1e-5)
    for name, gradient in found.items():
        assert (gradient - wanted[name]).abs().max() < 1e-4 * wanted[name].abs().max(), name


def test_general_rows_are_dealt_out_over_the_passes_and_seen_once_each(base):
    general = [pair.model_copy(update={"id": f"g{pair.id}", "kind": "replay"}) for pair in pairs(3)[:10]]
    rows = rows_of(base, [*pairs(2), *general])
    taught = len(pairs(2))
    passes = [in_pass(rows, 4, seed=1, epoch=epoch) for epoch in range(4)]
    assert {len(one) for one in passes} == {taught + 3}, "every pass has as many"
    seen = [number for one in passes for number in one if number >= taught]
    assert set(seen) == set(range(taught, taught + 10)), "none is left out"
    assert len(seen) - len(set(seen)) == 2, "only where they do not come out even is one seen twice"
    assert all(set(range(taught)) <= set(one) for one in passes)
    assert sorted(pass_order(rows, 4, 8, seed=1, epoch=2)) == sorted(passes[2])


def test_practice_about_the_same_evidence_has_its_turn_together(base):
    practice = [
        p.model_copy(update={"kind": "reading", "input": f"[1] x > {n // 3}\nIt is {n // 3}."})
        for n, p in enumerate(pairs(4)[:12])
    ]
    rows = rows_of(base, [*pairs(2), *practice], max_length=600)
    taught = len(pairs(2))
    passes = [in_pass(rows, 4, seed=1, epoch=epoch)[taught:] for epoch in range(4)]
    assert all(len({rows.groups[number] for number in one}) == 1 and len(one) == 3 for one in passes)
    assert {number for one in passes for number in one} == set(rows.general)


def test_a_dataset_without_general_rows_has_whole_passes(base):
    rows = rows_of(base, pairs(2))
    assert in_pass(rows, 4) == list(range(len(pairs(2))))
