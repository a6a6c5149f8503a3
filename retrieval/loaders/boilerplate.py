"""What of an HTML page is not its text: scripts, menus, notices, hidden pieces. Prunes a tree, knows no blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from retrieval.loaders.markup import words

_NEVER = {"script", "style", "noscript", "template", "iframe", "object", "embed", "svg", "canvas", "audio", "video"}
_NEVER |= {"head", "link", "meta", "select", "button", "input", "textarea", "map", "dialog"}
_FRAME = {"nav", "footer", "aside", "menu"}
_ROLES = {"navigation", "banner", "contentinfo", "search", "dialog", "alertdialog", "complementary", "menu", "menubar"}
_NAMED = re.compile(
    r"(?i)(?:^|[\s_-])(?:nav|navbar|navigation|menu|menubar|breadcrumbs?|crumbs|cookies?|consent|gdpr|sidebar|side-bar|"
    r"share|sharing|social|ads?|advert(?:isement)?|banner|promo|newsletter|subscribe|pagination|pager|skip(?:-link)?|"
    r"related|comments?-(?:form|list)|toolbar|popup|modal|site-?header|site-?footer|footer|masthead|topbar)(?:$|[\s_-])"
)
_OPENING = re.compile(r"(?i)accordion|collapse|collapsible|tab-?pane|tab-?panel|faq|toggle|panel|details|answer")
_UNSEEN = re.compile(
    r"(?i)visibility\s*:\s*hidden|opacity\s*:\s*0(?:\.0+)?(?![.\d])|font-size\s*:\s*[01](?:\.\d+)?(?:px|pt|em|rem|%)?\s*(?:;|$)|"
    r"(?:left|top|text-indent|margin-left)\s*:\s*-\d{3,}|clip\s*:\s*rect\(\s*0"
)
_NO_DISPLAY = re.compile(r"(?i)display\s*:\s*none")
_WHITE = re.compile(r"(?i)(?<![-\w])color\s*:\s*(?:#fff(?:fff)?\b|white\b|rgb\(\s*255\s*,\s*255\s*,\s*255)")
_BACKGROUND = re.compile(r"(?i)background")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_LEAST = 80
"""Characters below which pruning has gone too far and the whole page is taken."""


class Pruned(NamedTuple):
    """What is left of a page, and what was taken out."""

    root: Any
    dropped: int
    hidden: int


def pruned(tree: Any) -> Pruned:
    """The part of the tree that holds the page's own text. The tree is changed."""
    import copy

    body = tree.find(".//body")
    body = tree if body is None else body
    dropped = _drop(body, [e for e in body.iter() if isinstance(e.tag, str) and e.tag in _NEVER])
    hidden = _drop(body, [e for e in body.iter() if isinstance(e.tag, str) and _hidden(e)])
    whole = copy.deepcopy(body)
    frame = _drop(body, [e for e in body.iter() if isinstance(e.tag, str) and _framing(e)])
    frame += _drop(body, list(_link_lists(body)))
    root = _main(body)
    if len(words(root)) < min(_LEAST, 0.1 * len(words(whole))):
        return Pruned(whole, dropped, hidden)
    return Pruned(root, dropped + frame, hidden)


def _drop(root: Any, elements: list[Any]) -> int:
    """Take elements out, their tails left in place; counts those that were still there and held something."""
    count = 0
    for element in elements:
        parent = element.getparent()
        if element is root or parent is None:
            continue
        count += bool(len(element) or (element.text or "").strip())
        _keep_tail(element, parent)
        parent.remove(element)
    return count


def _keep_tail(element: Any, parent: Any) -> None:
    if not element.tail:
        return
    # What a numeric reference spells may not be put back: lxml takes no control characters.
    tail = _CONTROL.sub("", element.tail)
    before = element.getprevious()
    if before is None:
        parent.text = _CONTROL.sub("", parent.text or "") + tail
    else:
        before.tail = _CONTROL.sub("", before.tail or "") + tail


def _hidden(element: Any) -> bool:
    """Whether a reader cannot see it. What opens with a click (tabs, accordions) is seen."""
    style = element.get("style") or ""
    if _UNSEEN.search(style) or (_WHITE.search(style) and not _BACKGROUND.search(style) and not _on_colour(element)):
        return True
    if _NO_DISPLAY.search(style) or element.get("hidden") is not None:
        opens = f"{element.get('class') or ''} {element.get('id') or ''} {element.get('role') or ''}"
        return not _OPENING.search(opens) and element.get("hidden") != "until-found"
    return False


def _on_colour(element: Any) -> bool:
    return any(_BACKGROUND.search(a.get("style") or "") or a.get("bgcolor") for a in element.iterancestors())


def _framing(element: Any) -> bool:
    """Whether an element is the site's frame around the text."""
    if element.tag in ("html", "body", "main", "article", "h1", "h2", "h3", "p", "li", "td", "code", "pre"):
        return False
    if element.tag in _FRAME or (element.get("role") or "").lower() in _ROLES:
        return True
    if element.tag == "header":
        # An article's own header holds its title.
        return not any(a.tag in ("article", "main", "section") for a in element.iterancestors()) and not _has_h1(
            element
        )
    if element.tag == "form":
        return len(words(element)) < 200
    named = f"{element.get('class') or ''} {element.get('id') or ''}"
    return bool(_NAMED.search(named)) and not _has_h1(element) and element.find(".//article") is None


def _has_h1(element: Any) -> bool:
    return element.find(".//h1") is not None


def _link_lists(body: Any) -> Iterator[Any]:
    """Lists of short links beside other text: menus that do not say so."""
    whole = len(words(body))
    for element in body.iter("ul", "ol"):
        links = [words(a) for a in element.iter("a")]
        text = len(words(element))
        if len(links) < 4 or not text or text > 0.5 * whole:
            continue
        if sum(map(len, links)) > 0.85 * text and sum(map(len, links)) / len(links) < 25:
            yield element


def _main(body: Any) -> Any:
    """The element that says it is the main one, when it holds a fair share of the text."""
    whole = len(words(body)) or 1
    marked = [e for e in body.iter("main", "article") if isinstance(e.tag, str)]
    marked += [e for e in body.iter("div", "section") if (e.get("role") or "") == "main"]
    outer = [e for e in marked if not any(a in marked for a in e.iterancestors())]
    if len(outer) == 1 and len(words(outer[0])) >= 0.3 * whole:
        return outer[0]
    return body
