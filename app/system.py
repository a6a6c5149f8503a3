"""What the system lacks or refuses, in words: a library that a compiled package needs, room, a permission."""

from __future__ import annotations

import errno
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


def refused(error: OSError) -> DocgraftError | None:
    """A file or folder that cannot be used, by name; None for an error that is no matter of the disk."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        hint = "Free some space, or set DOCGRAFT_HOME to a folder on another disk."
    elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR) and error.filename:
        hint = "Check whom it belongs to, or set DOCGRAFT_HOME to a folder of your own."
    else:
        return None
    return DocgraftError(f"{error.filename or 'The disk'}: {error.strerror}.", hint)
