"""From documents to an adapter in a browser: build, look a pair over, start once, restart the server, stop, resume."""

from __future__ import annotations

from contextlib import suppress

import pytest

from finetune.datasets import every
from finetune.runs import Runs
from memory.workspace import Workspace
from tests.browser.steps import SOON, button, click, press, unfold, until, upload
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
    upload(page, ("handbook.md", HANDBOOK.encode()))

    visit(page, "Pairs")
    page.locator(".st-key-pairs-effort").get_by_text("Quick").click()
    until(page.get_by_text("Training rows"), lambda: button(page, "build").dblclick(timeout=SOON))
    (dataset,) = every(kb)

    until(page.get_by_test_id("stDataFrame"), click(page.locator(".st-key-pairs-tab").get_by_text("Review")))
    pick_first_row(page)
    page.locator(".st-key-one-pair .dg-passage mark").first.wait_for()
    answer = page.locator(".st-key-one-pair textarea").nth(1)
    right = answer.input_value()
    until(
        page.get_by_text("does not hold"),
        lambda: answer.fill("four thousand yaks", timeout=SOON),
        click(page.locator('[class*="st-key-save-"] button')),
    )
    assert all(pair.output != "four thousand yaks" for pair in dataset.pairs())
    answer.fill(right)
    until(page.get_by_text("1 approved"), click(button(page, "approve")))
    assert sum(pair.status == "approved" for pair in dataset.pairs()) == 1
    press(page, "undo")
    page.get_by_text("1 approved").wait_for(state="detached")
    assert sum(pair.status == "approved" for pair in dataset.pairs()) == 0

    visit(page, "Train")
    page.locator('[class*="st-key-start-"] button:not([disabled])').wait_for()
    before = page.locator('[class*="st-key-start-"]').get_attribute("class").split()
    until(
        page.get_by_text("1 changed by you"),
        unfold(page, ".st-key-values"),
        lambda: page.locator('[class*="st-key-value-epochs-"] input').fill("4000", timeout=SOON),
        click(button(page, "apply-values")),
    )
    page.locator("." + next(name for name in before if name.startswith("st-key-"))).wait_for(state="detached")
    until(
        page.locator('[class*="st-key-run-"]').get_by_text("Training"),
        lambda: page.locator('[class*="st-key-start-"] button:not([disabled])').dblclick(timeout=SOON),
    )
    runs = Runs(Workspace(home), kb)
    (run,) = runs.all()

    served.restart()
    assert runs.show(run.id).state == "running"
    page.goto(page.url)
    until(page.locator(f".st-key-adapter-{run.id}"), click(button(page, f"stop-run-{run.id}")))
    assert runs.show(run.id).state == "stopped" and runs.show(run.id).adapter == run.id
    until(
        page.locator(f".st-key-stop-run-{run.id}"),
        unfold(page, f".st-key-ended-{run.id}"),
        click(button(page, f"resume-run-{run.id}")),
    )
    assert len(runs.all()) == 1
    log = served.log.read_text()
    assert "ScriptRunContext" not in log and "Traceback" not in log
