# Everything works from a fresh clone with Python 3.11+ and make.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

define NEEDS
import importlib, importlib.util, sys
if sys.version_info < (3, 11):
    sys.exit("Docgraft needs Python 3.11 or newer; set PYTHON=/path/to/python3.11")
if importlib.util.find_spec("ensurepip") is None:
    sys.exit("The venv module is missing. On Debian or Ubuntu: apt-get install python3-venv")
for module, library in dict(ssl="libssl", sqlite3="libsqlite3", ctypes="libffi", lzma="liblzma", bz2="libbz2", zlib="zlib").items():
    try:
        importlib.import_module(module)
    except ImportError as error:
        sys.exit("This Python lacks %s (%s). Install %s and build Python anew, or set PYTHON to another." % (module, error, library))
endef
export NEEDS

.PHONY: install demo test check ui bench reader clean

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c "$$NEEDS"
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev]"
	@touch $(STAMP)

demo: install
	$(BIN)/docgraft models fetch
	$(BIN)/docgraft add samples/documents --kb samples
	$(BIN)/docgraft ask "How long is the guarantee on the movement of a music box?" --kb samples
	$(BIN)/docgraft tune --kb samples --effort quick --yes

ui: install
	$(BIN)/docgraft ui

test: install
	$(BIN)/python -m pytest --numprocesses=2 --dist=loadfile

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: install
	$(BIN)/python -m benchmarks

reader: install
	$(BIN)/python -m finetune.skills.make

clean:
	rm -rf $(VENV)
