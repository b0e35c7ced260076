# Each target is a line or two over cargo. `make` alone lists them: a target shows up there when `##` and a
# sentence follow it.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run test check create-db drop-db split-silo-database fmt bench soak fuzz install clean tools

# What `make run` adds to the command: make run ARGS="--silo=region 127.0.0.1:9000"
ARGS ?=

# How long `make soak` goes on, in seconds.
FOR ?= 600

# What `make fuzz` runs, and for how many seconds each.
FUZZ ?= config expressions protocol splitter sanitise
EACH ?= 60

# `make run` takes the dev build: two thirds of the work of a release build, most of it already done by `make test`.
DEVSERVER := target/debug/devserver

# Kept here, so that neither your own version nor ours is in the other's way. Without optimisation it builds
# in a quarter of the time, and still checks in a second.
DENY := target/tools/bin/cargo-deny
DENY_VERSION := 0.20.2

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-19s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: tools ## Build, set up, and run both silos of the example with beat, workers and ingest (ARGS="…" adds to it)
	@cargo build --quiet --locked
	@$(DEVSERVER) --silo=control,region --celery-beat --workers --ingest $(ARGS)

test: tools ## Every test; the last line counts them
	@cargo fetch --quiet --locked
	@mkdir -p target
	@status=0; if test -t 1; then export CARGO_TERM_COLOR=always; fi; \
	cargo test --locked --no-fail-fast --features test-fakes 2>&1 | tee target/test.log || status=$$?; \
	awk '/^test result: / { passed += $$4; failed += $$6 } \
		END { if (passed + failed) printf "\n%d tests passed, %d failed\n", passed, failed; \
		      else print "\nno test ran" }' target/test.log; \
	exit $$status

check: $(DENY) ## Format, lints, docs, licences and sources: all that must hold before a commit
	cargo fmt --check
	cargo clippy --locked --all-targets --all-features -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --all-features
	$(DENY) --locked check bans licenses sources

create-db: ## Make the databases of the monolith and of every silo (ARGS="--url=…")
	@cargo build --quiet --locked
	@$(DEVSERVER) db create $(ARGS)

drop-db: ## Drop them, after a question
	@cargo build --quiet --locked
	@$(DEVSERVER) db drop $(ARGS)

split-silo-database: ## Split the monolith's database into those of the silos
	@bin/split-silo-database $(ARGS)

fmt: ## Format the code
	cargo fmt

bench: ## Measure (benches/)
	@ls benches/*.rs >/dev/null 2>&1 || { echo "there is nothing in benches/ to measure" >&2; exit 1; }
	cargo bench --locked --features test-fakes

soak: ## Endings at random moments, and random worlds, for FOR=600 seconds (SEED=… repeats the endings)
	@DEVSERVER_SOAK=$(FOR) DEVSERVER_SEED=$(SEED) cargo test --locked --quiet --features test-fakes --test main -- \
		--nocapture soak:: simulation::worlds

fuzz: ## Each fuzz target for a minute (EACH=60 seconds, FUZZ="config …")
	@command -v cargo-fuzz >/dev/null || { echo "error: no cargo-fuzz; help: cargo install --locked cargo-fuzz" >&2; exit 1; }
	@rustup toolchain list | grep -q ^nightly || { echo "error: no nightly; help: rustup toolchain install nightly" >&2; exit 1; }
	@for target in $(FUZZ); do mkdir -p fuzz/corpus/$$target; echo "--- $$target, $(EACH) s"; \
		cargo +nightly fuzz run --sanitizer none $$target fuzz/corpus/$$target fuzz/seeds/$$target -- -max_total_time=$(EACH) \
			-max_len=4096 -timeout=10 -rss_limit_mb=4096 -verbosity=0 -print_funcs=0 -print_final_stats=1; done

install: ## Install the devserver command into ~/.cargo/bin
	cargo install --locked --path .

clean: ## Remove what was built
	cargo clean

# What must be on the machine. Everything missing is named at once, with the command that installs it.
tools:
	@missing=""; packages=""; formulas=""; \
	command -v cargo >/dev/null || missing="$$missing\n  cargo: Rust, from https://rustup.rs"; \
	if ! command -v python3 >/dev/null; then \
		missing="$$missing\n  python3: the example's Django and Celery"; packages="$$packages python3 python3-venv"; formulas="$$formulas python"; \
	elif ! python3 -c 'import venv, ensurepip' 2>/dev/null; then \
		missing="$$missing\n  python3's venv module: the example's virtual environment"; packages="$$packages python3-venv"; formulas="$$formulas python"; \
	fi; \
	if ! command -v node >/dev/null; then \
		missing="$$missing\n  node: the example's webpack"; packages="$$packages nodejs"; formulas="$$formulas node"; \
	fi; \
	if ! command -v npm >/dev/null; then \
		missing="$$missing\n  npm: the example's webpack"; packages="$$packages npm"; formulas="$${formulas% node} node"; \
	fi; \
	test -n "$$missing" || exit 0; \
	printf 'error: not on this machine:%b\n' "$$missing" >&2; \
	if test -z "$$packages"; then :; \
	elif test "$$(uname -s)" = Darwin; then echo "  help: brew install$$formulas" >&2; \
	elif command -v apt-get >/dev/null; then echo "  help: sudo apt-get install$$packages" >&2; \
	else echo "  help: install them with your system's package manager (on Debian: apt-get install$$packages)" >&2; fi; \
	exit 1

$(DENY):
	@echo "building cargo-deny $(DENY_VERSION), once (about a minute)"
	@CARGO_PROFILE_DEV_DEBUG=0 cargo install --quiet --locked --debug --root target/tools cargo-deny@$(DENY_VERSION)
