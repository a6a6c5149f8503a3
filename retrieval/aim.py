"""Where a question in people's words points: learned from questions that people asked and the lines that answer them.

An embedder puts "I had a vape on the way home, how much trouble?" near other talk of trips and trouble, not near
"Smoking, also electric: £80". A linear map of the question's direction, fitted as a choice among the lines of its
document (benchmarks/aim.py), turns it towards the line. Passages stay where they are, so no index is made anew.
"""

from __future__ import annotations

from importlib.resources import as_file, files
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SHIPPED = "aim.safetensors"
"""The map for the bundled embedder."""


class Aim(NamedTuple):
    """What is added to a question's direction."""

    turn: NDArray[np.float32]
    """[d, d]"""
    shift: NDArray[np.float32]
    """[d]"""

    def turned(self, directions: NDArray[np.float32]) -> NDArray[np.float32]:
        """Directions ([d] or [n, d], of length 1) turned towards what answers them; of any length."""
        found: NDArray[np.float32] = directions + directions @ self.turn + self.shift
        return found


def shipped(fingerprint: str) -> Aim | None:
    """The map that was learned for an embedder; None where none was."""
    import numpy as np

    found = tensors(SHIPPED, fingerprint)
    return Aim(found["turn"].astype(np.float32), found["shift"]) if found else None


def tensors(name: str, fingerprint: str) -> dict[str, NDArray[np.float32]] | None:
    """The tensors of a file of this package, when it was made for the embedder of that fingerprint."""
    from safetensors import safe_open

    with as_file(files("retrieval") / name) as path, safe_open(str(path), "np") as file:
        if (file.metadata() or {}).get("fingerprint") != fingerprint:
            return None
        return {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
