"""Models behind an address, met by STUB-LLM: one kind of error, no key anywhere (B78), stop is stop."""

from __future__ import annotations

import time
import traceback
from types import SimpleNamespace

import pytest
from langchain_core.messages import HumanMessage, SystemMessage

from finetune.models.hosted import MASK, chat_model, context_window, mask
from memory.errors import BackendFailed, NotConfigured
from tests.stub_llm import Reply, StubLLM

CANARY = "sk-TEST-CANARY-000"
ASK = [SystemMessage("Be brief."), HumanMessage("When?")]


def settings(**values):
    given = {"name": "stub", "provider": "openai", "base_url": "", "max_tokens": 50, "temperature": 0.0, "context": 0}
    return SimpleNamespace(**(given | values))


def connected(stub, **more):
    return chat_model(settings(base_url=stub.url), **{"timeout": 5, "retries": 0, **more})


def test_an_answer_comes_with_its_finish_reason_and_the_prompt_arrives_whole():
    with StubLLM([Reply("At nine.", finish="length")]) as stub:
        reply = connected(stub).invoke(ASK)
    assert reply.content == "At nine."
    assert reply.response_metadata["finish_reason"] == "length"
    assert [(m["role"], m["content"]) for m in stub.prompts[0]] == [("system", "Be brief."), ("user", "When?")]
    assert stub.requests[0]["temperature"] == 0.0
    assert 50 in (stub.requests[0].get("max_tokens"), stub.requests[0].get("max_completion_tokens"))


def test_a_stream_comes_piece_by_piece():
    with StubLLM(["At nine in the morning."]) as stub:
        pieces = [chunk.content for chunk in connected(stub).stream(ASK)]
    assert "".join(pieces) == "At nine in the morning."
    assert len(pieces) > 3


def test_closing_a_stream_stops_the_server_within_a_second():
    with StubLLM([Reply("word " * 200, delay=0.05)]) as stub:
        stream = connected(stub).stream(ASK)
        for _ in range(3):
            next(stream)
        stream.close()
        time.sleep(0.3)
        sent = stub.pieces_sent
        time.sleep(0.5)
        assert stub.pieces_sent <= sent + 1


FAILURES = {
    "server error": (Reply(status=500), "answered badly|scripted failure"),
    "quota": (Reply(status=429), "too often"),
    "dropped": (Reply(drop_after=0), "could not be reached or broke off"),
    "not JSON": (Reply(body="{nonsense"), "answered badly"),
    "no choices": (Reply(body='{"object": "chat.completion"}'), "answered badly"),
    "too long": (Reply(status=400, error="maximum context length is 100 tokens"), "too long"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_every_way_a_server_fails_is_one_kind_of_error_in_plain_words(name):
    reply, words = FAILURES[name]
    with StubLLM([reply]) as stub, pytest.raises(BackendFailed, match=words) as caught:
        connected(stub).invoke(ASK)
    assert caught.value.hint


def test_a_model_that_the_server_does_not_know_is_a_setting_to_correct():
    with StubLLM([Reply(status=404, error="model not found")]) as stub, pytest.raises(NotConfigured, match="not know"):
        connected(stub).invoke(ASK)


def test_a_stream_that_breaks_off_is_a_failure_and_not_a_short_answer():
    with StubLLM([Reply("one two three four", drop_after=2)]) as stub:
        stream = connected(stub).stream(ASK)
        with pytest.raises(BackendFailed, match="broke off"):
            list(stream)


def test_a_stream_without_the_servers_last_word_is_a_failure(monkeypatch):
    with StubLLM([Reply("one two", finish="")]) as stub, pytest.raises(BackendFailed, match="before its answer"):
        list(connected(stub).stream(ASK))


def test_a_silent_server_is_given_up_after_the_timeout():
    with StubLLM([Reply("late", delay=3)]) as stub:
        started = time.monotonic()
        with pytest.raises(BackendFailed, match="in time"):
            connected(stub, timeout=0.3).invoke(ASK)
        assert time.monotonic() - started < 2


def test_an_address_where_nothing_listens_is_said():
    with StubLLM() as stub:
        url = stub.url
    with pytest.raises(BackendFailed, match="could not be reached"):
        chat_model(settings(base_url=url), timeout=2, retries=0).invoke(ASK)


def test_a_key_is_in_no_message_no_traceback_and_no_repr(caplog):
    caplog.set_level("DEBUG")
    with StubLLM(key="another") as stub:
        model = connected(stub, key=CANARY)
        with pytest.raises(NotConfigured, match="refused the key") as caught:
            model.invoke(ASK)
        with pytest.raises(NotConfigured) as streamed:
            list(model.stream(ASK))
    assert stub.authorizations[0] == f"Bearer {CANARY}", "the server did get it, and quotes it in its refusal"
    shown = [repr(model), str(model.model_dump()), caplog.text]
    for error in (caught, streamed):
        shown += [str(error.value), "".join(traceback.format_exception(error.value))]
    assert not any("CANARY" in text for text in shown)
    assert MASK in str(caught.value)


def test_masking_knows_the_key_and_whatever_looks_like_one():
    assert mask("key hunter22 and sk-abcdef123456", "hunter22") == f"key {MASK} and {MASK}"
    assert mask("ask-me-anything") == "ask-me-anything"


def test_a_server_that_says_how_much_it_holds_is_believed():
    with StubLLM(context=777) as stub:
        assert context_window(settings(base_url=stub.url)) == 777
        assert context_window(settings(base_url=stub.url, context=99)) == 99
        assert connected(stub).context_window == 777


def test_a_server_that_does_not_say_gets_a_careful_guess():
    with StubLLM() as stub:
        assert context_window(settings(base_url=stub.url)) == 2048
    assert context_window(settings(base_url=stub.url), timeout=0.5) == 2048, "nor does one that is gone"


def test_local_servers_are_reached_without_a_key():
    with StubLLM(["ok"]) as stub:
        model = chat_model(settings(provider="ollama", base_url=stub.url), retries=0)
        assert model.invoke(ASK).content == "ok"


def test_a_provider_that_is_not_installed_names_its_package():
    with pytest.raises(NotConfigured, match="langchain-mistralai") as caught:
        chat_model(settings(provider="mistralai"))
    assert "pip install langchain-mistralai" in caught.value.hint


def test_a_provider_that_does_not_exist_is_said():
    with pytest.raises((BackendFailed, NotConfigured)):
        chat_model(settings(provider="nonsense"))


def test_a_hosted_provider_without_a_key_asks_for_one():
    with pytest.raises((BackendFailed, NotConfigured), match=r"(?i)key|credential"):
        chat_model(settings()).invoke(ASK)
