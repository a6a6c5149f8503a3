"""Conversations to token ids, in one place: what is trained is what is asked. Knows tokenizers and no models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from finetune.models.threads import share_processors
from memory.errors import NotConfigured

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage
    from transformers import PreTrainedTokenizerBase

PLAIN = (
    "{{ bos }}{% for message in messages %}{% if message['role'] == 'system' %}{{ message['content'] }}\n\n"
    "{% elif message['role'] == 'user' %}### Question:\n{{ message['content'] }}\n\n"
    "{% else %}### Answer:\n{{ message['content'] }}{{ eos_token }}\n\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}### Answer:\n{% endif %}"
)
"""For base models, which have no template of their own: plain words and the model's native end token."""

_ROLES = {"system": "system", "human": "user", "ai": "assistant", "developer": "system"}
_PROBE = "zyxprobe"


class Row(NamedTuple):
    """One training row as token ids."""

    ids: list[int]
    prompt: int
    """How many of the ids are the prompt. Everything after it, answer and end token, is supervised."""

    @property
    def labels(self) -> list[int]:
        """The ids with −100 on the prompt."""
        return [-100] * self.prompt + self.ids[self.prompt :]


def render(
    messages: Sequence[BaseMessage], tokenizer: PreTrainedTokenizerBase, add_generation_prompt: bool = True
) -> list[int]:
    """The token ids of a conversation by the model's own template, the answer's opening included when asked for.

    BOS comes from the template alone, never a second time from the tokenizer. Thinking is switched off where a
    template knows the switch. Special tokens that stand in the messages' text stay text.
    """
    turns = [{"role": _role(message), "content": _plain(_text(message), tokenizer)} for message in messages]
    text = _rendered(turns, tokenizer, add_generation_prompt)
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def supervised(messages: Sequence[BaseMessage], answer: str, tokenizer: PreTrainedTokenizerBase) -> Row:
    """A training row: the very prompt that the chat renders for `messages`, then the answer and one end token."""
    prompt = render(messages, tokenizer)
    wanted = tokenizer(_plain(answer, tokenizer), add_special_tokens=False)["input_ids"]
    return Row([*prompt, *wanted, end_token(tokenizer)], len(prompt))


def end_token(tokenizer: PreTrainedTokenizerBase) -> int:
    """The token that ends an answer: what the template writes after one, else the tokenizer's end token.

    NotConfigured when there is neither: a model taught with such a template would never stop.
    """
    turns = [{"role": "user", "content": "?"}, {"role": "assistant", "content": _PROBE}]
    tail = _rendered(turns, tokenizer, False).partition(_PROBE)[2].lstrip()
    ids = tokenizer(tail, add_special_tokens=False)["input_ids"] if tail else []
    if ids and ids[0] in _special(tokenizer):
        return int(ids[0])
    if tokenizer.eos_token_id is None:
        raise NotConfigured(
            "The chat template ends an answer with nothing, and the tokenizer has no end token.",
            "Set eos_token in the model's tokenizer_config.json, or use a template that writes an end token.",
        )
    return int(tokenizer.eos_token_id)


def end_tokens(tokenizer: PreTrainedTokenizerBase, also: int | Sequence[int] | None = None) -> list[int]:
    """Every token that stops generation: first the one that training ends answers with, then the model's (`also`)."""
    further = [also] if isinstance(also, int) else list(also or [])
    wanted = [end_token(tokenizer), tokenizer.eos_token_id, *further]
    return list(dict.fromkeys(int(token) for token in wanted if token is not None))


def has_template(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether it is a chat model's tokenizer. A base model has no template and answers by PLAIN."""
    return bool(tokenizer.chat_template)


def load_tokenizer(path: Any, template: str | None = None) -> PreTrainedTokenizerBase:
    """The tokenizer of a model folder, from local files only; `template` replaces its chat template."""
    share_processors()
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(str(path), local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError, ImportError) as cause:
        raise NotConfigured(f"The tokenizer in {path} cannot be read: {cause}", "Fetch the model again.") from cause
    if template is not None:
        tokenizer.chat_template = template
    return tokenizer


def _rendered(turns: list[dict[str, str]], tokenizer: PreTrainedTokenizerBase, opening: bool) -> str:
    from jinja2 import TemplateError

    template = None if has_template(tokenizer) else PLAIN
    values: dict[str, Any] = {"bos": _own_bos(tokenizer), "enable_thinking": False}
    for attempt in (turns, _without_system(turns)):
        try:
            return str(
                tokenizer.apply_chat_template(
                    attempt, chat_template=template, tokenize=False, add_generation_prompt=opening, **values
                )
            )
        except TemplateError as cause:  # Some templates refuse a system message: it goes to the head of the first turn.
            failed = cause
    raise NotConfigured(f"The model's chat template cannot be used: {failed}", "Use another model.") from failed


def _without_system(turns: list[dict[str, str]]) -> list[dict[str, str]]:
    if len(turns) < 2 or turns[0]["role"] != "system":
        return turns
    first = {"role": turns[1]["role"], "content": f"{turns[0]['content']}\n\n{turns[1]['content']}"}
    return [first, *turns[2:]]


def _own_bos(tokenizer: PreTrainedTokenizerBase) -> str:
    """The token that this tokenizer puts before any text, for PLAIN to print; "" when it puts none."""
    ids = tokenizer("")["input_ids"]
    return str(tokenizer.bos_token) if ids and ids[0] == tokenizer.bos_token_id else ""


def _special(tokenizer: PreTrainedTokenizerBase) -> set[int]:
    added = {number for number, token in tokenizer.added_tokens_decoder.items() if token.special}
    return added | set(tokenizer.all_special_ids)


def _plain(text: str, tokenizer: PreTrainedTokenizerBase) -> str:
    """`text` without special tokens: a document that spells `<|im_end|>` must not end the turn."""
    for number in _special(tokenizer):
        token = str(tokenizer.convert_ids_to_tokens(number))
        if token in text:
            text = text.replace(token, f"{token[0]} {token[1:]}")
    return text


def _role(message: BaseMessage) -> str:
    if message.type not in _ROLES:
        raise NotConfigured(f"A message of type {message.type!r} cannot be given to a local model.")
    return _ROLES[message.type]


def _text(message: BaseMessage) -> str:
    return message.content if isinstance(message.content, str) else str(message.text)
