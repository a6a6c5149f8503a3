"""Rendered answers load nothing from elsewhere."""

import pytest

from retrieval.markdown import safe_markdown


@pytest.mark.parametrize(
    "text",
    [
        "![x](http://evil.example/a.png)",
        "![x]( <http://evil.example/a.png> 'title')",
        "![a\\]b](http://evil.example/a.png)",
        "![a [b] c](http://evil.example/a.png)",
        "![line\nbreak](http://evil.example/a.png)",
        "![x][ref]\n\n[ref]: http://evil.example/a.png",
        "![ref]\n\n[ref]: http://evil.example/a.png",
        '<img src="http://evil.example/a.png">',
        "<IMG\nsrc=http://evil.example/a.png>",
        "<iframe src='//evil.example'></iframe>",
        "[![x](http://evil.example/a.png)](http://ok.example)",
    ],
)
def test_nothing_remote_is_loaded(text):
    safe = safe_markdown(text)
    assert "![" not in safe.replace("!\\[", "") and "<i" not in safe.lower() and "]: http" not in safe


@pytest.mark.parametrize(
    "scheme",
    ["javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "file:///etc/passwd", "vbscript:x", "/local"],
)
def test_links_of_other_schemes_become_their_text(scheme):
    assert safe_markdown(f"see [here]({scheme}) now") == "see here now"


def test_a_link_to_a_page_shows_where_it_leads():
    assert safe_markdown("[here](https://a.example/x)") == "here ([https://a.example/x](https://a.example/x))"


@pytest.mark.parametrize(
    "text", ["**bold** [1] and [2]", "a < b & c", "| a | b |\n|---|---|\n| 1 | 2 |", "`<b>` stays", "```\n![x](y)\n```"]
)
def test_harmless_text_is_left_as_it_is(text):
    assert safe_markdown(text) == text
