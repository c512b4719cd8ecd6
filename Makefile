# Sluice. Plain `make` lists all targets.

TARGET := wasm32-unknown-unknown
SLUICE := target/release/sluice
OUT    := out
# The built-in transforms as machine code. Without it, the program compiles its transform at each start.
PRECOMPILED := $(dir $(SLUICE))precompiled
EVENTS := 1000000

# Duration in minutes. The default is 10 for `make soak` and `make soak-table`, and 1 per target for `make fuzz`.
MINUTES :=

# The redrive of `make demo`: by the active release of a registry, in the format of the lake.
REDRIVE := redrive --lake file:$(OUT)/parquet --reason invalid_field --registry file:$(OUT)/registry --format parquet --schema $(OUT)/schema.json

# The seed of `make soak` and `make soak-table`. The default is a random one.
SEED :=

# Arguments of `make bench`, such as BENCH_ARGS="--pairs 9 --only floor,swaps".
BENCH_ARGS :=

# The targets of `make fuzz`. The default is all of them.
TARGETS :=

# Readers of a lake that no one here wrote, in a Python environment of their own.
READERS      := target/readers
READERS_LIST := host/tests/readers/requirements.txt
# DuckDB's extension for Iceberg is published for an older version of it, so these have a folder of their own.
TABLE_READERS      := target/table-readers
TABLE_READERS_LIST := host/tests/table/readers/requirements.txt

GUEST_JS := host/examples/guest-js

# Tests of the console in a browser, and the browser.
CONSOLE_TESTS := host/console-tests
CHROMIUM      := $(firstword $(wildcard /usr/bin/chromium /usr/bin/chromium-browser /usr/bin/google-chrome))
IN_CONSOLE_TESTS = cd $(CONSOLE_TESTS) && SLUICE_TEST_PROGRAM=$(abspath $(SLUICE)) CHROMIUM=$(CHROMIUM)

# Every build selects the whole workspace and one profile, so that cargo builds each crate once, with the same
# features. With `-p`, features differ and wasmtime is built again.
CARGO_ALL := --release --locked --workspace

# The built-in transforms for WebAssembly, in the target folder of the program's build script.
CARGO_GUEST := --profile guest --locked --package guest-enrich --package guest-jq --package guest-copy --target $(TARGET) --target-dir target/guest

# `make build` moves debug information into a file next to the program, where backtraces and debuggers look for it.
OBJCOPY := objcopy

FIRST_BUILD := The first build takes 6 to 20 minutes on two cores: it compiles about 520 crates, including the \
WebAssembly runtime with its compiler and the AWS clients. Later builds compile only what has changed.

# A Lambda package: its architecture, and the settings and the transform that it contains.
HERE      := $(patsubst aarch64,arm64,$(shell uname -m))
ARCH      := $(HERE)
CONFIG    :=
TRANSFORM :=
MACHINE   := $(patsubst arm64,aarch64,$(ARCH))
CROSS     := $(if $(filter $(HERE),$(ARCH)),,$(MACHINE)-unknown-linux-gnu)
PACKAGE   := $(OUT)/lambda-$(ARCH)

help: ## list all targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "$(FIRST_BUILD)"

setup: ## check the tools, and install the WebAssembly target
	@command -v cargo >/dev/null || { echo "cargo is missing: install Rust with rustup first" >&2; exit 1; }
	@command -v cc >/dev/null || { echo "a C compiler is missing (zstd is built from source): install gcc or clang" >&2; exit 1; }
	@test -d "$$(rustc --print sysroot)/lib/rustlib/$(TARGET)/lib" || { echo "== installing the Rust target $(TARGET)"; rustup target add $(TARGET); }

build: setup ## build target/release/sluice with the built-in transforms
	@echo "== building sluice and its built-in transforms"
	@test -e $(SLUICE) || echo "$(FIRST_BUILD)"
	cargo build $(CARGO_ALL) --bin sluice
	@command -v $(OBJCOPY) >/dev/null || { echo "$(OBJCOPY) is missing: install binutils" >&2; exit 1; }
	@$(OBJCOPY) --only-keep-debug $(SLUICE) $(SLUICE).debug
	@$(OBJCOPY) --strip-all --add-gnu-debuglink=$(SLUICE).debug $(SLUICE) $(SLUICE).stripped
	@mv $(SLUICE).stripped $(SLUICE)
	@rm -rf $(PRECOMPILED) && $(SLUICE) transform precompile $(PRECOMPILED) >/dev/null

demo: build ## run a million events from a file through the sandbox into a lake and a bus, into a lake of Parquet and a table, and repair quarantine
	@rm -rf $(OUT)/events.ndjson $(OUT)/lake $(OUT)/bus $(OUT)/schema.json $(OUT)/columns.txt $(OUT)/parquet $(OUT)/parquet.warehouse $(OUT)/registry
	@echo; echo "== 1/17 generating $(EVENTS) events of 100 types, a thousandth of them malformed, in $(OUT)/events.ndjson"
	@$(SLUICE) generate --events $(EVENTS) --types 100 --seed 8 --malformed 0.1% --to file:$(OUT)/events.ndjson
	@echo; echo "== 2/17 running them through the transform into $(OUT)/lake and $(OUT)/bus"
	$(SLUICE) run --source file:$(OUT)/events.ndjson --lake file:$(OUT)/lake --bus file:$(OUT)/bus
	@echo; echo "== 3/17 running again: nothing is written twice"
	$(SLUICE) run --source file:$(OUT)/events.ndjson --lake file:$(OUT)/lake --bus file:$(OUT)/bus
	@echo; echo "== 4/17 auditing: each event must be in exactly one place"
	$(SLUICE) audit --source file:$(OUT)/events.ndjson --lake file:$(OUT)/lake --bus file:$(OUT)/bus
	@echo; echo "== 5/17 the result"
	@echo "an event of the source:   $$(head -n 1 $(OUT)/events.ndjson)"
	@echo "its message on the bus:   $$(cat $(OUT)/bus/*.ndjson | head -n 1)"
	@echo "partitions of the lake:   $$(ls -d $(OUT)/lake/event_type=* | wc -l), such as $$(ls -d $(OUT)/lake/event_type=* | head -n 1)"
	@echo "what its chunks say:      $$(ls $(OUT)/lake/_sluice/chunks/*/*.json | wc -l) chunk manifests, such as $$(ls $(OUT)/lake/_sluice/chunks/*/*.json | head -n 1)"
	@echo; echo "== 6/17 trying other rules, a text in jq, on two events: nothing is written"
	$(SLUICE) transform try --jq 'del(.user_id) | .day = (.created_at | todate[:10])' --limit 2 $(OUT)/events.ndjson
	@echo; echo "== 7/17 inferring the columns of the events in $(OUT)/lake"
	$(SLUICE) schema infer --lake file:$(OUT)/lake --output $(OUT)/schema.json >$(OUT)/columns.txt
	@tail -n 1 $(OUT)/columns.txt
	@echo "what was found in each type of events: $(OUT)/columns.txt"
	@echo; echo "== 8/17 running the events again, into a second lake, as Parquet with these columns"
	$(SLUICE) run --source file:$(OUT)/events.ndjson --lake file:$(OUT)/parquet --bus none --format parquet --schema $(OUT)/schema.json
	@echo; echo "== 9/17 auditing it: each column must have the values that the schema makes of the event"
	$(SLUICE) audit --source file:$(OUT)/events.ndjson --lake file:$(OUT)/parquet
	@echo; echo "== 10/17 building a table of the lake, for query engines: an Iceberg table with a catalog in $(OUT)/parquet.warehouse"
	$(SLUICE) table create --lake file:$(OUT)/parquet --schema $(OUT)/schema.json
	$(SLUICE) table sync --lake file:$(OUT)/parquet
	@echo; echo "== 11/17 auditing the table: its rows must be the events of the lake, each of them once"
	$(SLUICE) audit --table --lake file:$(OUT)/parquet
	@echo; echo "== 12/17 reading the table"
	@if [ -x $(TABLE_READERS)/bin/python ]; \
	then $(TABLE_READERS)/bin/python host/examples/query_table.py $(OUT)/parquet.warehouse; \
	else echo "pyiceberg is not installed (make readers-setup), so here is what the table says of itself:"; fi
	$(SLUICE) table status --lake file:$(OUT)/parquet
	@echo; echo "== 13/17 looking at the malformed events, which are in quarantine"
	$(SLUICE) quarantine list --lake file:$(OUT)/parquet
	$(SLUICE) quarantine sample --lake file:$(OUT)/parquet --reason invalid_field --per-reason 2 --payload
	@echo; echo "== 14/17 publishing rules that take a time as text too, and trying what they make of the events: nothing is written"
	$(SLUICE) transform publish builtin:enrich --transform-config '{"time_format":"auto"}' --registry file:$(OUT)/registry >$(OUT)/release.txt
	$(SLUICE) transform activate "$$(cat $(OUT)/release.txt)" --registry file:$(OUT)/registry
	$(SLUICE) $(REDRIVE) --dry-run
	@echo; echo "== 15/17 redriving: what these rules take lands in the same lake, and the rest is quarantined again"
	$(SLUICE) $(REDRIVE)
	@echo; echo "== 16/17 auditing the lake, adding the events to the table, and auditing the table: each record is in one place, the newest"
	$(SLUICE) audit --source file:$(OUT)/events.ndjson --lake file:$(OUT)/parquet
	$(SLUICE) table sync --lake file:$(OUT)/parquet
	$(SLUICE) audit --table --lake file:$(OUT)/parquet
	@echo; echo "== 17/17 looking at it in the console"
	@host/examples/console_overview.sh $(SLUICE) --lake file:$(OUT)/parquet --registry file:$(OUT)/registry
	@echo; echo "demo: done; the events are in $(OUT)/lake as lines, in $(OUT)/parquet as Parquet, and in the table sluice.events, each of them once"
	@echo "demo: to see it in a browser, run $(SLUICE) console --lake file:$(OUT)/parquet --registry file:$(OUT)/registry --show-payloads --open"

demo-aws: build ## run a worker on a million events with stand-ins for Kinesis, S3 and SQS, archive them, and build a table in an Iceberg REST catalog
	@echo "== building the stand-ins"
	cargo build $(CARGO_ALL) --example demo-aws
	@echo; target/release/examples/demo-aws $(SLUICE) $(OUT)/aws $(EVENTS) $(TABLE_READERS)/bin/python

lambda: build $(CROSS:%=cross) ## build a Lambda package, out/lambda-ARCH.zip (ARCH=arm64, CONFIG=sluice.toml, TRANSFORM=x.wasm, JQ=rules.jq)
	@echo "== packing $(PACKAGE).zip"
	@rm -rf $(PACKAGE) && mkdir -p $(PACKAGE)
	$(CROSS:%=$(MACHINE)-linux-gnu-)strip -o $(PACKAGE)/bootstrap target/$(CROSS:%=%/)release/sluice
	$(if $(CROSS),,$(SLUICE) transform precompile $(PACKAGE)/precompiled $(TRANSFORM:%=--transform %) $(if $(TRANSFORM),,$(JQ:%=--transform builtin:jq)))
	$(if $(CONFIG),cp $(CONFIG) $(PACKAGE)/sluice.toml)
	$(if $(filter-out builtin:%,$(TRANSFORM)),cp $(TRANSFORM) $(PACKAGE)/transform.wasm)
	$(if $(JQ),cp $(JQ) $(PACKAGE)/rules.jq)
	cargo build --quiet $(CARGO_ALL) --bin package-lambda
	target/release/package-lambda $(PACKAGE).zip $(PACKAGE)

cross: setup
	@command -v $(MACHINE)-linux-gnu-gcc >/dev/null || { echo "a C compiler for $(ARCH) is missing: install gcc-$(subst _,-,$(MACHINE))-linux-gnu" >&2; exit 1; }
	rustup target add $(CROSS)
	CARGO_TARGET_$(shell echo $(CROSS) | tr a-z- A-Z_)_LINKER=$(MACHINE)-linux-gnu-gcc cargo build $(CARGO_ALL) --bin sluice --target $(CROSS)

test: setup ## run all tests
	@echo "== building sluice and its tests"
	@test -e $(SLUICE) || echo "$(FIRST_BUILD)"
	cargo test $(CARGO_ALL) --no-run
	@echo "== testing"
	cargo test $(CARGO_ALL)
	@if $(MAKE) --no-print-directory readers-setup; \
	then $(MAKE) --no-print-directory readers && echo && echo "test: all tests passed"; \
	else echo; echo "test: all tests passed, but lakes were not read with DuckDB, Polars and pyarrow, queues not with boto3, and tables not with pyiceberg: they are missing"; fi

readers: setup readers-setup ## read lakes with DuckDB, Polars and pyarrow, queues with boto3, and tables with pyiceberg and DuckDB (part of `make test`)
	@echo "== reading lakes of nasty events with DuckDB, Polars and pyarrow, queues with boto3, and tables with pyiceberg and DuckDB"
	SLUICE_READERS_PYTHON=$(abspath $(READERS))/bin/python SLUICE_TABLE_READERS_PYTHON=$(abspath $(TABLE_READERS))/bin/python \
		cargo test $(CARGO_ALL) --test main -- readers:: --ignored

readers-setup:
	@command -v python3 >/dev/null || { echo "python3 is missing: install it to read lakes with other readers" >&2; exit 1; }
	@install() { cmp -s $$2 $$1/requirements.txt || { \
		echo "== installing $$3 in $$1 (about $$4)"; \
		python3 -m venv --clear $$1 && \
		$$1/bin/python -m pip install --quiet --disable-pip-version-check --only-binary :all: -r $$2 && \
		cp $$2 $$1/requirements.txt; }; }; \
	install $(READERS) $(READERS_LIST) "DuckDB, Polars, pyarrow and boto3" "170 MB" && \
	install $(TABLE_READERS) $(TABLE_READERS_LIST) "pyiceberg, DuckDB with its extensions, and ministack" "500 MB"

test-console: build test-console-setup ## test the console in a browser, against a worker with stand-ins for AWS (needs Node 20 with npm, and Chromium or Chrome; CHROMIUM=FILE)
	@echo "== testing the console in $(CHROMIUM)"
	$(IN_CONSOLE_TESTS) node --test --test-concurrency=1 tests/*.test.js

console-screenshots: build test-console-setup ## take the screenshots of the console in docs/images (needs the same)
	$(IN_CONSOLE_TESTS) node screenshots.js $(abspath docs/images)

test-console-setup:
	@command -v npm >/dev/null || { echo "npm is missing: install Node 20 or later" >&2; exit 1; }
	@test -x "$(CHROMIUM)" || { echo "Chromium is missing: install it, or give CHROMIUM=FILE" >&2; exit 1; }
	@echo "== building the stand-ins"
	cargo build $(CARGO_ALL) --example stand-ins
	@cmp -s $(CONSOLE_TESTS)/package-lock.json $(CONSOLE_TESTS)/node_modules/installed.json || { \
		echo "== installing Playwright and axe in $(CONSOLE_TESTS)/node_modules (about 15 MB)" && \
		cd $(CONSOLE_TESTS) && npm ci --no-audit --no-fund && cp package-lock.json node_modules/installed.json; }

SOAK := SLUICE_SOAK_MINUTES=$(or $(MINUTES),10) SLUICE_SOAK_SEED=$(SEED) cargo test $(CARGO_ALL) --test main --

soak: setup ## kill, freeze and stop hosts and builders under load, then check lake and table (MINUTES=10, SEED=7)
	@echo "== building the program and the tests"
	cargo test $(CARGO_ALL) --test main --no-run
	@echo "== $(or $(MINUTES),10) minutes of kills, freezes, stops, faults, reshards and release switches under load; a line every 15 s"
	$(SOAK) soak::each_record_lands_once_whatever_happens --exact --nocapture

soak-table: setup ## kill runs over files and builders of a table at random, then check lake and table (MINUTES=10, SEED=7)
	@echo "== building the program and the tests"
	cargo test $(CARGO_ALL) --test main --no-run
	@echo "== $(or $(MINUTES),10) minutes of kills and freezes of runs and builders"
	@if [ -x $(TABLE_READERS)/bin/python ]; \
	then SLUICE_TABLE_READERS_PYTHON=$(abspath $(TABLE_READERS))/bin/python \
		$(SOAK) table::readers::foreign::kills_and_a_foreign_writer_at_once_change_nothing --exact --ignored --nocapture; \
	else echo "pyiceberg is not installed (make readers-setup), so no other program writes to the table"; \
		$(SOAK) table::kills_together::runs_and_builders_that_are_killed_keep_each_event_once --exact --nocapture; fi

bench: lambda ## measure parts and whole runs, and compare them with the goals (BENCH_ARGS="--help" lists options)
	@echo "== building the benchmarks"
	cargo bench --locked --workspace --no-run
	@echo "== measuring the parts"
	cargo bench --locked --workspace --bench parts -- --noplot --quiet
	@echo "== measuring whole runs and the goals"
	cargo bench --locked --workspace --bench goals -- --folder $(abspath $(OUT)/bench) --package $(abspath $(PACKAGE)) $(BENCH_ARGS)

fuzz: setup ## fuzz all readers of foreign bytes with libFuzzer (TARGETS="config keys", MINUTES=10; needs a C++ compiler)
	@command -v c++ >/dev/null || { echo "a C++ compiler is missing (libFuzzer is built from source): install g++ or clang" >&2; exit 1; }
	RUSTC_WORKSPACE_WRAPPER=$(abspath host/fuzz/rustc.sh) cargo build --profile fuzz --locked --package sluice-fuzz --features libfuzzer --bin fuzz
	host/fuzz/run.sh target/fuzz/fuzz $(OUT)/fuzz $$((60 * $(or $(MINUTES),1))) $(or $(TARGETS),$(notdir $(wildcard host/fuzz/corpus/*)))

sanitize: setup ## run the tests of the only unsafe code of the hot path, in json-scan, with AddressSanitizer
	RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Zsanitizer=address" cargo test --release --locked --package json-scan --lib \
		--target $(shell uname -m)-unknown-linux-gnu --target-dir target/sanitize

guest: build ## write the built-in transforms to target/enrich.wasm, target/jq.wasm and target/copy.wasm
	for name in enrich jq copy; do $(SLUICE) transform export target/$$name.wasm --transform builtin:$$name || exit 1; done

guest-js: build ## build the same transform from JavaScript, target/guest-js.wasm, compare both, and build a new package (needs npm)
	@command -v npm >/dev/null || { echo "npm is missing: install Node 20 or later" >&2; exit 1; }
	cd $(GUEST_JS) && npm ci --no-audit --no-fund && npm run build
	node $(GUEST_JS)/check.js $(SLUICE) target/guest-js.wasm $(OUT)/guest-js
	SLUICE_NODE_MODULES=$(abspath $(GUEST_JS))/node_modules cargo test $(CARGO_ALL) --test main -- author::languages:: --ignored

component: setup ## build the transform with cargo-component
	@cargo component --version >/dev/null 2>&1 || { echo "cargo component is missing: cargo install cargo-component --locked" >&2; exit 1; }
	cargo component build --release --locked --package guest-enrich --target $(TARGET)

lint: setup ## check format, clippy and documentation; warnings are errors
	cargo fmt --all --check
	cargo clippy $(CARGO_ALL) --all-targets -- -D warnings
	cargo clippy $(CARGO_GUEST) -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc $(CARGO_ALL) --no-deps --quiet

terraform-check: ## check terraform/ without an account (skips and lists checks whose tool is missing)
	@terraform/check/all.sh

monitoring-check: ## check the alerts and the dashboard in docs/monitoring with promtool (skips and lists checks whose tool is missing)
	@.ci/check-monitoring

workflows-check: ## check the workflows and the Dockerfile of the public CI (skips and lists checks whose tool is missing)
	@.ci/check-workflows

clean: ## remove out/, the output of the targets above
	rm -rf $(OUT)

.PHONY: help setup build demo demo-aws lambda cross test readers readers-setup test-console test-console-setup console-screenshots soak soak-table bench fuzz sanitize guest guest-js component lint terraform-check monitoring-check workflows-check clean
