# Every target brings `.venv` up to date from poetry.lock first; nothing but a Python with pip or venv is needed.
# `make PYTHON=python3.13 test` takes another Python, `make run ARGS="--port 9000"` passes arguments on.

PYTHON ?= python3
WORKERS ?= 2
SECONDS ?= 30
BIN := .venv/bin
BOOTSTRAP := $(PYTHON) scripts/bootstrap.py
CHECKED := src tests scripts

.DEFAULT_GOAL := help
.PHONY: help run test coverage slow attack faults browser check format migration docs build clean

help: ## this list
	@echo "fam-auth: make TARGET"
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-11s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## run the service for development, on SQLite, with a mailer that prints (ARGS=...)
	@$(BOOTSTRAP)
	FAM_AUTH_PROFILE=development $(BIN)/fam-auth serve $(ARGS)

test: ## run the tests but the slow ones, on SQLite and on a PostgreSQL of their own (ARGS=..., WORKERS=2)
	@$(BOOTSTRAP) --with dev
	$(BIN)/pytest -n $(WORKERS) -m "not slow" --ignore=tests/faults --ignore=tests/browser $(ARGS)

coverage: ## the same, and every branch of src is passed: 100 %
	@$(MAKE) test ARGS="--cov --cov-report=term --cov-fail-under=100 $(ARGS)"

slow: ## run what takes minutes: wheels in empty environments, oldest and newest versions, fuzzing
	@$(BOOTSTRAP) --with dev
	$(BIN)/pytest -p schemathesis -m slow $(ARGS)

attack: ## attack a running service from outside: races in 25 rounds over two processes, timing, headers
	@$(BOOTSTRAP) --with dev
	FAM_AUTH_TEST_ROUNDS=25 $(BIN)/pytest -s tests/races tests/attacks $(ARGS)

faults: ## hurt a running service: database stopped, frozen, locked, read-only, workers killed, mail away (SECONDS=30)
	@$(BOOTSTRAP) --with dev
	FAM_AUTH_TEST_SECONDS=$(SECONDS) $(BIN)/pytest tests/faults $(ARGS)

browser: ## look at the pages in Chromium: stories, accessibility, screenshots into docs/screenshots
	@$(BOOTSTRAP) --with dev --with browser
	@sh scripts/browser.sh
	$(BIN)/pytest -n $(WORKERS) tests/browser $(ARGS)

check: ## everything but the tests: lock file, style, types, who imports whom
	@$(BOOTSTRAP) --with dev
	@if command -v poetry >/dev/null; then poetry check --lock; fi
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy $(CHECKED)
	$(BIN)/lint-imports --no-logo

format: ## put the code in order: formatting, imports and what else ruff can mend
	@$(BOOTSTRAP) --with dev
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

migration: ## draft a migration: make migration feature=otp m="add drift"
	@test -n "$(feature)" -a -n "$(m)" || { echo 'make migration feature=NAME m="what it does"'; exit 2; }
	@$(BOOTSTRAP) --with dev
	$(BIN)/python scripts/migration.py "$(feature)" "$(m)"

docs: ## check the documentation against the code
	@$(BOOTSTRAP) --with dev
	@if test -d tests/docs; then $(BIN)/pytest tests/docs; else echo "No documentation to check yet."; fi

build: ## build the wheel and the source archive into dist/
	@$(BOOTSTRAP)
	@$(BIN)/python -c "from poetry.core.masonry import api as build; [print('dist/' + make('dist')) for make in (build.build_sdist, build.build_wheel)]"

clean: ## remove what these targets made, but .venv
	rm -rf dist htmlcov .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find src tests scripts migrations -type d -name __pycache__ -prune -exec rm -rf {} +
