"""The journeys of a person: add, ask, check the source, come back, stop, remove."""

from __future__ import annotations

import base64
import http.client
import os
import re
import time

import pytest

from tests.app.conftest import MANUAL, MANUAL_ZH
from tests.browser.conftest import PATIENCE, Served
from tests.browser.steps import SOON, click, press, unfold, until, upload
from tests.stub_llm import Reply, StubLLM

pytestmark = pytest.mark.browser
ANSWER = ["The warranty is 18 months [1]."]
CANARY = "sk-TEST-CANARY-000"


@pytest.fixture(scope="module")
def model_server():
    with StubLLM(ANSWER) as server:
        yield server


@pytest.fixture
def stub(model_server):
    """The model server of all journeys, which answers as usual again."""
    model_server.script = ANSWER
    return model_server


@pytest.fixture(scope="module")
def served(model_server, tmp_path_factory):
    """One server for all journeys: every test is a browser of its own, and the first finds an empty home."""
    place = tmp_path_factory.mktemp("served")
    with pytest.MonkeyPatch.context() as patch:  # As the fixture `home` does it for a single test.
        for name in [n for n in os.environ if n.startswith("DOCGRAFT_") or n.endswith("_API_KEY")]:
            patch.delenv(name)
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.setenv("ANONYMIZED_TELEMETRY", "False")
        server = Served(place / "home", model_server.url, place / "server.log")
    server.start()
    yield server
    server.stop()


def ask(page, question):
    box = page.locator("[data-testid=stChatInputTextArea]:not([disabled])")
    box.wait_for()
    box.fill(question)
    box.press("Enter")


def add(page, *files):
    """Upload files on the knowledge page and come back to the chat."""
    upload(page, *files)
    page.get_by_test_id("stDataFrame").wait_for()
    page.get_by_test_id("stSidebarNav").get_by_text("Chat", exact=True).click()


def without_documents(page):
    """Let the model answer alone."""
    place = '[class*="st-key-documents-"]'
    until(
        page.locator(f"{place} label:has(input:not(:checked))"),
        lambda: page.locator(place).count() or press(page, "choices"),
        click(page.locator(f"{place} label:has(input:checked)")),
    )
    page.keyboard.press("Escape")


def test_add_in_both_languages_ask_follow_up_open_the_source_restart_and_remove(page, served):
    page.locator(".st-key-go-knowledge").wait_for()
    add(page, ("kettle.md", MANUAL.encode()), ("員工手冊.md", MANUAL_ZH.encode()))
    ask(page, "How long is the warranty of the kettle?")
    source = page.locator('[class*="st-key-source-"]').first
    source.wait_for()
    assert "kettle.md" in source.inner_text()
    mark = page.locator(".dg-passage mark")
    until(mark, unfold(page, '[class*="st-key-source-"]'))
    assert "18 months" in mark.first.inner_text()
    ask(page, "And how often must it be descaled?")
    page.locator('[class*="st-key-vote-"]').nth(1).wait_for()

    served.restart()
    page.goto(page.url)
    page.locator('[class*="st-key-vote-"]').nth(1).wait_for()
    assert page.get_by_test_id("stChatMessage").count() == 4

    page.get_by_test_id("stSidebarNav").get_by_text("Knowledge").click()
    remove, sure = (
        page.locator('[class*="st-key-remove-"] button'),
        page.locator('[class*="st-key-remove-sure-"] button'),
    )
    # While the preview above it still grows, the popover may lie below the edge for a moment; a person would scroll.
    until(
        page.get_by_text("was removed"),
        click(
            page.locator('[class*="st-key-document-"]', has_text="kettle.md").locator("details:not([open]) > summary")
        ),
        lambda: sure.count() or remove.first.click(timeout=SOON),
        lambda: sure.evaluate("button => button.click()", timeout=SOON),
    )
    assert page.locator('[class*="st-key-document-"]', has_text="kettle.md").count() == 0


def test_stop_ends_the_answer_within_a_second_or_so_and_the_next_question_works(page, stub):
    stub.script = lambda messages: (
        Reply(" ".join(f"w{n}" for n in range(600)), delay=0.05) if "story" in str(messages[-1]) else "Quick."
    )
    without_documents(page)
    ask(page, "Tell me a story")
    page.get_by_text(re.compile("w5")).wait_for()
    press(page, "stop")
    page.get_by_text("Stopped").last.wait_for(timeout=20_000)
    sent = stub.pieces_sent
    time.sleep(1)
    assert stub.pieces_sent <= sent + 2
    ask(page, "And now?")
    page.get_by_text("Quick.").wait_for(timeout=20_000)


def test_closing_the_tab_stops_the_answer(page, stub):
    stub.script = [Reply(" ".join(f"w{n}" for n in range(900)), delay=0.05)]
    without_documents(page)
    ask(page, "Tell me a story")
    page.get_by_text(re.compile("w5")).wait_for()
    page.close()
    time.sleep(8)
    sent = stub.pieces_sent
    time.sleep(1.5)
    assert stub.pieces_sent <= sent + 2


def test_the_page_works_in_chinese_in_the_dark_and_at_400_pixels(browser, served):
    context = browser.new_context(viewport={"width": 400, "height": 800}, color_scheme="dark")
    page = context.new_page()
    page.goto(served.url)
    until(
        page.get_by_text("新對話"),
        click(page.get_by_test_id("stExpandSidebarButton")),
        click(page.locator(".st-key-language-switch").get_by_text("繁體中文")),
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    assert page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor") == "rgb(20, 25, 23)"
    context.close()


def test_an_address_that_is_no_page_says_so_in_our_words_and_chat_is_the_chat(page, served):
    for address in ("nowhere", "train/of/thought", "找不到"):
        page.goto(f"{served.url}/{address}")
        page.get_by_text("There is no such page").first.wait_for()
    page.goto(f"{served.url}/chat")
    page.get_by_test_id("stChatInput").wait_for()
    assert page.get_by_role("dialog").count() == 0


@pytest.mark.parametrize(("origin", "status"), [("http://evil.example", 403), ("", 101)])
def test_only_its_own_page_can_connect(served, origin, status):
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)
    key = base64.b64encode(os.urandom(16)).decode()
    headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": key}
    connection.request("GET", "/_stcore/stream", headers=headers | {"Origin": origin or served.url})
    assert connection.getresponse().status == status
    connection.close()


def test_an_upload_of_another_site_is_refused(page, served):
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)
    headers = {"Origin": "http://evil.example", "Content-Type": "multipart/form-data; boundary=x"}
    body = b'--x\r\nContent-Disposition: form-data; name="f"; filename="../../out.txt"\r\n\r\nhi\r\n--x--\r\n'
    connection.request("PUT", "/_stcore/upload_file/some-session/some-file", body, headers)
    assert connection.getresponse().status in (400, 403, 404)
    connection.close()


@pytest.fixture
def guarded(home, stub, tmp_path):
    """A server of its own that has a key and tells its log everything."""
    server = Served(home, stub.url, tmp_path / "server.log")
    server.environment |= {
        "STUB_KEY": CANARY,
        "DOCGRAFT_MODEL__API_KEY_ENV": "STUB_KEY",
        "STREAMLIT_LOGGER_LEVEL": "debug",
        "OPENAI_LOG": "debug",
    }
    server.start()
    yield server
    server.stop()


def test_a_key_reaches_neither_the_page_nor_the_log_nor_any_file(browser, guarded, stub, home):
    stub.script = [Reply(status=401, error=f"Incorrect API key provided: {CANARY}")]
    page = browser.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(guarded.url)
    without_documents(page)
    ask(page, "Hello?")
    page.get_by_test_id("stAlert").first.wait_for()
    assert stub.authorizations and CANARY in stub.authorizations[-1], "the key does reach the server it is for"
    assert "CANARY" not in page.content() and "CANARY" not in guarded.log.read_text()
    assert not [p for p in home.rglob("*") if p.is_file() and b"CANARY" in p.read_bytes()]
    page.close()


def test_no_script_context_warnings_and_no_traceback_reach_the_log(page, served):
    ask(page, "Anything?")
    page.locator('[class*="st-key-vote-"], [data-testid="stAlert"]').first.wait_for()
    log = served.log.read_text()
    assert "ScriptRunContext" not in log and "Traceback" not in log
