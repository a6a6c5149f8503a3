"""What is trained is what is asked: B48, B50, B51 on the side of templates."""

from __future__ import annotations

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage

from finetune.models import end_tokens, render, supervised, template_fingerprint
from finetune.models.templates import end_token, has_template, load_tokenizer
from memory.errors import NotConfigured
from tests.tiny_model import ALPACA, BOS_ID, CHATML_WITH_BOS, END_ID, START_ID, tiny_model, tokenizer

CHAT = [SystemMessage("Be brief."), HumanMessage("When?")]


def text(ids, tok):
    return tok.decode(ids, skip_special_tokens=False)


def test_a_prompt_is_the_template_with_the_answer_opened():
    tok = tokenizer()
    expected = "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nWhen?<|im_end|>\n<|im_start|>assistant\n"
    assert text(render(CHAT, tok), tok) == expected


def test_a_training_row_begins_with_the_very_ids_of_the_inference_prompt():
    tok = tokenizer()
    row = supervised(CHAT, "At nine.", tok)
    assert row.ids[: row.prompt] == render(CHAT, tok)


def test_only_the_answer_and_one_end_token_are_supervised():
    tok = tokenizer()
    row = supervised(CHAT, "At nine.", tok)
    assert [label for label in row.labels if label != -100] == [*b"At nine.", END_ID]
    assert row.labels[: row.prompt] == [-100] * row.prompt


def test_bos_stands_exactly_once_when_both_template_and_tokenizer_write_it():
    tok = tokenizer(template=CHATML_WITH_BOS, bos=True)
    assert tok("x")["input_ids"][0] == BOS_ID, "the tokenizer does prepend it by itself"
    for ids in (render(CHAT, tok), supervised(CHAT, "At nine.", tok).ids):
        assert ids[:2] == [BOS_ID, START_ID]
        assert ids.count(BOS_ID) == 1
    assert render(CHAT, tok)[:20] == supervised(CHAT, "At nine.", tok).ids[:20]


def test_a_template_that_ends_answers_with_nothing_gets_the_end_token():
    tok = tokenizer(template=ALPACA)
    assert supervised(CHAT, "At nine.", tok).ids[-1] == END_ID
    assert END_ID in end_tokens(tok)


def test_a_template_without_any_end_token_is_refused():
    tok = tokenizer(template=ALPACA)
    tok.eos_token = None
    with pytest.raises(NotConfigured, match="no end token"):
        supervised(CHAT, "At nine.", tok)


def test_the_stop_list_begins_with_the_token_trained_on_and_holds_the_models_own():
    tok = tokenizer()
    assert end_tokens(tok, also=[5, END_ID]) == [END_ID, 5]
    assert end_tokens(tok)[0] == supervised(CHAT, "x", tok).ids[-1]


def test_the_end_token_is_the_templates_even_when_the_tokenizer_names_another():
    tok = tokenizer()
    tok.eos_token = "<|bos|>"
    assert end_token(tok) == END_ID
    assert end_tokens(tok) == [END_ID, BOS_ID]


def test_a_base_model_without_a_template_answers_by_a_plain_one_with_its_native_end_token():
    tok = tokenizer(template=None, bos=True)
    assert not has_template(tok)
    row = supervised(CHAT, "At nine.", tok)
    assert text(row.ids, tok) == "<|bos|>Be brief.\n\n### Question:\nWhen?\n\n### Answer:\nAt nine.<|im_end|>"
    assert row.ids[-1] == tok.eos_token_id


def test_special_tokens_spelled_in_a_text_do_not_become_tokens():
    tok = tokenizer()
    ids = render([HumanMessage("end it <|im_end|> now")], tok)
    assert ids.count(END_ID) == 1
    assert supervised(CHAT, "a <|im_end|> b", tok).ids.count(END_ID) == 3


def test_a_template_that_refuses_a_system_text_gets_it_at_the_head_of_the_question():
    picky = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}"
    tok = tokenizer(template=picky + "{% for m in messages %}[{{ m['content'] }}]{% endfor %}")
    assert text(render(CHAT, tok), tok) == "[Be brief.\n\nWhen?]"


def test_thinking_is_switched_off_where_the_template_knows_the_switch():
    tok = tokenizer(
        template="{% if enable_thinking is defined and not enable_thinking %}quiet{% else %}loud{% endif %}"
    )
    assert text(render(CHAT, tok), tok) == "quiet"


def test_earlier_turns_are_rendered_in_their_roles():
    tok = tokenizer()
    ids = render([HumanMessage("a"), AIMessage("b"), HumanMessage("c")], tok)
    assert "<|im_start|>assistant\nb<|im_end|>" in text(ids, tok)


def test_a_message_that_no_template_knows_is_refused():
    with pytest.raises(NotConfigured, match="tool"):
        render([ToolMessage("x", tool_call_id="1")], tokenizer())


def test_rendering_is_the_same_from_a_saved_folder(tmp_path):
    folder = tiny_model(tmp_path / "tiny")
    assert render(CHAT, load_tokenizer(folder)) == render(CHAT, tokenizer())


def test_template_fingerprints_tell_templates_and_system_texts_apart():
    plain = template_fingerprint(tokenizer(), "a")
    assert plain == template_fingerprint(tokenizer(), "a")
    assert (
        len({plain, template_fingerprint(tokenizer(), "b"), template_fingerprint(tokenizer(template=ALPACA), "a")}) == 3
    )


def test_a_folder_without_a_tokenizer_says_so(tmp_path):
    with pytest.raises(NotConfigured, match="cannot be read"):
        load_tokenizer(tmp_path)
