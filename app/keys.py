"""API keys: found by name in the environment or in secrets.toml (mode 600), and masked wherever text is shown."""

from __future__ import annotations

import logging
import re
import tomllib
from collections.abc import Iterable

from app.settings import Settings, environment
from memory.errors import NotConfigured
from memory.workspace import Workspace, write_bytes

_SHAPES = re.compile(r"\b(sk|pk|hf|gsk|xai|key)[-_][A-Za-z0-9_-]{8,}|(?<=Bearer )[A-Za-z0-9._~+/-]{8,}=*")
_IN_URL = re.compile(r"(?i)([?&](?:api[_-]?key|key|token|access_token)=)[^&\s\"']+|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)")
MASK = "•••"


def find(home: Workspace, name: str) -> str:
    """The key called `name`, from the environment or secrets.toml; NotConfigured says where to put it."""
    key = environment().get(name, "") or stored(home).get(name, "")
    if not key:
        raise NotConfigured(
            f"The key {name} is not set.",
            f"Set the environment variable {name}, or run: docgraft keys set {name}",
        )
    return key


def stored(home: Workspace) -> dict[str, str]:
    """The keys of secrets.toml by name."""
    try:
        values = tomllib.loads(home.secrets.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return {}
    except tomllib.TOMLDecodeError:
        # The cause would quote the line, and the line is a secret.
        raise NotConfigured(f"{home.secrets} is not a TOML file.", 'Each line must read NAME = "key".') from None
    return {name: str(value) for name, value in values.items()}


def store(home: Workspace, name: str, key: str) -> None:
    """Keep (or, when empty, remove) a key in secrets.toml, readable by its owner only."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise NotConfigured(f"{MASK} cannot be the name of a key.", "Give a name such as OPENAI_API_KEY, not the key.")
    import tomlkit

    values = stored(home) | {name: key.strip()}
    text = tomlkit.dumps({name: value for name, value in values.items() if value})
    write_bytes(home.secrets, text.encode("utf-8"), private=True)


def known(home: Workspace, settings: Settings) -> set[str]:
    """Every key value that this process may come across, so that it can be masked."""
    names = {model.api_key_env for model in (settings.model, *settings.models.values())}
    names |= {settings.retrieval.embedder_key_env}
    values = {environment().get(name, "") for name in names if name} | set(stored(home).values())
    return {value for value in values if len(value) >= 4}


def mask(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` with known keys, and whatever looks like a key, made unreadable."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, MASK)
    text = _IN_URL.sub(lambda found: (found.group(1) or "") + MASK, text)
    return _SHAPES.sub(MASK, text)


def guard_logs(secrets: Iterable[str]) -> None:
    """Mask whatever this process's log handlers write from now on; gives the root logger one if it has none."""
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(logging.StreamHandler())
    names = [name for name in logging.root.manager.loggerDict if name.split(".")[0] in ("streamlit", "docgraft")]
    for logger in (root, *(logging.getLogger(name) for name in names)):
        for handler in logger.handlers:
            if not any(isinstance(f, Masked) for f in handler.filters):
                handler.addFilter(Masked(secrets))


class Masked(logging.Filter):
    """Masks keys in every record of the handler it is put on, tracebacks included."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__()
        self.secrets = set(secrets)

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record's text; every record passes."""
        record.msg = mask(record.getMessage(), self.secrets)
        record.args = ()
        if record.exc_info:
            record.exc_text = mask(logging.Formatter().formatException(record.exc_info), self.secrets)
            record.exc_info = None
        return True
