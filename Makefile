# What the project's users and its CI run. `make test` installs what the tests need: a Python virtual
# environment with the template linter, and, through signupctl itself, the local AWS emulator.

CARGO ?= cargo
PYTHON ?= python3
# The folder that cargo builds into, wherever it was set.
TARGET := $(shell $(CARGO) metadata --no-deps --format-version 1 --offline 2>/dev/null | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
LINT := $(or $(TARGET),target)/lint

.PHONY: test fmt clippy lint unit built deny advisories bench compare picture fuzz

# Everything that must hold.
test: fmt clippy lint unit

# Both workspaces; the lock file of the second is read by `make fuzz` alone, and must not fall behind unnoticed.
fmt:
	$(CARGO) fmt --all --check
	$(CARGO) fmt --manifest-path fuzz/Cargo.toml --check
	$(CARGO) metadata --manifest-path fuzz/Cargo.toml --format-version 1 --locked >/dev/null

# The second is the server as it is deployed, which no other build here is: without what tries it.
clippy:
	$(CARGO) clippy --workspace --all-targets --features signup-service/bench --locked -- --deny warnings
	$(CARGO) clippy --package signup-service --features server --bin server --locked -- --deny warnings

# The templates, by AWS's own linter: those that are deployed, and that of the role for a pipeline.
lint: $(LINT)/.complete
	$(LINT)/bin/cfn-lint stacks/*.yaml
	$(CARGO) run --quiet --locked -- policy -f examples/full.yaml --github example/sign-up >$(LINT)/role.yaml
	$(LINT)/bin/cfn-lint $(LINT)/role.yaml

$(LINT)/.complete: tests/lint-requirements.txt
	$(PYTHON) -m venv $(LINT)
	$(LINT)/bin/pip install --quiet --disable-pip-version-check --requirement tests/lint-requirements.txt
	touch $@

# All tests, one suite after the other: some wait for what is late only when another suite has the cores. The store's
# conformance suite runs against an emulator that stands for as long as they take.
unit: built
	tests/with-local-aws $(CARGO) test --workspace --locked

# One suite alone, such as `make test-topology`.
test-%: built
	tests/with-local-aws $(CARGO) test --workspace --locked --test $*

# The programs that the tests start.
built:
	$(CARGO) build --locked

# Licences, sources and bans of the dependencies (`cargo install cargo-deny`). Advisories need the network beyond
# the registry, and have a rule of their own.
deny:
	$(CARGO) deny check bans licenses sources

# What is known to be wrong with them, of which docs/inventory.md says how soon it is to be mended.
advisories:
	$(CARGO) deny check advisories

# What the function costs in Lambda beside an empty one, how many sign-ups one core takes beside a bare route, what an
# admin's pages cost with 100 users and with a million, and what the server takes beside a bare one. Linux, some minutes to
# build, four to run, and 3.5 GB of memory for the million; the second part and the last need `wrk` (Debian's package
# `wrk`), and the last the local AWS, which signupctl installs.
# The programs are built as `deploy` does with plain cargo, apart from the benches: what is measured is what ships.
HANDLER := $(or $(TARGET),target)/handler
SERVER := $(or $(TARGET),target)/server
bench:
	$(CARGO) build --profile handler --package signup-service --bin bootstrap --locked
	$(CARGO) build --profile handler --package signup-service --features bench --examples --locked
	$(CARGO) build --profile server --package signup-service --features try --bin server --locked
	$(CARGO) build --profile server --package signup-service --features bench --example bare-server --locked
	$(CARGO) build --locked
	$(HANDLER)/examples/bench-handler $(HANDLER)/bootstrap $(HANDLER)/examples/empty-handler
	$(HANDLER)/examples/bench-load
	$(HANDLER)/examples/bench-dashboard
	benches/server $(SERVER)/server $(SERVER)/examples/bare-server

# Draws docs/cost.svg anew, after a change of the prices or of what the templates hold.
picture:
	UPDATE_PICTURE=1 $(CARGO) test --workspace --locked --bin signupctl picture

# What deploying costs beside the AWS CLI and SAM CLI, on the local AWS. Linux; some minutes to build, and six to run.
compare:
	benches/compare

# Hostile inputs for everything that reads what a stranger can write, on stable Rust. Needs a C++ compiler, in which
# libFuzzer is written (Debian's package `g++`). What it finds is left in $(FUZZ), beside the inputs that reached
# something new; with those it begins the next time.
FUZZ := $(or $(TARGET),target)/fuzz
RUNS ?= 1000000
SEED ?= 1
HOST = $(shell rustc -vV | sed -n 's/^host: //p')
# What libFuzzer is told of a run: the edges it took, and both sides of every comparison.
COVERAGE := -Cpasses=sancov-module $(addprefix -Cllvm-args=-sanitizer-coverage-,level=4 inline-8bit-counters pc-table trace-compares)
fuzz:
	CARGO_TARGET_DIR=$(FUZZ) RUSTFLAGS="$(COVERAGE)" $(CARGO) build --manifest-path fuzz/Cargo.toml --target $(HOST) --locked
	mkdir -p $(FUZZ)/corpus
	$(FUZZ)/$(HOST)/debug/input -runs=$(RUNS) -seed=$(SEED) -timeout=10 -print_final_stats=1 -artifact_prefix=$(FUZZ)/ \
		$(FUZZ)/corpus fuzz/seeds
