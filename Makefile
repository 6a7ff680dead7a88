# What the project's users and its CI run. `make test` installs what the tests need: a Python virtual
# environment with the template linter, and, through signupctl itself, the local AWS emulator.

CARGO ?= cargo
PYTHON ?= python3
# The folder that cargo builds into, wherever it was set.
TARGET := $(shell $(CARGO) metadata --no-deps --format-version 1 --offline 2>/dev/null | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
LINT := $(or $(TARGET),target)/lint

.PHONY: test fmt clippy lint unit deny

# Everything that must hold.
test: fmt clippy lint unit

fmt:
	$(CARGO) fmt --all --check

clippy:
	$(CARGO) clippy --workspace --all-targets --locked -- --deny warnings

# The templates, by AWS's own linter.
lint: $(LINT)/.complete
	$(LINT)/bin/cfn-lint stacks/*.yaml

$(LINT)/.complete: tests/lint-requirements.txt
	$(PYTHON) -m venv $(LINT)
	$(LINT)/bin/pip install --quiet --disable-pip-version-check --requirement tests/lint-requirements.txt
	touch $@

# All tests. The store's conformance suite runs against an emulator that stands for as long as they take.
unit:
	$(CARGO) build --locked
	tests/with-local-aws $(CARGO) test --workspace --locked

# Licences, sources and bans of the dependencies (`cargo install cargo-deny`). Advisories need the network beyond
# the registry: `cargo deny check` asks for them too.
deny:
	$(CARGO) deny check bans licenses sources
