# Every target brings `.venv` up to date from poetry.lock first; nothing but a Python with pip or venv is needed.
# `make PYTHON=python3.13 test` takes another Python, `make run ARGS="--port 9000"` passes arguments on.

PYTHON ?= python3
WORKERS ?= 2
SECONDS ?= 30
KILLS ?= 200
MINUTES ?= 30
BIN := .venv/bin
BOOTSTRAP := $(PYTHON) scripts/bootstrap.py
CHECKED := src tests scripts
# Groups of tests that have a command of their own.
APART := docs faults scale browser
# Tests that show a requirement (s) or an attack (a) of the security plan have its number in their name.
NUMBERED := test_s0 or test_s1 or test_a0 or test_a1 or _s0 or _a0

.DEFAULT_GOAL := help
.PHONY: help run test coverage measured unmeasured slow attack faults scale browser bench check format migration docs reference versions build release-check clean

help: ## this list
	@echo "fam-auth: make TARGET"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-15s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## run the service for development, on SQLite, with a mailer that prints (ARGS=...)
	@$(BOOTSTRAP)
	FAM_AUTH_PROFILE=development $(BIN)/fam-auth serve $(ARGS)

test: ## run the tests but the slow ones, on SQLite and on a PostgreSQL of their own (ARGS=..., WORKERS=2)
	@$(BOOTSTRAP) --with dev
	$(BIN)/pytest -n $(WORKERS) --dist worksteal -m "not slow" $(APART:%=--ignore=tests/%) $(ARGS)

coverage: ## the same, and every branch of src is passed: 100 %, measured on PostgreSQL (ARGS=..., WORKERS=2)
	@$(MAKE) measured ARGS="$(ARGS)"
	@$(MAKE) unmeasured ARGS="$(ARGS)"

# The two halves of `coverage`. What has a twin that is measured runs without: measuring takes as long as the tests.
measured:
	@$(MAKE) test ARGS="-m 'not slow and not unmeasured' --cov --cov-report=term --cov-fail-under=100 $(ARGS)"

unmeasured:
	@$(MAKE) test ARGS="-m 'not slow and unmeasured' $(ARGS)"

slow: ## run what takes minutes: wheels in empty environments, oldest and newest versions, fuzzing
	@$(BOOTSTRAP) --with dev
	$(BIN)/pytest -p schemathesis -m slow $(ARGS)

attack: ## attack from outside, over HTTP: every attack and requirement by its number, races in 25 rounds, timing
	@$(BOOTSTRAP) --with dev
	FAM_AUTH_TEST_ROUNDS=25 $(BIN)/pytest -s tests/races tests/attacks/test_timing.py tests/attacks/test_timing_hooks.py $(ARGS)
	FAM_AUTH_TEST_OVER_HTTP=1 $(BIN)/pytest -n $(WORKERS) -m "not slow" -k "$(NUMBERED)" tests/stories tests/attacks tests/features $(ARGS)

faults: ## hurt a running service: database stopped, frozen, locked, read-only, workers killed, mail away (SECONDS=30 KILLS=200)
	@$(BOOTSTRAP) --with dev
	FAM_AUTH_TEST_SECONDS=$(SECONDS) FAM_AUTH_TEST_KILLS=$(KILLS) $(BIN)/pytest tests/faults $(ARGS)

bench: ## measure the speed beside that of other packages (ARGS="me logins storm startup")
	@$(BOOTSTRAP) --with dev
	$(BIN)/python benchmarks $(ARGS)

browser: ## look at the pages in Chromium: stories, accessibility, screenshots into docs/screenshots
	@$(BOOTSTRAP) --with dev --with browser
	@sh scripts/browser.sh
	$(BIN)/pytest -n $(WORKERS) tests/browser $(ARGS)

check: ## everything but the tests: lock file, style, types, import layers, English
	@$(BOOTSTRAP) --with dev
	@if command -v poetry >/dev/null; then poetry check --lock; fi
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy $(CHECKED)
	$(BIN)/lint-imports --no-logo
	$(BIN)/python scripts/prose.py

format: ## put the code in order: formatting, imports and what else ruff can mend
	@$(BOOTSTRAP) --with dev
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

migration: ## draft a migration: make migration feature=otp m="add drift"
	@test -n "$(feature)" -a -n "$(m)" || { echo 'make migration feature=NAME m="what it does"'; exit 2; }
	@$(BOOTSTRAP) --with dev
	$(BIN)/python scripts/migration.py "$(feature)" "$(m)"

docs: ## check the documentation against the code, and build it into site/ without a broken link
	@$(BOOTSTRAP) --with dev --with docs
	$(BIN)/pytest -n $(WORKERS) -m "not slow" tests/docs $(ARGS)
	$(BIN)/python scripts/site.py

scale: ## prove what more than one machine does: proxy, pooler, failover, a million users, soak (ARGS="-k soak" MINUTES=30)
	@$(BOOTSTRAP) --with dev
	FAM_AUTH_TEST_MINUTES=$(MINUTES) $(BIN)/pytest -s tests/scale $(ARGS)

reference: ## write the pages of the documentation that are made from the code
	@$(BOOTSTRAP) --with dev
	$(BIN)/python -m scripts.reference

versions: ## try a small host on the oldest and newest versions of everything, on every Python there is
	@$(BOOTSTRAP) --with dev
	$(BIN)/pytest -m slow tests/hosts/test_versions.py $(ARGS)

build: ## build wheel, source archive and SBOM into dist/, and look at them
	@$(BOOTSTRAP) --with release
	@$(BIN)/python -m scripts.release

release-check: check docs ## the same, and say what is lacking before a release may go out
	@$(BOOTSTRAP) --with dev --with release
	$(BIN)/pytest -m slow tests/kernel/test_wheel.py tests/docs/test_start.py
	@$(BIN)/python -m scripts.release --ready

clean: ## remove what these targets made, but .venv
	rm -rf dist site .cache htmlcov .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find src tests scripts migrations -type d -name __pycache__ -prune -exec rm -rf {} +
