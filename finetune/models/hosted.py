"""Chat models behind an address: any LangChain provider, with one kind of error and no key in any text.

Knows LangChain's init_chat_model and the answers that servers give about themselves; keys are handed in.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from pydantic import ConfigDict, Field, PrivateAttr

from memory.errors import BackendFailed, NotConfigured

MASK = "•••"
LOCAL_SERVERS = {
    "ollama": "http://127.0.0.1:11434/v1",
    "vllm": "http://127.0.0.1:8000/v1",
    "llamacpp": "http://127.0.0.1:8080/v1",
    "lmstudio": "http://127.0.0.1:1234/v1",
}
"""Servers that speak OpenAI's interface, and where each listens unless told otherwise."""

_CONTEXT = 2048
"""Prompt tokens of a server that does not say how many it holds."""
_OLLAMA_CONTEXT = 4096
"""What Ollama gives a model unless told otherwise; it cuts longer prompts without a word."""
_FOREIGN = {
    "openai": "OpenAIError",
    "httpx": "HTTPError",
    "httpx2": "HTTPError",
    "requests": "RequestException",
    "ollama": "ResponseError",
    "anthropic": "AnthropicError",
    "groq": "GroqError",
    "google.api_core.exceptions": "GoogleAPICallError",
    "botocore.exceptions": "BotoCoreError",
}
"""What the providers' libraries raise, by module; only those that are loaded are looked at."""
_KEY_SHAPE = re.compile(r"\b(?:sk|pk|hf|gsk|xai)[-_][A-Za-z0-9_\-*]{6,}")


class ModelSettings(Protocol):
    """What is needed of the settings of a chat model."""

    @property
    def name(self) -> str: ...
    @property
    def provider(self) -> str: ...
    @property
    def base_url(self) -> str: ...
    @property
    def max_tokens(self) -> int: ...
    @property
    def temperature(self) -> float: ...
    @property
    def context(self) -> int: ...


class HostedChatModel(BaseChatModel):
    """A provider's chat model whose failures are BackendFailed, in plain words and without the key.

    A stream that ends without the server's word that it is complete is a failure, not a short answer.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    inner: BaseChatModel = Field(exclude=True, repr=False)
    secret: str = Field("", exclude=True, repr=False)
    """The key, to be masked."""
    settings: Any = Field(None, exclude=True, repr=False)
    """The ModelSettings it was made from."""
    _window: int = PrivateAttr(0)

    @property
    def _llm_type(self) -> str:
        return "docgraft-hosted"

    @property
    def context_window(self) -> int:
        """Tokens of prompt and answer; the server is asked once."""
        if not self._window:
            self._window = context_window(self.settings, key=self.secret)
        return self._window

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model": str(self.name)}

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        with plain_failures(str(self.name), self.secret):
            return self.inner._generate(messages, stop=stop, **kwargs)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        finished = False
        with plain_failures(str(self.name), self.secret):
            for chunk in self.inner._stream(messages, stop=stop, **kwargs):
                finished = finished or bool((chunk.generation_info or {}).get("finish_reason"))
                finished = finished or bool(chunk.message.response_metadata.get("finish_reason"))
                finished = finished or bool(chunk.message.response_metadata.get("done"))
                if run_manager:
                    run_manager.on_llm_new_token(str(chunk.message.text), chunk=chunk)
                yield chunk
        if not finished:
            raise BackendFailed(
                f"{self.name} broke off before its answer was complete.",
                "Ask again; if it recurs, check the server.",
            )


def chat_model(settings: ModelSettings, *, key: str = "", timeout: float = 120.0, retries: int = 1) -> HostedChatModel:
    """The chat model that the settings name: any init_chat_model provider, or a local server of LOCAL_SERVERS.

    `timeout`: seconds without a byte from the server. NotConfigured when the provider's package is not installed or a
    key is missing.
    """
    from langchain.chat_models import init_chat_model

    provider, base_url = _endpoint(settings)
    values: dict[str, Any] = {
        "model_provider": provider,
        "temperature": settings.temperature,
        "max_tokens": settings.max_tokens,
        "timeout": timeout,
        "max_retries": retries,
    }
    if base_url:
        values["base_url"] = base_url
    if key or base_url:
        values["api_key"] = key or "not-needed"
    with plain_failures(settings.name, key):
        try:
            inner = init_chat_model(settings.name, **values)
        except ImportError:
            package = f"langchain-{provider.replace('_', '-')}"
            raise NotConfigured(
                f"The provider {provider!r} needs the package {package}.", f"Install it with: pip install {package}"
            ) from None
    return HostedChatModel(inner=inner, name=settings.name, secret=key, settings=settings)


def context_window(settings: ModelSettings, *, key: str = "", timeout: float = 2.0) -> int:
    """Tokens of prompt and answer: as set, else as the server says, else 2,048. Never raises for a silent server."""
    import httpx

    if settings.context:
        return settings.context
    _, base_url = _endpoint(settings)
    if not base_url:
        return 8192  # Every hosted provider's models of today hold at least this.
    root = base_url.removesuffix("/").removesuffix("/v1")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    with httpx.Client(timeout=timeout, headers=headers) as client:
        for ask in (_ollama, _llamacpp, _openai):
            try:
                found = ask(client, root, settings.name)
            except (httpx.HTTPError, ValueError, KeyError, TypeError, AttributeError):
                continue
            if found:
                return found
    return _CONTEXT


@contextmanager
def plain_failures(name: str, secret: str = "") -> Iterator[None]:
    """Map what providers raise to BackendFailed. The cause is not chained: its text may hold the key."""
    try:
        yield
    except (NotConfigured, BackendFailed):
        raise
    except _foreign() as cause:
        raise _mapped(name, cause, secret) from None


def mask(text: str, secret: str = "") -> str:
    """`text` with the key, and whatever is shaped like one, made unreadable."""
    if len(secret) >= 4:
        text = text.replace(secret, MASK)
    return _KEY_SHAPE.sub(MASK, text)


def _foreign() -> tuple[type[BaseException], ...]:
    found: list[type[BaseException]] = [OSError, ValueError, KeyError, TypeError]
    for module, name in _FOREIGN.items():
        loaded = sys.modules.get(module)
        if loaded is not None and hasattr(loaded, name):
            found.append(getattr(loaded, name))
    return tuple(found)


def _mapped(name: str, cause: BaseException, secret: str) -> BackendFailed | NotConfigured:
    text = mask(" ".join(str(cause).split()), secret)[:300]
    status = getattr(cause, "status_code", None)
    kind = type(cause).__name__
    if status in {401, 403} or (status is None and "api_key" in text):
        return NotConfigured(f"{name} refused the key: {text}", "Check the key and the address in the settings.")
    if status == 404:
        return NotConfigured(f"The server does not know the model {name!r}: {text}", "Check the model's name.")
    if status == 429:
        return BackendFailed(f"{name} is asked too often or the quota is used up: {text}", "Wait, then ask again.")
    if status == 400 and re.search(r"context|too long|maximum.*tokens|n_ctx", text, re.IGNORECASE):
        return BackendFailed(f"The prompt is too long for {name}: {text}", "Set model.context to what it holds.")
    if "timeout" in kind.lower() or "timed out" in text.lower():
        return BackendFailed(f"{name} did not answer in time.", "Check that the server is running, or raise the limit.")
    if "connection" in kind.lower() or isinstance(cause, OSError) or "Protocol" in kind:
        return BackendFailed(f"{name} could not be reached or broke off: {text}", "Check the address and the server.")
    return BackendFailed(f"{name} answered badly ({kind}): {text}", "Ask again; if it recurs, check the server.")


def _endpoint(settings: ModelSettings) -> tuple[str, str]:
    """(LangChain provider, base URL or ""). Local servers are spoken to through OpenAI's interface."""
    provider = settings.provider
    if provider == "ollama" and importlib.util.find_spec("langchain_ollama") and not settings.base_url:
        return provider, ""
    if provider in LOCAL_SERVERS:
        return "openai", settings.base_url or LOCAL_SERVERS[provider]
    return provider, settings.base_url


def _ollama(client: Any, root: str, name: str) -> int:
    """What Ollama loads the model with: its num_ctx, and at most what the model was made for."""
    shown = client.post(f"{root}/api/show", json={"model": name}).raise_for_status().json()
    made_for = max(value for key, value in shown["model_info"].items() if key.endswith(".context_length"))
    chosen = re.search(r"num_ctx\s+(\d+)", shown.get("parameters") or "")
    return min(int(made_for), int(chosen[1]) if chosen else _OLLAMA_CONTEXT)


def _llamacpp(client: Any, root: str, name: str) -> int:
    """What the llama.cpp server was started with."""
    shown = client.get(f"{root}/props").raise_for_status().json()
    return int(shown["default_generation_settings"]["n_ctx"])


def _openai(client: Any, root: str, name: str) -> int:
    """What vLLM and others write beside the model in OpenAI's list."""
    shown = client.get(f"{root}/v1/models").raise_for_status().json()
    for entry in shown["data"]:
        if entry["id"] == name or len(shown["data"]) == 1:
            return int(
                entry.get("max_model_len") or entry.get("context_length") or entry.get("max_context_length") or 0
            )
    return 0
