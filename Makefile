# make book      install, train at the laptop protocol, execute the notebooks, build the pages
# make preview   the same pages from runs of seconds (and recorded results), no long training
# make pdf       the built pages as one PDF, by Chromium and without LaTeX: _build/socl.pdf
# make test      the fast tests      make test-all  slow ones too
# make audit     licences and known weaknesses of the packages      make wheel  the package with a bill of materials
# make test-deps the wheel with the oldest and the newest packages, in each Python that it allows
PYTHON ?= python3.11
PROTOCOL ?= laptop
CORES ?= 2
VENV := $(CURDIR)/.venv
STAMP := $(VENV)/.installed
PIP := $(VENV)/bin/pip --disable-pip-version-check
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

# The wheel in environments of its own: with the oldest packages that it allows, then in each of these Pythons with the
# newest.
PYTHONS ?= python3.11 python3.12 python3.13
test-deps:
	@set -e; base=$$(mktemp -d); sed -n 's/^  "\([a-z-]*\)[>=]=\(.*\)",$$/\1==\2/p' pyproject.toml > $$base/oldest.txt; \
	touch $$base/newest.txt; $(firstword $(PYTHONS)) -m pip wheel -q --no-deps -w $$base .; \
	try() { echo "$$1, $$2 packages"; $$1 -m venv $$base/venv; $$base/venv/bin/pip install -q -c $$base/$$2.txt $$base/*.whl; \
	  (cd $$base && SOCL_CACHE=$$base/cache venv/bin/socl doctor); rm -rf $$base/venv; }; \
	try $(firstword $(PYTHONS)) oldest; for python in $(PYTHONS); do try $$python newest; done; rm -rf $$base

bench: install
	@python bench/speed.py
	@python bench/scoring.py

# Packages that disagree, licences, known weaknesses; these need a network.
audit: install
	@pip check
	@python bench/supply.py
	@if command -v pip-audit >/dev/null; then pip-audit -r requirements.lock -r torch.lock --disable-pip; \
	else echo "known weaknesses were not looked up: pip install pip-audit"; fi

# The package alone, with a bill of materials (CycloneDX) of all that it was tested with.
wheel: install
	@pip wheel --quiet --no-deps -w dist .
	@python bench/supply.py dist/sbom.cdx.json >/dev/null

install: $(STAMP)

# All with their hashes. torch goes first and from a folder, since pip would prefer the registry's build to one on disk;
# last comes what torch itself needs on this system, such as libraries of CUDA.
$(STAMP): pyproject.toml requirements.lock torch.lock
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not installed: install Python 3.11 and its venv module, or name it: make PYTHON=/path/to/python3.11"; exit 2; }
	@test -x $(VENV)/bin/pip || $(PYTHON) -m venv $(VENV) || { echo "cannot make a virtual environment: install the venv module of $(PYTHON) (Debian: python3.11-venv)"; exit 2; }
	@echo "installing the packages of requirements.lock into .venv (about two minutes)"
	@$(PIP) download --quiet --no-deps --dest $(VENV)/torch -c constraints.txt torch
	@$(PIP) install --quiet --no-deps --no-index --find-links $(VENV)/torch --require-hashes -r torch.lock
	@$(PIP) install --quiet --no-deps --require-hashes -r requirements.lock
	@$(PIP) install --quiet --no-build-isolation -c constraints.txt -e ".[test]"
	@rm -r $(VENV)/torch
	@$(VENV)/bin/python -c "import cv2" 2>/dev/null || { echo "OpenCV misses a system library: install libgl1 and libglib2.0-0 (Debian: apt-get install libgl1 libglib2.0-0)"; exit 2; }
	@touch $(STAMP)

clean:
	rm -rf runs cache _build book/executed book/records book/assets/clip book/assets/mathjax .snakemake
