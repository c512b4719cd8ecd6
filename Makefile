# Sluice. Plain `make` lists what can be made.

TARGET := wasm32-unknown-unknown
SLUICE := target/release/sluice
OUT    := out
# The built-in transform as machine code, so that the program need not compile it at each start.
PRECOMPILED := $(dir $(SLUICE))precompiled
EVENTS := 1000000

# How long: `make soak` takes 10 minutes, `make fuzz` one for each target, if nothing is said.
MINUTES :=

# The seed of `make soak`; a new one if none is given.
SEED :=

# What `make bench` is told, such as BENCH_ARGS="--pairs 9 --only floor,swaps".
BENCH_ARGS :=

# What `make fuzz` feeds; all there is, without it.
TARGETS :=

GUEST_JS := host/examples/guest-js

# Every build selects the whole workspace and one profile, so that cargo gives each crate the same features
# each time and builds it once. `-p` would choose other features, and build wasmtime again.
CARGO_ALL := --release --locked --workspace

# The transform for WebAssembly, in the folder where the program's build script builds it.
CARGO_GUEST := --profile guest --locked --package guest-enrich --target $(TARGET) --target-dir target/guest

# The debug information goes into a file beside the program, where backtraces and debuggers look for it.
OBJCOPY := objcopy

FIRST_BUILD := The first build takes FIRST_BUILD_RANGE on two cores: it compiles some 350 crates, among them the \
WebAssembly runtime with its compiler and the AWS clients. Later builds compile only what has changed.

# A Lambda package: for which architecture, and what goes in beside the program.
HERE      := $(patsubst aarch64,arm64,$(shell uname -m))
ARCH      := $(HERE)
CONFIG    :=
TRANSFORM :=
MACHINE   := $(patsubst arm64,aarch64,$(ARCH))
CROSS     := $(if $(filter $(HERE),$(ARCH)),,$(MACHINE)-unknown-linux-gnu)
PACKAGE   := $(OUT)/lambda-$(ARCH)

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "$(FIRST_BUILD)"

setup: ## make sure that the WebAssembly target is installed
	@command -v cargo >/dev/null || { echo "cargo is missing: install Rust with rustup first" >&2; exit 1; }
	@command -v cc >/dev/null || { echo "a C compiler is missing (zstd is built from source): install gcc or clang" >&2; exit 1; }
	@test -d "$$(rustc --print sysroot)/lib/rustlib/$(TARGET)/lib" || { echo "== installing the Rust target $(TARGET)"; rustup target add $(TARGET); }

build: setup ## build target/release/sluice, stripped, the transform inside
	@echo "== building sluice and the transform in it"
	@test -e $(SLUICE) || echo "$(FIRST_BUILD)"
	cargo build $(CARGO_ALL) --bin sluice
	@command -v $(OBJCOPY) >/dev/null || { echo "$(OBJCOPY) is missing: install binutils" >&2; exit 1; }
	@$(OBJCOPY) --only-keep-debug $(SLUICE) $(SLUICE).debug
	@$(OBJCOPY) --strip-all --add-gnu-debuglink=$(SLUICE).debug $(SLUICE) $(SLUICE).stripped
	@mv $(SLUICE).stripped $(SLUICE)
	@rm -rf $(PRECOMPILED) && $(SLUICE) transform precompile $(PRECOMPILED) >/dev/null

demo: build ## a million events from a file, through the sandbox, into a lake and onto a bus
	@rm -rf $(OUT)/events.ndjson $(OUT)/lake $(OUT)/bus
	@echo; echo "== 1/4 making $(EVENTS) events of 100 types in $(OUT)/events.ndjson"
	@$(SLUICE) generate --events $(EVENTS) --types 100 --seed 7 --to file:$(OUT)/events.ndjson
	@echo; echo "== 2/4 through the transform into $(OUT)/lake and $(OUT)/bus"
	$(SLUICE) run --source file:$(OUT)/events.ndjson --lake file:$(OUT)/lake --bus file:$(OUT)/bus
	@echo; echo "== 3/4 once more: what is in the lake is not written again"
	$(SLUICE) run --source file:$(OUT)/events.ndjson --lake file:$(OUT)/lake --bus file:$(OUT)/bus
	@echo; echo "== 4/4 what there is now"
	@echo "an event as it came:      $$(head -n 1 $(OUT)/events.ndjson)"
	@echo "as a message on the bus:  $$(cat $(OUT)/bus/*.ndjson | head -n 1)"
	@echo "partitions of the lake:   $$(ls -d $(OUT)/lake/event_type=* | wc -l), such as $$(ls -d $(OUT)/lake/event_type=* | head -n 1)"
	@echo; echo "demo: done"

demo-aws: build ## a million events through stand-ins for Kinesis, S3 and SQS that it starts itself
	@echo "== building the stand-ins"
	cargo build $(CARGO_ALL) --example demo-aws
	@echo; target/release/examples/demo-aws $(SLUICE) $(OUT)/aws $(EVENTS)

lambda: build $(CROSS:%=cross) ## a Lambda package, out/lambda-ARCH.zip (ARCH=arm64, CONFIG=sluice.toml, TRANSFORM=x.wasm)
	@echo "== packing $(PACKAGE).zip"
	@rm -rf $(PACKAGE) && mkdir -p $(PACKAGE)
	$(CROSS:%=$(MACHINE)-linux-gnu-)strip -o $(PACKAGE)/bootstrap target/$(CROSS:%=%/)release/sluice
	$(if $(CROSS),,$(SLUICE) transform precompile $(PACKAGE)/precompiled $(TRANSFORM:%=--transform %))
	$(if $(CONFIG),cp $(CONFIG) $(PACKAGE)/sluice.toml)
	$(if $(TRANSFORM),cp $(TRANSFORM) $(PACKAGE)/transform.wasm)
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
	@echo; echo "test: everything passed"

soak: setup ## kill, freeze and refuse without end under load, then prove each record landed once (MINUTES=10, SEED=)
	@echo "== building the program and the tests"
	cargo test $(CARGO_ALL) --test main --no-run
	@echo "== $(or $(MINUTES),10) minutes of kills, freezes, stops, faults, reshards and swaps under load; a line every 15 s"
	SLUICE_SOAK_MINUTES=$(or $(MINUTES),10) SLUICE_SOAK_SEED=$(SEED) cargo test $(CARGO_ALL) --test main -- soak::each_record_lands_once_whatever_happens --exact --nocapture

bench: lambda ## the parts and whole runs next to their goals (BENCH_ARGS="--help" says what else)
	@echo "== building the benches"
	cargo bench --locked --workspace --no-run
	@echo "== the parts, each alone"
	cargo bench --locked --workspace --bench parts -- --noplot --quiet
	@echo "== whole runs, next to what they are compared with, and the goals"
	cargo bench --locked --workspace --bench goals -- --folder $(abspath $(OUT)/bench) --package $(abspath $(PACKAGE)) $(BENCH_ARGS)

fuzz: setup ## feed what reads foreign bytes under libFuzzer (TARGETS="config keys" MINUTES=10; needs a C++ compiler)
	@command -v c++ >/dev/null || { echo "a C++ compiler is missing (libFuzzer is built from source): install g++ or clang" >&2; exit 1; }
	RUSTC_WORKSPACE_WRAPPER=$(abspath host/fuzz/rustc.sh) cargo build --profile fuzz --locked --package sluice-fuzz --features libfuzzer --bin fuzz
	host/fuzz/run.sh target/fuzz/fuzz $(OUT)/fuzz $$((60 * $(or $(MINUTES),1))) $(or $(TARGETS),$(notdir $(wildcard host/fuzz/corpus/*)))

guest: build ## build the transform alone: the component in target/enrich.wasm, as it is in the program
	$(SLUICE) transform export target/enrich.wasm

guest-js: build ## build the same transform from JavaScript, target/guest-js.wasm, and compare the two (needs npm)
	@command -v npm >/dev/null || { echo "npm is missing: install Node 20 or later" >&2; exit 1; }
	cd $(GUEST_JS) && npm ci --no-audit --no-fund && npm run build
	node $(GUEST_JS)/check.js $(SLUICE) target/guest-js.wasm $(OUT)/guest-js

component: setup ## build the transform with cargo component (cargo install cargo-component)
	@cargo component --version >/dev/null 2>&1 || { echo "cargo component is missing: cargo install cargo-component --locked" >&2; exit 1; }
	cargo component build --release --locked --package guest-enrich --target $(TARGET)

lint: setup ## check format, clippy and documentation, warnings as errors
	cargo fmt --all --check
	cargo clippy $(CARGO_ALL) --all-targets -- -D warnings
	cargo clippy $(CARGO_GUEST) -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc $(CARGO_ALL) --no-deps --quiet

terraform-check: ## check terraform/ without an account (what is not installed is skipped, and said)
	@terraform/check/all.sh

workflows-check: ## check the public CI's workflows and the Dockerfile (what is not installed is skipped, and said)
	@.ci/check-workflows

clean: ## remove what the demo made
	rm -rf $(OUT)

.PHONY: help setup build demo demo-aws lambda cross test soak bench fuzz guest guest-js component lint terraform-check workflows-check clean
