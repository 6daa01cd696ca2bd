# What there is to do, on a machine with Python 3.11+ and make and nothing else.
# Everything is installed into .venv, pinned by hash, and again only when requirements/ or pyproject.toml change.

PY ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	  if $$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null; then \
	    echo $$python; break; fi; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input -q
INSTALL := $(PIP) install --require-hashes -r
WORKERS ?= 2
KILLS ?= 100
HOURS ?= 1
COMPILE := build/lock/bin/pip-compile --quiet --strip-extras --generate-hashes --allow-unsafe \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host

.PHONY: help run test check bench bench-quick bench-peers soak crash failpoints faults demo docs format lock clean

help:
	@echo "make run         start the daemon on config.example.yaml and rules/; ARGS='--listen 127.0.0.1:8790' for example"
	@echo 'make demo        the main job in some seconds, without a second terminal'
	@echo 'make test        every test that this machine can run'
	@echo 'make check       format, lint, types, import contracts, budgets'
	@echo 'make faults      failing disks and lost power, the long form'
	@echo 'make failpoints  the daemon dies at chosen points, the long form'
	@echo 'make bench       measure, beside others; make bench-quick: a first look; make bench-peers: install the others'
	@echo 'make soak        hours under load with a failing sink: make soak HOURS=24'
	@echo 'make crash       kill the daemon again and again: make crash KILLS=1000 SEED=7'
	@echo 'make docs        run what the docs show'
	@echo 'make format      put the code into shape'
	@echo 'make lock        pin the newest versions that pyproject.toml allows'
	@echo 'make clean       remove what was made here, but for state/'

run: .venv/.run
	@$(BIN)/autoflow run -c config.example.yaml $(ARGS)

demo: .venv/.run
	@$(BIN)/python scripts/demo.py

test: .venv/.test
	@$(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile

docs: .venv/.test
	@$(BIN)/python -m pytest -q tests/docs

faults: .venv/.test
	@FAULTS=long $(BIN)/python -m pytest -q tests/faults

failpoints: .venv/.test
	@FAILPOINTS=long $(BIN)/python -m pytest -q tests/failpoints

bench: .venv/.test
	@$(BIN)/python -m benchmarks

bench-quick: .venv/.test
	@$(BIN)/python -m benchmarks --quick

# What runs on node comes from npm's configured registry; whatever cannot be had is left out of the figures.
bench-peers: .venv/.test
	@$(BIN)/python -m benchmarks.peers

soak: .venv/.test
	@$(BIN)/python -m benchmarks.soak --hours $(HOURS)

# What is at work stands in tests/crash; a seed repeats what is tried, not the moment it meets.
crash: .venv/.test
	@PYTHONPATH=tests $(BIN)/python -m crash.loop --kills $(KILLS) $(if $(SEED),--seed $(SEED))

check: .venv/.check
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/python -m pytest -q tests/architecture

format: .venv/.check
	@$(BIN)/ruff check --fix --quiet .
	@$(BIN)/ruff format --quiet .

lock: .venv/.python
	@test -x build/lock/bin/pip-compile || { $(PY) -m venv build/lock && build/lock/bin/pip install -q pip-tools; }
	@CUSTOM_COMPILE_COMMAND='make lock' $(COMPILE) --upgrade -o requirements/build.txt requirements/build.in
	@CUSTOM_COMPILE_COMMAND='make lock' $(COMPILE) --upgrade -c requirements/build.txt \
	  -o requirements/run.txt pyproject.toml
	@CUSTOM_COMPILE_COMMAND='make lock' $(COMPILE) --upgrade -c requirements/build.txt -c requirements/run.txt \
	  --extra test -o requirements/test.txt pyproject.toml
	@CUSTOM_COMPILE_COMMAND='make lock' $(COMPILE) --upgrade -c requirements/build.txt -c requirements/test.txt \
	  --extra test --extra check -o requirements/check.txt pyproject.toml

clean:
	@rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage
	@find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

# Made over what is there, so that a half-made .venv is finished.
.venv/.python:
	@test -n '$(PY)' || { echo 'autoflow needs Python 3.11 to 3.14; if it is installed elsewhere: make PY=/path/to/python'; exit 1; }
	@$(PY) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PY) cannot make virtual environments. On Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@echo 'making .venv'
	@$(PY) -m venv .venv
	@touch $@

.venv/.run: .venv/.python requirements/build.txt requirements/run.txt pyproject.toml
	@echo 'installing autoflow'
	@$(INSTALL) requirements/build.txt
	@$(INSTALL) requirements/run.txt
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

.venv/.test: .venv/.run requirements/test.txt
	@echo 'installing the test tools'
	@$(INSTALL) requirements/test.txt
	@touch $@

.venv/.check: .venv/.test requirements/check.txt
	@echo 'installing the check tools'
	@$(INSTALL) requirements/check.txt
	@touch $@
