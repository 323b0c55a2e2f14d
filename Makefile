# `make help` lists the targets. CI runs `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PYTHONDONTWRITEBYTECODE := 1
export NO_MKDOCS_2_WARNING := 1

.PHONY: help install demo up test lint types unit model model-long synth-tests local-tests long documents errors docs docs-serve picture bench format wheel release acceptance clean
.DEFAULT_GOAL := help

help: ## lists the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

install: $(READY) ## installs the virtual environment, Node and the CDK CLI, all pinned

$(READY): requirements.txt requirements-dev.txt constraints.txt pyproject.toml package-lock.json install.sh
	@PYTHON=$(PYTHON) VENV=$(VENV) sh install.sh
	@touch $@

demo: install ## deploys, changes and destroys the example app on the embedded AWS
	@python -m local_aws demo

up: install ## starts the embedded AWS; ORGANIZATION=file.json fills it
	@python -m local_aws up $(if $(ORGANIZATION),--organization $(ORGANIZATION))

test: lint types unit model synth-tests local-tests ## runs all that CI runs

lint: install ## checks rules and formatting with ruff
	ruff check .
	ruff format --check .

types: install ## checks types with mypy, strict
	mypy

unit: install ## tests the function, the local WorkMail, and every fault at every call
	pytest -n 2 tests/unit tests/faults

model: install ## tests the function under a model of CloudFormation
	pytest -n 2 tests/model

model-long: install ## the same for some hours, with other steps in each run
	pytest -n 2 --hypothesis-profile=model-long tests/model/test_nothing_is_lost.py

synth-tests: install ## tests templates, asset and wheel
	pytest -n 2 tests/synth

local-tests: install ## tests the CDK CLI and deployments on the embedded AWS
	pytest -n 2 tests/local

long: install ## runs the tests that take minutes and are not part of `make test`
	pytest -m long

documents: install ## writes the tables of docs/security.md from the templates
	WRITE_DOCUMENTS=1 pytest tests/synth/test_security_document.py

errors: install ## rewrites docs/errors.md from deployments that fail
	WRITE_DOCUMENTS=1 pytest -m long tests/local/test_errors.py

docs: install ## builds the documentation site, strictly, into build/site
	mkdocs build

docs-serve: install ## serves the site on http://127.0.0.1:8000
	mkdocs serve --dev-addr 127.0.0.1:8000

picture: install ## records docs/images/demo.svg from the demo
	@python -m local_aws demo --picture docs/images/demo.svg

bench: install ## compares with peers for half an hour and writes docs/benchmarks.md and its pictures
	@python -m benchmarks

format: install ## fixes with ruff what it can fix
	ruff check --fix .
	ruff format .

wheel: install ## builds dist/*.whl
	python -m build --wheel --no-isolation

release: install ## builds, checks and tries what is published; uploads nothing
	@sh release.sh

acceptance: install ## tries all in an AWS account: ORGANIZATION_ID=m-... [REGION=...] [EXPORT=1]
	@python -m tests.acceptance --organization-id "$(ORGANIZATION_ID)" \
	$(if $(REGION),--region "$(REGION)") $(if $(EXPORT),--export) $(if $(CLEAN_UP),--clean-up "$(CLEAN_UP)")

clean: ## removes what the other targets created
	rm -rf $(VENV) node_modules build dist *.egg-info install.log cdk.out .local_aws
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
