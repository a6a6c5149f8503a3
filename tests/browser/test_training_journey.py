"""From documents to an adapter in a browser: build, look a pair over, start once, restart the server, stop, resume."""

from __future__ import annotations

from contextlib import suppress

import pytest

from finetune.datasets import every
from finetune.runs import Runs
from memory.workspace import Workspace
from tests.browser.test_journey import press
from tests.pairs.conftest import HANDBOOK
from tests.tiny_model import tiny_model

pytestmark = pytest.mark.browser


@pytest.fixture
def environment(tmp_path):
    """TINY-LM as the base and the engine that rehearses."""
    base = str(tiny_model(tmp_path / "tiny"))
    return {"DOCGRAFT_TRAINING__BASE": base, "DOCGRAFT_TRAINING__ENGINE": "rehearsal"}


@pytest.fixture
def kb(home):
    """The knowledge base on disk; its runs are stopped at the end."""
    workspace = Workspace(home)
    folder = workspace.base("default")
    yield folder
    runs = Runs(workspace, folder)
    for run in runs.all():
        runs.stop(run.id)


def visit(page, name):
    page.get_by_test_id("stSidebarNav").get_by_text(name, exact=True).click()


def pick_first_row(page):
    """Click the first row's box until its pair is there. The grid has no size for a moment, and a click that is said to
    have failed may have been made: a second one would take the choice back."""
    from playwright.sync_api import Error

    grid = page.get_by_test_id("stDataFrame").locator("canvas").first
    pair = page.locator(".st-key-one-pair textarea").nth(1)
    for _ in range(8):
        grid.wait_for()
        with suppress(Error):
            grid.click(position={"x": 18, "y": 55}, force=True, timeout=5_000)
        with suppress(Error):
            pair.wait_for(timeout=30_000)
            return
    raise AssertionError("the first row could not be chosen")


def test_build_review_train_restart_stop_and_resume(page, served, kb, home):
    visit(page, "Knowledge")
    page.locator("input[type=file]").set_input_files(
        [{"name": "handbook.md", "mimeType": "text/plain", "buffer": HANDBOOK.encode()}]
    )
    page.locator(".st-key-add-upload button:not([disabled])").click()
    page.locator(".st-key-dismiss").wait_for()

    visit(page, "Pairs")
    page.locator(".st-key-pairs-effort").get_by_text("Quick").click()
    page.locator(".st-key-build button").dblclick()
    page.get_by_text("Training rows").first.wait_for()
    (dataset,) = every(kb)

    page.locator(".st-key-pairs-tab").get_by_text("Review").click()
    pick_first_row(page)
    page.locator(".st-key-one-pair .dg-passage mark").first.wait_for()
    answer = page.locator(".st-key-one-pair textarea").nth(1)
    right = answer.input_value()
    answer.fill("four thousand yaks")
    page.locator('[class*="st-key-save-"] button').click()
    page.get_by_text("does not hold").wait_for()
    assert all(pair.output != "four thousand yaks" for pair in dataset.pairs())
    answer.fill(right)
    press(page, "approve")
    page.get_by_text("1 approved").wait_for()
    assert sum(pair.status == "approved" for pair in dataset.pairs()) == 1
    press(page, "undo")
    page.get_by_text("1 approved").wait_for(state="detached")
    assert sum(pair.status == "approved" for pair in dataset.pairs()) == 0

    visit(page, "Train")
    page.locator('[class*="st-key-start-"] button:not([disabled])').wait_for()
    before = page.locator('[class*="st-key-start-"]').get_attribute("class").split()
    page.locator(".st-key-values summary").click()
    page.locator('[class*="st-key-value-epochs-"] input').fill("4000")
    press(page, "apply-values")
    page.get_by_text("1 changed by you").wait_for()
    page.locator("." + next(name for name in before if name.startswith("st-key-"))).wait_for(state="detached")
    page.locator('[class*="st-key-start-"] button:not([disabled])').dblclick()
    page.locator('[class*="st-key-run-"]').get_by_text("Training").first.wait_for()
    runs = Runs(Workspace(home), kb)
    (run,) = runs.all()

    served.restart()
    assert runs.show(run.id).state == "running"
    page.goto(page.url)
    press(page, f"stop-run-{run.id}")
    page.locator(f".st-key-adapter-{run.id}").wait_for()
    assert runs.show(run.id).state == "stopped" and runs.show(run.id).adapter == run.id
    page.locator(f".st-key-ended-{run.id} summary").click()
    press(page, f"resume-run-{run.id}")
    page.locator(f".st-key-stop-run-{run.id}").wait_for()
    assert len(runs.all()) == 1
    log = served.log.read_text()
    assert "ScriptRunContext" not in log and "Traceback" not in log
