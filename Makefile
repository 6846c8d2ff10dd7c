# make book      install, train at the laptop protocol, execute the notebooks, build the pages
# make preview   the same pages from runs of seconds (and recorded results), no long training
# make pdf       the built pages as one PDF, by Chromium and without LaTeX: _build/socl.pdf
# make test      the fast tests      make test-all  slow ones too
# make audit     licences and known weaknesses of the packages      make wheel  the package with a bill of materials
# make test-deps the wheel with the newest packages, in each Python that it allows
PYTHON ?= python3.11
PROTOCOL ?= laptop
CORES ?= 2
VENV := $(CURDIR)/.venv
STAMP := $(VENV)/.installed
export PATH := $(VENV)/bin:$(PATH)
export PYTHONWARNINGS := ignore::DeprecationWarning
# A thread that waits should not spin: other work on the machine would slow training tenfold.
export OMP_WAIT_POLICY := PASSIVE
# Beside the runs, for `make clean` to find; without it, caches are in the platform's folder for them.
export SOCL_CACHE ?= $(CURDIR)/cache

.PHONY: book preview pdf test test-all test-deps install bench audit wheel clean

book: install
	@socl book make --protocol $(PROTOCOL) --cores $(CORES)
	@echo "The book is at _build/html/index.html; open it in a browser."

preview:
	@$(MAKE) --no-print-directory book PROTOCOL=smoke

pdf: install
	@socl book pdf

test: install
	@pytest

test-all: install
	@pytest -m ""

# The wheel with the newest packages that it allows, in an environment of its own for each of these Pythons.
PYTHONS ?= python3.11 python3.12 python3.13
test-deps:
	@set -e; for python in $(PYTHONS); do folder=$$(mktemp -d); echo "$$python in $$folder"; \
	  $$python -m venv $$folder/venv; $$folder/venv/bin/pip wheel -q --no-deps -w $$folder .; \
	  $$folder/venv/bin/pip install -q $$folder/*.whl; \
	  (cd $$folder && SOCL_CACHE=$$folder/cache venv/bin/socl doctor); rm -rf $$folder; done

bench: install
	@python bench/speed.py
	@python bench/scoring.py

# Packages that disagree, licences, known weaknesses; these need a network.
audit: install
	@pip check
	@python bench/supply.py
	@if command -v pip-audit >/dev/null; then pip-audit -r constraints.txt --no-deps --disable-pip; \
	else echo "known weaknesses were not looked up: pip install pip-audit"; fi

# The package alone, with a bill of materials (CycloneDX) of all that it was tested with.
wheel: install
	@pip wheel --quiet --no-deps -w dist .
	@python bench/supply.py dist/sbom.cdx.json >/dev/null

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not installed: install Python 3.11 and its venv module, or name it: make PYTHON=/path/to/python3.11"; exit 2; }
	@test -x $(VENV)/bin/pip || $(PYTHON) -m venv $(VENV) || { echo "cannot make a virtual environment: install the venv module of $(PYTHON) (Debian: python3.11-venv)"; exit 2; }
	@echo "installing the packages of constraints.txt into .venv (about two minutes)"
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[test]"
	@$(VENV)/bin/python -c "import cv2" 2>/dev/null || { echo "OpenCV misses a system library: install libgl1 and libglib2.0-0 (Debian: apt-get install libgl1 libglib2.0-0)"; exit 2; }
	@touch $(STAMP)

clean:
	rm -rf runs cache _build book/executed book/records book/assets/clip book/assets/mathjax .snakemake
