# The one façade. `make` alone says what there is.
.DEFAULT_GOAL := help
.PHONY: help up test test-all bench simulate down dev lint docs lock pins changelog

# Ansible refuses other encodings. An ansible.cfg that is named is read even in a folder that others may write to.
export LC_ALL := C.UTF-8
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
# Ansible shows no progress in a pipe or a CI log without it.
export PYTHONUNBUFFERED := 1
export MOLECULE_GLOB := molecule/*/molecule.yml

PYTHON ?= python3
export PYTHON

BIN := .venv/bin
LOCAL := -i inventories/local
# Where the role puts the data plane unless it is told another folder.
DATA_PLANE := $(HOME)/.local/share/modelops-serving
# ARGS: more arguments for ansible-playbook, pytest or the bench. TESTS: a part of the tests.
ARGS ?=
TESTS ?=

help: ## Say what there is
	@echo 'Usage: make TARGET [PYTHON=python3.11] [ARGS="..."] [TESTS="tests/unit ..."]'
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' Makefile | expand -t 12

up: ## Bring up the request path on this machine, and prove it
	@tools/setup.sh up
	@$(BIN)/ansible-playbook $(LOCAL) playbooks/site.yml $(ARGS) </dev/null

test: ## Run what can be tested on this machine, but for tests that take minutes each
	@tools/setup.sh test
ifeq ($(TESTS),)
	@$(BIN)/python -m tests.whole_run $(ARGS) </dev/null
else
	@$(BIN)/python -m pytest $(TESTS) $(ARGS) </dev/null
endif

test-all: ## Run all tests, those as well
	@tools/setup.sh test
	@$(BIN)/python -m tests.whole_run --long $(ARGS) </dev/null

bench: ## Measure what the request path costs, and write docs/benchmarks.md (about sixteen minutes)
	@tools/setup.sh test
	@$(BIN)/python -m tools.bench $(ARGS) </dev/null

simulate: ## Simulate rollouts, ours against others, and write docs/simulation.md (about two minutes)
	@tools/setup.sh dev
	@$(BIN)/python -m tools.simulate $(ARGS) </dev/null

down: ## Remove what `make up` made
# With no ARGS, where nothing was made, nothing is installed only to remove it.
ifeq ($(ARGS)$(wildcard .venv $(DATA_PLANE)),)
	@echo 'There is nothing to remove: no .venv here, and no $(DATA_PLANE).'
else
	@tools/setup.sh up
	@$(BIN)/ansible-playbook $(LOCAL) playbooks/reset.yml $(ARGS) </dev/null
	@tools/setup.sh remove
endif

dev: ## Make .venv with the pinned tools of requirements-dev.txt
	@tools/setup.sh dev

lint: ## Run the linters alone
	@tools/setup.sh dev
	@$(BIN)/python -m pytest tests/house/test_lint.py $(ARGS) </dev/null

docs: ## Write the option tables in the roles' README files anew
	@tools/setup.sh dev
	@$(BIN)/python tools/role_docs.py

pins: ## List the pinned parts of which there is a newer version
	@tools/setup.sh dev
	@$(BIN)/python tools/newer_pins.py

lock: ## Write the checksums of all pinned versions anew
	@$(PYTHON) tools/pins.py

changelog: ## Turn changelogs/fragments/ into CHANGELOG.md for the version in galaxy.yml
	@tools/setup.sh dev
	@$(BIN)/antsibull-changelog release
