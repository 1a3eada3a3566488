# Every target here is called by .ci/run or by a test. `make help` prints this list.
PYTHON ?= python3
CLIENT ?= demo
OUT ?= reports
PICTURES ?= docs
BIN := .venv/bin
# The stamp names the folder: a project that was moved or copied sets itself up anew.
READY := .venv/.ready-$(shell echo "$(CURDIR)" | cksum | cut -d" " -f1)

.DEFAULT_GOAL := help
.PHONY: help setup report reports test lint check bench picture lab

help:  ## print this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | awk -F '\t' '{printf "make %-9s %s\n", $$1, $$2}'

setup: $(READY)  ## make .venv with every locked package

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or later is needed; say which with make PYTHON=python3.12"; exit 2; }
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

report: $(READY)  ## make a client's report: make report CLIENT=cdnow
	@$(BIN)/cam report $(CLIENT) --out $(OUT)

reports: $(READY)  ## make the report of every client in params/
	@$(BIN)/cam reports --out $(OUT)

test: $(READY)  ## run the tests that take seconds
	@$(BIN)/python -m pytest -n 2 --dist loadgroup -m "not slow"

lint: $(READY)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

check: lint test  ## lint, types, tests and slow proofs: what CI runs
	@$(BIN)/python -m pytest -n 2 --dist loadgroup -m slow

bench: $(READY)  ## measure speed and memory; writes benchmarks/README.md's tables
	@$(BIN)/python benchmarks/run.py $(BENCH_OPTIONS)

picture: report  ## take the README's pictures anew, from the demo report in both languages (needs Chromium)
	@$(BIN)/cam report $(CLIENT) --language zh --out $(OUT)/.zh
	@PYTHONPATH=tests $(BIN)/python tests/report/browser.py $(OUT)/$(CLIENT)/index.html $(PICTURES)/overview-en.png
	@PYTHONPATH=tests $(BIN)/python tests/report/browser.py $(OUT)/.zh/$(CLIENT)/index.html $(PICTURES)/overview-zh.png

lab: $(READY)  ## open the notebooks in JupyterLab
	@$(BIN)/jupyter lab $(LAB_OPTIONS) notebooks
