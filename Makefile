# Two commands for a newcomer: `make demo` and `make test`. Both set up a .venv in this checkout first.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: setup demo test test-all lint types format clean

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("smnas needs Python 3.11 or newer: make PYTHON=python3.12" \
	    if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	@date +%s > .venv/.began
	$(BIN)/pip install --quiet -c constraints.txt torch torchvision
	$(BIN)/pip install --quiet -c constraints.txt --editable '.[dev]'
	@expr $$(date +%s) - $$(cat .venv/.began) > $(READY)  # seconds; benchmarks/demo.py reads them

demo: $(READY)
	$(BIN)/smnas search trees --config examples/demo.json --workers 2 --out runs/demo

test: lint types
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist loadfile -m "not slow"

test-all: lint types
	-OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist loadfile --junit-xml=build/test-all.xml
	$(BIN)/python tools/sum_up_tests.py tests/full_counts.md build/test-all.xml
	@! grep -q '^Failed' tests/full_counts.md

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check --no-cache .

types: $(READY)
	$(BIN)/basedpyright

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf .venv runs build *.egg-info
