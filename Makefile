# Two commands set everything up on a fresh Debian or Ubuntu machine: `make demo` and `make test`.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
export PYTHON
.PHONY: help demo test lint bench lock migration new-plugin reference clean

help: ## Show what there is to make
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

demo: ## Install what is missing, then run tool, workers, JupyterHub and a demo LMS
	@config/install.sh demo
	@exec $(BIN)/coursebridge demo $(ARGS)

test: ## Install what is missing, then run every check
	@config/install.sh test
	@$(BIN)/python -m tests $(ARGS)

lint: ## Format and check style, types and floors
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: ## Run the benchmarks; rows go to benchmarks/latest.json
	@config/install.sh test
	@test -d benchmarks/node_modules/lighthouse || npm ci --prefix benchmarks --ignore-scripts --no-fund --no-audit --no-update-notifier --loglevel=error
	$(BIN)/python -m benchmarks $(ARGS)

lock: ## Resolve the versions of requirements.lock anew
	$(BIN)/pip-compile --quiet --all-extras --strip-extras --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
	  --no-header --upgrade --output-file requirements.lock pyproject.toml

migration: ## Write a migration from the models: make migration name=add_x
	$(BIN)/python -m lti_tool.app migration "$(name)"

new-plugin: ## Write the skeleton of a plugin: make new-plugin name=badges
	$(BIN)/python -m lti_tool.app new-plugin "$(name)"

reference: ## Write docs/reference anew from the code
	COLUMNS=80 $(BIN)/python -m lti_tool.app reference

clean: ## Remove what was installed and what ran
	rm -rf .venv var build dist benchmarks/node_modules tests/browser/node_modules config/hub/node_modules jupyter_ext/labextension/node_modules jupyter_ext/labextension/lib jupyter_ext/labextension/dist
