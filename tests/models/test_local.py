"""The local chat model on TINY-LM: greedy, cut off, stopped, padded, streamed."""

from __future__ import annotations

import json
import threading
import time

import pytest
import torch
from langchain_core.messages import AIMessageChunk, HumanMessage, SystemMessage

from finetune.models.bases import ABANDONED, Bases
from finetune.models.caches import ROOM, new_cache
from finetune.models.decoding import forward, left_padded
from finetune.models.local import Generated, LocalChatModel
from finetune.models.templates import end_tokens
from memory.errors import BackendFailed
from tests.models.conftest import OTHERS, QUESTION, logits
from tests.tiny_model import CHATML, END_ID, tiny_model, tokenizer

SAMPLING = {"do_sample": True, "temperature": 0.9, "repetition_penalty": 1.3, "eos_token_id": END_ID}


def reference(path, messages, count):
    """The same answer by transformers' own generate, greedy."""
    from transformers import AutoModelForCausalLM

    from finetune.models import render

    network = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
    ids = torch.tensor([render(messages, tokenizer())])
    made = network.generate(
        ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=count, pad_token_id=END_ID
    )
    return tokenizer().decode(made[0, ids.shape[1] :], skip_special_tokens=True)


def test_greedy_answers_equal_those_of_the_library_itself(model, base):
    for messages in (QUESTION, *OTHERS):
        assert model.answer(messages).text == reference(base, messages, 12)


def test_reaching_the_limit_is_said_as_cut_off(model):
    reply = model.invoke(QUESTION)
    assert reply.response_metadata["finish_reason"] == "length"
    assert reply.usage_metadata["output_tokens"] == 12


def test_an_end_token_ends_the_answer_and_is_not_part_of_it(model, base):
    """The likeliest first token is made the model's end token: it must stop at once, with nothing said."""
    first = int(logits(model.bases, [prompt_ids(model)], base)[0][-1].argmax())
    (base / "generation_config.json").write_text(json.dumps({"eos_token_id": [first]}))
    model.bases.unload()
    reply = model.answer(QUESTION)
    assert (reply.text, reply.tokens, reply.cut_off) == ("", 1, False)


def prompt_ids(model):
    from finetune.models import render

    return render(QUESTION, model.tokenizer)


def test_the_stop_list_of_inference_holds_the_token_that_training_ends_with(model):
    with model.bases.lease(model.path) as lease:
        assert end_tokens(lease.tokenizer, lease.ends)[0] == END_ID


def test_sampling_settings_that_a_model_carries_are_ignored(bases, tmp_path, model):
    loud = tiny_model(tmp_path / "loud", generation=SAMPLING)
    other = LocalChatModel(bases=bases, path=loud, max_new_tokens=12)
    plain = [model.answer(messages).text for messages in (QUESTION, *OTHERS)]
    assert [other.answer(messages).text for messages in (QUESTION, *OTHERS)] == plain
    backwards = [other.answer(messages).text for messages in (*OTHERS[::-1], QUESTION)]
    assert backwards[::-1] == [*plain[:1], *plain[1:]]
    assert other.effective["sampling"] == "greedy"


def test_answers_do_not_depend_on_what_was_asked_before(bases, base):
    texts = []
    for order in ((0, 1, 2), (2, 1, 0), (1, 1, 0)):
        fresh = Bases(threads=1)
        model = LocalChatModel(bases=fresh, path=base, max_new_tokens=12)
        texts.append({position: model.answer(OTHERS[position]).text for position in order})
        fresh.unload()
    assert texts[0] == texts[1]
    assert texts[2].items() <= texts[0].items()


def test_sampling_follows_its_seed(bases, base):
    def ask(**settings):
        return (
            LocalChatModel(bases=bases, path=base, max_new_tokens=12, temperature=1.5, **settings).answer(QUESTION).text
        )

    assert ask(seed=1) == ask(seed=1)
    assert ask(seed=1) != ask(seed=2)
    assert ask(seed=1, top_p=1e-6) == LocalChatModel(bases=bases, path=base, max_new_tokens=12).answer(QUESTION).text


def test_streamed_pieces_join_to_the_answer_and_end_with_the_counts(model):
    chunks = list(model.stream(QUESTION))
    assert "".join(chunk.content for chunk in chunks) == model.invoke(QUESTION).content
    whole = sum(chunks[1:], chunks[0])
    assert isinstance(whole, AIMessageChunk)
    assert whole.response_metadata["finish_reason"] == "length"
    assert whole.usage_metadata["output_tokens"] == 12


def test_a_stop_text_ends_the_answer_before_itself(model):
    text = model.answer(QUESTION).text
    cut = text[4:6]
    stopped = list(model.stream(QUESTION, stop=[cut]))
    joined = "".join(chunk.content for chunk in stopped)
    assert joined == text[: text.find(cut)]
    assert stopped[-1].response_metadata["finish_reason"] == "stop"


def test_left_padded_batches_answer_like_one_at_a_time(model):
    conversations = [QUESTION, *OTHERS]
    single = [model.answer(messages) for messages in conversations]
    batched = model.batch_answer(conversations, size=3)
    assert [reply.text for reply in batched] == [reply.text for reply in single]
    assert [reply.prompt_tokens for reply in batched] == [reply.prompt_tokens for reply in single]
    assert all(isinstance(reply, Generated) and reply.cut_off for reply in batched)


def test_a_batch_says_how_sure_the_model_is_of_each_answer(model, base):
    from finetune.models import render

    for messages, reply in zip([QUESTION, *OTHERS], model.batch_answer([QUESTION, *OTHERS], size=4), strict=True):
        said = tokenizer()(reply.text, add_special_tokens=False)["input_ids"]
        ids = [*render(messages, tokenizer()), *said]
        chances = logits(model.bases, [ids], base)[0].log_softmax(-1)
        own = [float(chances[len(ids) - len(said) + at - 1, token]) for at, token in enumerate(said)]
        assert reply.confidence == pytest.approx(sum(own) / len(own), abs=1e-4)


def test_an_answer_that_may_not_begin_with_a_refusal_says_how_likely_it_was(model, base):
    plain = model.batch_answer([QUESTION])[0]
    refusal = plain.text[:1]
    held = model.batch_answer([QUESTION], refusals=[refusal])[0]
    first = tokenizer()(refusal, add_special_tokens=False)["input_ids"][0]
    chance = float(logits(model.bases, [prompt_ids(model)], base)[0][-1].softmax(-1)[first])
    assert held.declined == pytest.approx(chance, abs=1e-4) and plain.declined is None
    assert not held.text.startswith(refusal)


def test_a_batch_says_how_far_it_is_and_can_be_stopped(model):
    seen = []
    model.batch_answer([QUESTION, *OTHERS], size=2, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(2, 4), (4, 4)]
    with pytest.raises(BackendFailed, match="Stopped"):
        model.batch_answer([QUESTION], stopping=lambda: True)


def test_a_row_that_ended_stays_as_it_was_while_others_go_on(model, base):
    ends = {len(model.answer(messages).text) for messages in OTHERS}
    assert ends, "the rows below have different prompts"
    first = int(logits(model.bases, [prompt_ids(model)], base)[0][-1].argmax())
    (base / "generation_config.json").write_text(json.dumps({"eos_token_id": [first]}))
    model.bases.unload()
    single = [model.answer(messages) for messages in [QUESTION, *OTHERS]]
    batched = model.batch_answer([QUESTION, *OTHERS], size=4)
    assert [reply.text for reply in batched] == [reply.text for reply in single]
    assert [reply.tokens for reply in batched] == [reply.tokens for reply in single]


def test_right_padding_is_refused(bases, base):
    ids, mask = left_padded([[1, 2, 3], [4]], END_ID, "cpu")
    assert mask.tolist() == [[1, 1, 1], [0, 0, 1]]
    with bases.lease(base) as lease, pytest.raises(BackendFailed, match="left"):
        lease.step(lambda held: forward(held.network, ids.flip(1), new_cache(held.network), mask=mask.flip(1)))


def test_a_prompt_that_does_not_fit_is_refused_and_never_cut(bases, tmp_path):
    small = LocalChatModel(bases=bases, path=tiny_model(tmp_path / "small", positions=128), max_new_tokens=50)
    with pytest.raises(BackendFailed, match="holds 128"):
        small.answer([HumanMessage("x" * 200)])
    nearly = small.answer([HumanMessage("x" * 60)])
    assert nearly.prompt_tokens + nearly.tokens == 128
    assert nearly.cut_off


def test_a_long_prompt_read_in_pieces_answers_as_if_read_at_once(model, base):
    messages = [SystemMessage("s" * 30), HumanMessage("tide " * 250)]
    assert model.answer(messages).prompt_tokens > 1024
    assert model.answer(messages).text == reference(base, messages, 12)


def test_a_cache_that_grows_many_times_answers_the_same(model, base):
    long = model.model_copy(update={"max_new_tokens": 3 * ROOM})
    assert long.answer(QUESTION).text == reference(base, QUESTION, 3 * ROOM)


def test_rows_that_end_early_leave_the_batch_and_the_others_go_on(model, base):
    """Each row gets the end token that the model makes somewhere in it, so that rows end one after another."""
    texts = [model.answer(messages).text for messages in (QUESTION, *OTHERS)]
    common = max({c for text in texts for c in text if ord(c) < 128}, key=lambda c: sum(c in text for text in texts))
    (base / "generation_config.json").write_text(json.dumps({"eos_token_id": [ord(common)]}))
    model.bases.unload()
    single = [model.answer(messages) for messages in (QUESTION, *OTHERS)]
    batched = model.batch_answer([QUESTION, *OTHERS], size=4)
    assert len({reply.tokens for reply in single}) > 1
    assert [(reply.text, reply.tokens) for reply in batched] == [(reply.text, reply.tokens) for reply in single]


def test_a_batch_that_shares_its_system_text_answers_like_single_questions(model):
    shared = SystemMessage("You answer questions about a harbour, its ferries, its tides and its tariffs, briefly.")
    conversations = [
        [shared, HumanMessage(text)] for text in ("When?", "Where does the boat go?", "台南的船票多少錢？")
    ]
    assert [r.text for r in model.batch_answer(conversations)] == [model.answer(c).text for c in conversations]


def test_closing_a_stream_stops_the_work_behind_it_within_a_second(model, monkeypatch):
    steps = slow_steps(monkeypatch, 0.05)
    stream = model.model_copy(update={"max_new_tokens": 500}).stream(QUESTION)
    for _ in range(5):
        next(stream)
    stream.close()
    made = len(steps)
    time.sleep(0.3)
    assert len(steps) == made, "no token is made after the close"
    started = time.monotonic()
    next(model.stream(QUESTION))
    assert time.monotonic() - started < 2


def test_a_forgotten_stream_leaves_no_thread_and_no_lease(model, bases):
    model.answer(QUESTION)
    before = set(threading.enumerate())
    stream = model.stream(QUESTION)
    next(stream)
    del stream
    assert set(threading.enumerate()) <= before
    started = time.monotonic()
    bases.unload()
    assert time.monotonic() - started < ABANDONED / 2


def test_stopping_is_asked_while_a_prompt_is_still_being_read(model, monkeypatch):
    steps = slow_steps(monkeypatch, 0.0)
    long = [HumanMessage("x" * 1500)]
    reply = model.answer(long, stopping=lambda: len(steps) >= 1)
    assert (reply.text, reply.tokens, reply.cut_off) == ("", 0, False)
    assert len(steps) == 1


def slow_steps(monkeypatch, seconds):
    """Make every decoding step take that long and write it down."""
    from finetune.models.decoding import Decoding

    steps, advance = [], Decoding.advance

    def slowly(self, network):
        time.sleep(seconds)
        steps.append(time.monotonic())
        return advance(self, network)

    monkeypatch.setattr(Decoding, "advance", slowly)
    return steps


def test_the_prompt_of_a_model_is_counted_by_its_own_tokenizer(model):
    assert model.count("abc 台") == 7
    assert model.context_window == 2048


def test_a_base_model_without_a_template_still_answers(bases, tmp_path):
    plain = LocalChatModel(bases=bases, path=tiny_model(tmp_path / "p", template=None), max_new_tokens=3)
    assert plain.answer(QUESTION).tokens == 3
    assert CHATML not in str(plain.tokenizer.chat_template)
