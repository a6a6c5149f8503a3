"""The one click in a browser: pressed once, the server restarted on the way, then a blind vote by keyboard."""

from __future__ import annotations

import re

import pytest

from app.widgets.compare_vote import LEAST
from finetune.evaluation.kept import every
from memory.workspace import Workspace
from tests.app.test_tuning import FACTS
from tests.browser.steps import button, click, unfold, until, upload
from tests.tiny_model import tiny_model

pytestmark = pytest.mark.browser
RESTARTS = 1
"""Two were tried by hand; each costs some seconds."""


@pytest.fixture
def environment(tmp_path):
    """TINY-LM as chat model and base, and the engine that rehearses."""
    base = str(tiny_model(tmp_path / "tiny"))
    return {
        "DOCGRAFT_MODEL__PROVIDER": "local",
        "DOCGRAFT_MODEL__NAME": base,
        "DOCGRAFT_MODEL__BASE_URL": "",
        "DOCGRAFT_MODEL__MAX_TOKENS": "6",
        "DOCGRAFT_TRAINING__ENGINE": "rehearsal",
        "DOCGRAFT_TRAINING__EFFORT": "quick",
    }


def test_one_click_survives_a_restart_and_ends_with_a_verdict_a_vote_and_a_report(page, served, home, tmp_path):
    upload(page, ("bells.md", FACTS.encode()))
    page.get_by_test_id("stSidebarNav").get_by_text("Compare").click()
    until(page.locator(".st-key-tune-live"), click(button(page, "tune")))
    for _ in range(RESTARTS):
        served.process.kill()  # As a power cut would: nothing gets to tidy up.
        served.process.wait(15)
        served.start()
        page.goto(f"{served.url}/compare")
        page.locator(".st-key-tune-live, .dg-verdict").first.wait_for()
    page.locator(".dg-verdict").wait_for()
    folder = Workspace(home).base("default")
    (comparison,) = every(folder)
    assert comparison.complete and len(list(folder.runs.iterdir())) == len(list(folder.datasets.iterdir())) == 1
    assert page.locator(".dg-verdict").inner_text() == comparison.card().verdict.sentence

    until(page.get_by_text(re.compile("^0 of ")), unfold(page, '[class*="st-key-vote-"]'))
    for number in range(3):
        page.get_by_text(re.compile(rf"^{number} of ")).wait_for()
        page.wait_for_timeout(1000 * LEAST)
        page.keyboard.press("1")
    page.get_by_text(re.compile("^3 of ")).wait_for()
    with page.expect_download() as download:
        page.locator('[class*="st-key-report_html-"] button').click()
    download.value.save_as(tmp_path / "report.html")
    report = page.context.new_page()
    report.goto((tmp_path / "report.html").as_uri())
    assert report.locator("h1").inner_text() == comparison.card().verdict.sentence
