"""The journeys of a person: add, ask, check the source, come back, stop, remove."""

from __future__ import annotations

import re
import time

import pytest

from tests.app.conftest import MANUAL, MANUAL_ZH
from tests.stub_llm import Reply

pytestmark = pytest.mark.browser


def press(page, key):
    """Click the button of a widget key."""
    page.locator(f".st-key-{key} button").first.click()


def ask(page, question):
    box = page.get_by_test_id("stChatInputTextArea")
    page.wait_for_function("() => !document.querySelector('[data-testid=stChatInputTextArea]').disabled")
    box.fill(question)
    box.press("Enter")


def add(page, *files):
    """Upload files on the knowledge page and come back to the chat."""
    page.get_by_test_id("stSidebarNav").get_by_text("Knowledge").click()
    page.locator("input[type=file]").set_input_files(
        [{"name": n, "mimeType": "text/plain", "buffer": b} for n, b in files]
    )
    page.locator(".st-key-add-upload button:not([disabled])").click()
    page.locator(".st-key-dismiss").wait_for()
    assert page.locator(".st-key-results").is_visible()
    page.get_by_test_id("stSidebarNav").get_by_text("Chat", exact=True).click()


def test_add_in_both_languages_ask_follow_up_open_the_source_restart_and_remove(page, served):
    page.locator(".st-key-go-knowledge").wait_for()
    add(page, ("kettle.md", MANUAL.encode()), ("員工手冊.md", MANUAL_ZH.encode()))
    ask(page, "How long is the warranty of the kettle?")
    source = page.locator('[class*="st-key-source-"]').first
    source.wait_for()
    assert "kettle.md" in source.inner_text()
    source.locator("summary").click()
    assert "18 months" in page.locator(".dg-passage mark").first.inner_text()
    ask(page, "And how often must it be descaled?")
    page.locator('[class*="st-key-vote-"]').nth(1).wait_for()

    served.restart()
    page.goto(page.url)
    page.locator('[class*="st-key-vote-"]').nth(1).wait_for()
    assert page.get_by_test_id("stChatMessage").count() == 4

    page.get_by_test_id("stSidebarNav").get_by_text("Knowledge").click()
    page.locator('[class*="st-key-document-"]', has_text="kettle.md").locator("summary").click()
    page.locator('[class*="st-key-remove-"] button').first.click()
    page.locator('[class*="st-key-remove-sure-"] button').click()
    page.get_by_text("was removed").wait_for()
    assert page.locator('[class*="st-key-document-"]', has_text="kettle.md").count() == 0


def test_stop_ends_the_answer_within_a_second_or_so_and_the_next_question_works(page, stub):
    stub.script = lambda messages: (
        Reply(" ".join(f"w{n}" for n in range(600)), delay=0.05) if "story" in str(messages[-1]) else "Quick."
    )
    press(page, "choices")
    page.locator('[class*="st-key-documents-"] label').first.click()
    page.keyboard.press("Escape")
    ask(page, "Tell me a story")
    page.get_by_text(re.compile("w5")).wait_for()
    press(page, "stop")
    page.get_by_text("Stopped", exact=True).wait_for(timeout=4_000)
    sent = stub.pieces_sent
    time.sleep(1)
    assert stub.pieces_sent <= sent + 2
    ask(page, "And now?")
    page.get_by_text("Quick.").wait_for(timeout=4_000)


def test_closing_the_tab_stops_the_answer(page, stub):
    stub.script = [Reply(" ".join(f"w{n}" for n in range(900)), delay=0.05)]
    press(page, "choices")
    page.locator('[class*="st-key-documents-"] label').first.click()
    page.keyboard.press("Escape")
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
    page.get_by_test_id("stExpandSidebarButton").click()
    page.locator(".st-key-language-switch").get_by_text("繁體中文").click()
    page.get_by_text("新對話").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    assert page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor") == "rgb(20, 25, 23)"
    context.close()


def test_a_page_of_another_site_cannot_connect(page, served):
    import urllib.request

    request = urllib.request.Request(f"{served.url}/_stcore/stream", headers={"Origin": "http://evil.example"})
    with pytest.raises(OSError):
        urllib.request.urlopen(request, timeout=5)


def test_no_script_context_warnings_and_no_traceback_reach_the_log(page, served):
    ask(page, "Anything?")
    page.locator('[class*="st-key-vote-"], [data-testid="stAlert"]').first.wait_for()
    log = served.log.read_text()
    assert "ScriptRunContext" not in log and "Traceback" not in log
