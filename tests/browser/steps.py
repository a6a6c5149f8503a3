"""Steps of a journey. A click may be lost when the page runs again at that very moment: it is made again, as a person
would, until what it brings is there."""

from __future__ import annotations

from contextlib import suppress

SOON = 5_000
PATIENT = 25_000


def until(seen, *steps, tries=8):
    """Take the steps until `seen` (a locator) is visible. A step that does not apply any more may fail."""
    from playwright.sync_api import Error

    for _ in range(tries):
        for step in steps:
            with suppress(Error):
                step()
        with suppress(Error):
            seen.first.wait_for(timeout=PATIENT)
            return
    raise AssertionError(f"not seen after {tries} tries: {seen}")


def click(place, **more):
    """A step for `until`: click the first of a locator."""
    return lambda: place.first.click(timeout=SOON, **more)


def unfold(page, key):
    """A step for `until`: open the closed expander of a widget key."""
    return click(page.locator(f"{key} details:not([open]) > summary"))


def button(page, key):
    """The button of a widget key."""
    return page.locator(f".st-key-{key} button:not([disabled])")


def press(page, key):
    """Click the button of a widget key, once."""
    button(page, key).first.click()


def upload(page, *files):
    """Add files on the knowledge page."""
    page.get_by_test_id("stSidebarNav").get_by_text("Knowledge").click()
    page.locator("input[type=file]").set_input_files(
        [{"name": n, "mimeType": "text/plain", "buffer": b} for n, b in files]
    )
    until(page.locator(".st-key-dismiss"), click(button(page, "add-upload")))
