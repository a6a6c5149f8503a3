"""A stand-in for `uv` on the path: makes a folder that looks like an environment, and "installs" what it is told to."""

from __future__ import annotations

import sys
from pathlib import Path

UV = """#!{python}
import re, sys
from pathlib import Path
arguments = sys.argv[1:]
if arguments[0] == "venv":
    python = Path(arguments[-1]) / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(Path({interpreter!r}).read_text())
    python.chmod(0o755)
elif arguments[1] == "install":
    home = Path(arguments[arguments.index("--python") + 1]).parents[1]
    if {broken!r}:
        print("error: No solution found when resolving dependencies")
        sys.exit(1)
    for line in (one for one in arguments if "==" in one):
        name, _, version = line.partition("==")
        place = home / "lib/python3.11/site-packages" / f"{{name}}-{{version}}.dist-info"
        place.mkdir(parents=True)
        (place / "METADATA").write_text(f"Metadata-Version: 2.1\\nName: {{name}}\\nVersion: {{version}}\\n")
        print(f" + {{name}}=={{version}}", flush=True)
else:
    print("uninstalled", arguments)
"""
PYTHON = """#!{python}
import sys
code = sys.argv[2] if sys.argv[1] == "-c" else ""
home = sys.argv[0].rsplit("/bin/", 1)[0]
if "find_spec" in code:
    sys.exit(3 if "torchaudio" in code else 7)
if "purelib" in code:
    print(home + "/lib/python3.11/site-packages")
elif "json" in code:
    print('{{"' + sys.argv[3] + '": "1.0", "torch": "2.13.0"}}')
"""


def put_uv(folder: Path, monkeypatch, *, broken: bool = False) -> None:
    """Put it on the path; a `broken` one finds no packages. Nothing else stays on the path."""
    folder.mkdir()
    interpreter = folder / "interpreter"
    interpreter.write_text(PYTHON.format(python=sys.executable))
    uv = folder / "uv"
    uv.write_text(UV.format(python=sys.executable, interpreter=str(interpreter), broken=broken))
    uv.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
