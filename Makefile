# One door to the house. `make` alone says what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench soak lock
BIN := .venv/bin
NPM := deploy/setup/npm.sh run --silent
# Tests start some hundred processes of ours: compiled once, each is there half a second earlier.
unexport PYTHONDONTWRITEBYTECODE

help: ## say what there is
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/make \1\t\2/' | expand -t 14

setup: ## make .venv and build the console: all that running needs
	@deploy/setup/setup.sh

demo: setup ## run the demonstration park on this machine until Ctrl-C (ARGS=… for `stoplog demo`)
	@$(BIN)/stoplog demo $(ARGS)

test: ## install what tests need, then check, then every test
	@deploy/setup/test-packages.sh
	@deploy/setup/setup.sh with-tests
	@$(MAKE) --no-print-directory -j 2 -O types console style collected
	@$(PYTEST) -n $(WORKERS) $(TESTS) $(ARGS)
	@$(PYTEST) -n 2 $(PARKS) $(ARGS)
	@$(MAKE) --no-print-directory -j 2 -O faults benchmarks
	@$(BIN)/python -m tests.simulation --commands 20000
	@$(BIN)/python -m pytest $(DRILL) $(ARGS)

check: ## lint, types, import contracts; the console's lint, types and unit tests
	@deploy/setup/setup.sh with-tests
	@$(MAKE) --no-print-directory checks

bench: ## measure on an idle machine (ONLY=name, JSON=out.json, PEERS=1 for peers that are installed first)
	@deploy/setup/setup.sh with-tests
	@PEERS=$(PEERS) $(BIN)/python -m benchmarks $(if $(ONLY),--only $(ONLY)) $(if $(JSON),--json $(JSON)) $(ARGS)

soak: ## hours: the drill and faults over the data path, MINUTES=60 of each, a million commands, an outage, mutants
	@deploy/setup/test-packages.sh
	@deploy/setup/setup.sh with-tests
	@deploy/setup/soak.sh $(or $(MINUTES),60)

lock: ## resolve pyproject.toml anew into requirements/*.txt
	@deploy/setup/setup.sh with-tests
	@deploy/setup/lock.sh

# Side by side, a file to a worker: most of the service tests wait for sockets and broker rather than compute.
WORKERS := 4
PYTEST = $(BIN)/python -m pytest --dist loadfile --no-loadscope-reorder
TESTS = tests/test_tidy.py tests/unit tests/properties tests/spec tests/contract tests/service tests/simulation
# Each of these is a whole park on ten processes; two fit on two cores (three take as long), and a drill at sixty times real time
# wants both.
PARKS = tests/system --ignore=tests/system/test_headless.py --ignore=tests/system/test_outage.py --ignore=$(SMALL)
# Each of these kills its own few processes again and again, and mostly waits.
FAULTS = tests/faults
# Each benchmark once, at its small size: does it run?
SMALL = tests/system/test_benchmarks.py
# These two measure, and are alone while they do.
DRILL = tests/system/test_headless.py tests/system/test_outage.py

# Two at a time, each with its own output in one piece.
.PHONY: checks types console style collected faults benchmarks
checks:
	@$(MAKE) --no-print-directory -j 2 -O types console style

faults:
	@$(PYTEST) -n 3 $(FAULTS) $(ARGS)

# They take what the faults leave, which wait most of the time, and want the machine when they do not.
benchmarks:
	@nice -n 10 $(PYTEST) -n 2 $(SMALL) $(ARGS)

types:
	$(BIN)/mypy

console:
	$(NPM) typecheck
	$(NPM) lint
	$(NPM) test

style:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo

# Compiles every test once; otherwise each worker does. What cannot be imported is told by the worker that meets it.
collected:
	@$(BIN)/python -m pytest --collect-only -q tests >/dev/null 2>&1 || true
