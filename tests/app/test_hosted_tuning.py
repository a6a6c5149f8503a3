"""Fine-tuning at a service, by the commands, against a service on loopback that speaks the protocol and fails."""

from __future__ import annotations

import json
import stat

import pytest

from app import hosted, settings
from app.wiring import Wiring
from benchmarks.facts import pairs
from finetune.hosted import SERVICES, estimate, service
from finetune.hosted.client import Client
from memory.errors import BackendFailed, NotConfigured
from tests.stub_tuning import KEY, StubTuning
from tests.training.conftest import write_dataset


@pytest.fixture(params=["openai", "mistral"])
def remote(request):
    with StubTuning(request.param) as stub:
        yield stub


@pytest.fixture
def openai():
    with StubTuning("openai") as stub:
        yield stub


@pytest.fixture
def ready(configured, monkeypatch, wiring):
    """A dataset, and a key in the environment."""
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("MISTRAL_API_KEY", KEY)
    write_dataset(wiring.folder("default"), rows=pairs(4))
    return configured


def start(cli, stub, *more, consent=True):
    agreed = ["--consent"] if consent else []
    options = ["--service", stub.dialect, "--model", "base-1", "--base-url", stub.url, "--json", *agreed, *more]
    return cli("hosted", "start", *options)


def test_an_estimate_says_rows_tokens_cost_and_what_would_leave_and_sends_nothing(cli, ready, openai, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    found = json.loads(cli("hosted", "start", "--check", "--model", "gpt-4.1-mini", "--json").out)["estimate"]
    assert found["rows"] == 16 and found["cost"] == round(5.0 * found["tokens"] * 3 / 1e6, 4) and found["example"]
    assert found["host"] == "api.openai.com" and "January 2027" in found["warnings"][0]
    words = cli("hosted", "start", "--check", "--model", "odd-model", "--base-url", openai.url).out
    assert "cost unknown" in words and "prices" in words and not openai.asked


def test_the_price_of_the_settings_wins_over_the_list():
    rows = pairs(4)
    assert estimate(service("openai"), "gpt-4.1-mini", rows, epochs=1, price=50.0).cost == pytest.approx(
        10 * estimate(service("openai"), "gpt-4.1-mini", rows, epochs=1).cost, abs=1e-3
    )


def test_nothing_is_sent_without_consent_without_a_key_or_with_too_few_rows(cli, ready, openai, wiring, monkeypatch):
    refused = start(cli, openai, consent=False)
    assert refused.code == 1 and "leave this machine" in refused.err and "--consent" in refused.err
    write_dataset(wiring.folder("default"), "zz-small", rows=pairs(1))
    few = start(cli, openai, "--dataset", "zz-small")
    assert few.code == 1 and "10 training rows" in few.err
    monkeypatch.delenv("OPENAI_API_KEY")
    assert "OPENAI_API_KEY is not set" in start(cli, openai, "--dataset", "facts").err
    assert not openai.asked and not hosted.jobs(wiring, "local", "default").all()


def test_a_job_runs_to_a_model_that_is_picked_in_the_chat_and_in_comparisons(cli, ready, remote):
    started = json.loads(start(cli, remote).out)["job"]
    assert started["state"] == "queued" and started["files"]["train"] == "file-1"
    sent = [json.loads(line)["messages"] for line in remote.files["file-1"].decode().splitlines()]
    assert len(sent) == 16 and {turns[-1]["role"] for turns in sent} == {"assistant"}
    ended = json.loads(cli("hosted", "watch", "--every", "0", "--json").out)
    assert ended["job"]["state"] == "succeeded" and ended["job"]["result"] == "ft:base:docgraft:1"
    assert ended["job"]["events"]
    home = settings.workspace()
    objects = Wiring(settings.load(home), home)
    assert ended["model"] in objects.model_names() and objects.model_state(ended["model"]).ready
    model = objects.chat_model(ended["model"])
    model.invoke("How long is the warranty?")
    assert remote.chats[-1]["model"] == "ft:base:docgraft:1"
    streamed = "".join(str(piece.content) for piece in model.stream("How long is the warranty?"))
    assert streamed == remote.answer and remote.chats[-1]["stream"]
    asked = remote.jobs[0]["asked"]
    epochs = (
        asked["hyperparameters"] if remote.dialect == "mistral" else asked["method"]["supervised"]["hyperparameters"]
    )
    assert 3 in epochs.values() and asked["suffix"] == "docgraft"
    assert json.loads(cli("hosted", "list", "--json").out)["jobs"][0]["state"] == "succeeded"


@pytest.mark.parametrize("fault", [429, 500, "drop"])
def test_a_service_that_stumbles_is_asked_again(fault, cli, ready, remote):
    remote.faults = {"POST /files": [fault, fault], "GET /fine_tuning/jobs/job-1": [fault]}
    assert start(cli, remote).code == 0
    assert json.loads(cli("hosted", "watch", "--every", "0", "--json").out)["job"]["state"] == "succeeded"
    assert len(remote.jobs) == 1


def test_a_service_that_stays_down_loses_nothing_and_the_job_goes_on_later(cli, ready, openai):
    openai.faults = {"POST /fine_tuning/jobs": [500]}
    failed = start(cli, openai)
    assert failed.code == 1 and "500" in failed.err
    assert json.loads(cli("hosted", "watch", "--every", "0", "--json").out)["job"]["state"] == "succeeded"
    assert openai.asked.count("POST /files") == len(openai.files) <= 2 and len(openai.jobs) == 1


def test_a_job_whose_answer_was_lost_is_not_created_twice(cli, ready, remote):
    remote.lose_answer = True
    assert start(cli, remote).code == 1 and len(remote.jobs) == 1
    assert json.loads(cli("hosted", "watch", "--every", "0", "--json").out)["job"]["remote"] == "job-1"
    assert len(remote.jobs) == 1


def test_half_an_upload_is_noticed_and_sent_anew(cli, ready, remote):
    remote.cut_uploads = 1
    cut = start(cli, remote)
    assert cut.code == 1 and "arrived only in part" in cut.err and not remote.jobs
    assert cli("hosted", "watch", "--once", "--json").code == 0
    whole = remote.files[json.loads(cli("hosted", "list", "--json").out)["jobs"][0]["files"]["train"]]
    assert len(whole.splitlines()) == 16


def test_a_job_that_fails_says_why_and_leaves_no_model(cli, ready, remote):
    remote.states = ["queued", "failed"]
    start(cli, remote)
    ended = cli("hosted", "watch", "--every", "0")
    assert ended.code == 1 and "row 3" in ended.err
    assert not settings.load(settings.workspace()).models


def test_a_job_is_cancelled_before_and_after_it_was_created(cli, ready, remote):
    remote.states = ["running"]
    start(cli, remote)
    assert json.loads(cli("hosted", "cancel", "--json").out)["job"]["state"] == "cancelled"
    assert "already" in cli("hosted", "cancel").err
    remote.faults = {"POST /files": [400]}
    assert start(cli, remote).code == 1
    assert json.loads(cli("hosted", "cancel", "--json").out)["job"]["state"] == "cancelled"
    assert len(remote.jobs) == 1


def test_a_key_is_in_no_file_no_output_and_no_error(cli, ready, remote, home, monkeypatch):
    outputs = [start(cli, remote), cli("hosted", "watch", "--every", "0"), cli("hosted", "list")]
    remote.faults = {"*": [400]}
    outputs.append(start(cli, remote))
    monkeypatch.setenv("OPENAI_API_KEY", KEY + "-wrong")
    monkeypatch.setenv("MISTRAL_API_KEY", KEY + "-wrong")
    outputs.append(start(cli, remote))
    assert "refused the key" in outputs[-1].err
    assert not any("CANARY" in output.out + output.err for output in outputs)
    texts = [path for path in home.rglob("*") if path.is_file() and b"CANARY" in path.read_bytes()]
    assert not texts or all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in texts)


def test_a_page_that_is_no_such_service_is_said_to_be_none(openai):
    client = Client(openai.url.removesuffix("/v1") + "/other", KEY, "openai", pause=lambda seconds: None)
    with pytest.raises(BackendFailed, match="without 'id'"):
        client.look("x")
    client.close()
    gone = Client("http://127.0.0.1:9/v1", KEY, "openai", pause=lambda seconds: None)
    with pytest.raises(BackendFailed, match="could not be reached"):
        gone.look("x")
    gone.close()
    with pytest.raises(NotConfigured, match="openai, mistral"):
        service("nobody")
    assert all(one.base_url.startswith("https://") for one in SERVICES.values())


def test_the_page_shows_the_cost_asks_for_consent_and_follows_the_job_to_a_model(page, ready, openai):
    test = page("train")
    test.text_input(key="hosted-model").input("gpt-4.1-nano").run()
    assert any("January 2027" in one.value for one in test.warning) and any("USD" in m.value for m in test.metric)
    test.text_input(key="hosted-url").input(openai.url).run()
    assert test.button(key="hosted-start").disabled and not openai.asked
    test.checkbox(key="hosted-consent").check().run()
    test.button(key="hosted-start").click().run()
    assert not test.exception and len(openai.jobs) == 1
    job = openai.jobs[0]["id"]
    for _ in range(3):
        look = [button for button in test.button if str(button.key).startswith("look-")]
        if look:
            look[0].click().run()
    assert job == "job-1" and any("pick openai-" in one.value for one in test.success)
    test.text_input(key="hosted-model").input("x").run()
    openai.faults = {"POST /files": [400]}
    test.checkbox(key="hosted-consent").check().run()
    test.button(key="hosted-start").click().run()
    assert any("400" in one.value for one in test.error) and "CANARY" not in str([one.value for one in test.error])


def test_on_the_page_a_refused_key_is_said_in_chinese_and_the_job_goes_on_and_is_cancelled(
    page, ready, remote, monkeypatch
):
    monkeypatch.setenv("DOCGRAFT_LANGUAGE", "zh-TW")
    remote.faults, remote.states = {"POST /files": [401]}, ["running"]
    test = page("train")
    test.selectbox(key="hosted-service").select(remote.dialect).run()
    test.text_input(key="hosted-model").input("base-1").run()
    test.text_input(key="hosted-url").input(remote.url).run()
    test.checkbox(key="hosted-consent").check().run()
    test.button(key="hosted-start").click().run()
    assert "服務拒絕了這個金鑰" in test.error[0].value and "CANARY" not in test.error[0].value and not remote.jobs
    _press(test, "look-")
    assert not test.error and len(remote.jobs) == 1
    remote.faults = {"POST /fine_tuning/jobs/job-1/cancel": [429] * 9}
    _press(test, "cancel-")
    assert "額度" in test.error[0].value
    remote.faults = {}
    _press(test, "cancel-")
    assert not test.error and not test.exception and not any(str(b.key).startswith("cancel-") for b in test.button)


def _press(test, name):
    next(button for button in test.button if str(button.key).startswith(name)).click().run()
