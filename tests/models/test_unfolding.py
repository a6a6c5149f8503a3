"""Text grows token by token without half characters and without pieces of a stop text."""

from __future__ import annotations

import pytest

from finetune.models.unfolding import Unfolding
from tests.tiny_model import tokenizer


def pieces(text, **settings):
    unfolding = Unfolding(tokenizer(), **settings)
    made = []
    for byte in text.encode() if isinstance(text, str) else text:
        made.append(unfolding.add(byte))
        if unfolding.stopped:
            break
    return [*made, unfolding.rest()], unfolding


@pytest.mark.parametrize("text", ["ferry", "台南的渡輪", "a😀b", "é"])
def test_pieces_join_to_the_text_and_never_hold_half_a_character(text):
    made, unfolding = pieces(text)
    assert "".join(made) == unfolding.text == text
    assert not any("\ufffd" in piece for piece in made)


def test_bytes_that_are_no_character_come_out_once_more_is_known():
    made, _ = pieces(b"a\xffb")
    assert "".join(made) == "a\ufffdb"
    assert "".join(pieces(b"a\xff")[0]) == "a\ufffd"


def test_a_stop_text_over_several_tokens_is_held_back_and_cut_off():
    made, unfolding = pieces("nine\n\nQuestion: next", stop=["\n\nQuestion:"])
    assert unfolding.stopped
    assert "".join(made) == "nine"


def test_what_only_looked_like_a_stop_text_is_given_after_all():
    made, unfolding = pieces("nine\n\nQuest", stop=["\n\nQuestion:"])
    assert not unfolding.stopped
    assert "".join(made) == "nine\n\nQuest"
    assert made[4] == "", "held back while it might become the stop text"
