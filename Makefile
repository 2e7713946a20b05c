# Everything a person or CI does with this repository. `make run` needs Rust and a C compiler, nothing else;
# `make test` needs servers besides, which it finds or installs (scripts/servers.sh).
# CARGO_TARGET_DIR, FLOODMARK_INPUTS and ARGS (arguments of the demo) are passed through.

CARGO ?= cargo
.DEFAULT_GOAL := help
.PHONY: help run servers test soak check bench clean tools lint-tools

help: ## Lists the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-8s %s\n", $$1, $$2 }'

tools:
	@scripts/require.sh build

lint-tools: tools
	@scripts/require.sh lint

run: tools ## Builds Floodmark and watches this machine with it (Ctrl-C stops it)
	$(CARGO) run --locked -p floodmark -- demo $(ARGS)

servers: ## Finds or installs the servers that tests use; says nothing when they are there
	@scripts/servers.sh

test: tools ## Runs every test on real servers; the last lines are the runner's summary
	@scripts/test.sh

soak: tools ## Kills servers and program for about an hour; FLOODMARK_TEST_KILLS=1000 takes longer
	@scripts/soak.sh

check: lint-tools ## Format, clippy, documentation and architecture, warnings as errors
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --no-deps
	$(CARGO) test --locked -p floodmark-tests --test architecture

bench: tools ## Runs the benchmarks (release build: the first time takes minutes)
	$(CARGO) bench --locked --workspace --benches
	$(CARGO) run --locked --release -p floodmark -- bench

clean: ## Removes what was built; recorded data stays
	$(CARGO) clean
