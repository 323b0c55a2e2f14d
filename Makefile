# One target per thing a person does; `make help` lists them. CI runs `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PYTHONDONTWRITEBYTECODE := 1

.PHONY: help install demo up test lint types unit model model-long synth-tests local-tests long documents errors bench format wheel clean
.DEFAULT_GOAL := help

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

install: $(READY) ## virtual environment, Node and the CDK CLI, all pinned

$(READY): requirements.txt requirements-dev.txt constraints.txt pyproject.toml package-lock.json install.sh
	@PYTHON=$(PYTHON) VENV=$(VENV) sh install.sh
	@touch $@

demo: install ## deploys, changes and destroys the example app on the embedded AWS
	@python -m local_aws demo

up: install ## keeps the embedded AWS running for your own experiments
	@python -m local_aws up

test: lint types unit model synth-tests local-tests ## everything that CI runs

lint: install ## ruff: rules and formatting
	ruff check .
	ruff format --check .

types: install ## mypy, strict
	mypy

unit: install ## the function and the local WorkMail, without processes; every fault at every call
	pytest tests/unit tests/faults

model: install ## the function under a model of CloudFormation: 10,000 steps and more
	pytest -n 2 tests/model

model-long: install ## the same with other steps in each run, for some hours
	pytest -n 2 --hypothesis-profile=model-long tests/model -k nothing_is_lost

synth-tests: install ## templates, asset, wheel
	pytest -n 2 tests/synth

local-tests: install ## the real CLI and CloudFormation on the embedded AWS
	pytest -n 2 tests/local

long: install ## the tests that take minutes and are not part of `make test`
	pytest -m long

documents: install ## writes the tables of docs/security.md from the templates
	WRITE_DOCUMENTS=1 pytest tests/synth/test_security_document.py

errors: install ## writes docs/errors.md anew, from deployments that fail
	WRITE_DOCUMENTS=1 pytest -m long tests/local/test_errors.py

bench: install ## measures everything beside its peers, in about 20 minutes, and writes docs/benchmarks.md
	@python -m benchmarks

format: install ## lets ruff mend what it can
	ruff check --fix .
	ruff format .

wheel: install ## builds dist/*.whl
	rm -rf build
	python -m build --wheel

clean: ## removes what the other targets made
	rm -rf $(VENV) node_modules build dist cdk.out .local_aws *.egg-info
