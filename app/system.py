"""System libraries that compiled packages need: which one a failed import lacks, and the package that brings it."""

from __future__ import annotations

import re

from memory.errors import DocgraftError

_LACKS = re.compile(r"([\w.+-]+\.(?:so|dylib)[\w.]*): cannot open shared object file|Library not loaded: (\S+)")
_DEBIAN = {
    "libgomp": "libgomp1",
    "libstdc++": "libstdc++6",
    "libgcc_s": "libgcc-s1",
    "libGL": "libgl1",
    "libglib-2": "libglib2.0-0",
    "libz": "zlib1g",
}


def missing_library(error: BaseException) -> DocgraftError | None:
    """The error in words that name the library; None for an error of another kind."""
    found = _LACKS.search(str(error))
    if not found:
        return None
    name = (found[1] or found[2]).rsplit("/", 1)[-1]
    package = _DEBIAN.get(name.split(".")[0], "")
    hint = f"On Debian or Ubuntu: apt-get install {package}" if package else "Install the system package that holds it."
    return DocgraftError(f"The system library {name} is missing.", hint)
