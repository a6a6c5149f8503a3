"""What the system lacks or refuses, in words: a library that a compiled package needs, room, a permission."""

from __future__ import annotations

import errno
import os
import re

from memory.errors import DocgraftError, disk_full

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


def refused(error: BaseException) -> DocgraftError | None:
    """A full disk, or a file or folder that cannot be used, by name; None for an error that has to do with neither."""
    code, name = (error.errno, error.filename) if isinstance(error, OSError) else (None, None)
    if disk_full(error):
        hint = "Free some space, or set DOCGRAFT_HOME to a folder on another disk."
    elif code in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR) and name:
        hint = "Check whom it belongs to, or set DOCGRAFT_HOME to a folder of your own."
    else:
        return None
    return DocgraftError(f"{name or 'The disk'}: {os.strerror(code or errno.ENOSPC)}.", hint)
