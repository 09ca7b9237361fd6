# The environment is .venv; `make chat` and `make test` set up everything they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PACKAGES := g++ cmake ninja-build ccache python3-dev python3-venv libsqlite3-dev libssl-dev \
  libfaiss-dev libsimdjson-dev libboost1.81-dev libeigen3-dev
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
SOURCES := $(shell find cpp python tools -name '*.cpp' -o -name '*.h' -o -name '*.inc' -o -name '*.S' \
  -o -name '*.py' -o -name '*.txt') CMakeLists.txt pyproject.toml

.PHONY: build chat test test-all test-llama bench bench-archival fuzz perpetual-chat lint wheel test-wheel stubs clean

build: $(VENV)/.built

chat: build
	@$(BIN)/memgpt run

test: build $(VENV)/.test $(VENV)/.compat
	$(BIN)/python -m pytest -m "not slow and not stores and not llama"

test-all: build $(VENV)/.test $(VENV)/.stores $(VENV)/.compat
	$(BIN)/python -m pytest -m "not llama"
	tools/sanitize.sh
	$(MAKE) test-wheel

# Against a real server of llama.cpp, which is built once and kept (LLAMA_DIR): 17 CPU minutes.
test-llama: build $(VENV)/.test $(VENV)/.llama
	server=$$(tools/build_llama.sh $(BIN)/python) && \
	  LLAMA_SERVER="$$server" $(BIN)/python -m pytest -m llama -s tests/llama

bench: build $(VENV)/.bench
	$(BIN)/python benchmarks/bench_step.py
	$(BIN)/python benchmarks/bench_import.py
	$(BIN)/python benchmarks/bench_export.py
	$(BIN)/python benchmarks/bench_recall.py
	$(BIN)/python benchmarks/bench_tokens.py
	$(BIN)/python benchmarks/bench_compile.py
	$(BIN)/python benchmarks/bench_replay.py
	$(BIN)/python benchmarks/bench_policy.py
	$(BIN)/python benchmarks/bench_decoder.py
	$(BIN)/python benchmarks/bench_journal.py --messages 100 10000
	$(BIN)/python benchmarks/bench_provider.py

# Ten minutes each, with what clang brings; what is found is in build/fuzz.
FUZZ_SECONDS := 600
fuzz: build
	@dpkg-query -W -f='$${Status}' libclang-rt-14-dev 2>/dev/null | grep -q 'ok installed' || \
	  { $(SUDO) apt-get update -qq && $(SUDO) env DEBIAN_FRONTEND=noninteractive \
	  apt-get install -y -qq --no-install-recommends clang-14 libclang-rt-14-dev >/dev/null; }
	for target in $(patsubst tests/fuzz/fuzz_%.cpp,%,$(wildcard tests/fuzz/fuzz_*.cpp)); do \
	  tools/fuzz.sh $$target $(FUZZ_SECONDS) || exit 1; done

# Beside other stores, which it installs: half an hour.
bench-archival: build $(VENV)/.bench $(VENV)/.bench-archival
	$(BIN)/python benchmarks/bench_archival.py --picture benchmarks/archival.png

# make perpetual-chat DATA=locomo10.json [OPTIONS="--context-window 8192"]; see benchmarks/README.md
perpetual-chat: build
	@test -n "$(DATA)" || { echo "give DATA=, a JSON file of conversations in LoCoMo's layout"; exit 2; }
	$(BIN)/python benchmarks/perpetual_chat.py "$(DATA)" $(OPTIONS)

# What g++ was told, and clang does not know.
TIDY_ARGS := $(addprefix --extra-arg=-Wno-,unknown-warning-option deprecated-declarations ignored-gch)
lint: build $(VENV)/.lint $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/clang-format --dry-run -Werror $$(find cpp benchmarks tests -name '*.cpp' -o -name '*.h')
	$(BIN)/clang-tidy --quiet -p $$(ls -d build/cp*/) $(TIDY_ARGS) $$(find cpp tests -name '*.cpp' ! -name json.cpp ! -path '*/fuzz/*')

wheel: $(VENV)/.venv $(VENV)/.wheel
	rm -rf dist wheelhouse
	$(BIN)/pip wheel -q --no-build-isolation --no-deps -w dist .
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/auditwheel repair -w wheelhouse dist/*.whl

# Where the libraries that it was built with are hidden.
test-wheel: wheel
	tools/check_wheel.sh $(BIN)/python wheelhouse/*.whl

# The stub is generated from the built module and checked by tests/test_stubs.py.
stubs: build
	tools/make_stubs.sh $(BIN)/python python/memgpt/_core.pyi

clean:
	rm -rf build dist wheelhouse $(VENV)

# A package that is there is left alone; apt is asked only for what is missing.
$(VENV)/.venv: Makefile pyproject.toml
	@missing=""; for p in $(PACKAGES); do \
	  dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$p"; done; \
	if [ -n "$$missing" ]; then echo "installing$$missing"; $(SUDO) apt-get update -qq && \
	  $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; fi
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --upgrade pip
	$(BIN)/pip install -q --group build
	@touch $@

# Without isolation and with a fixed build directory, only what changed is compiled.
$(VENV)/.built: $(VENV)/.venv $(SOURCES)
	$(BIN)/pip install -q --no-build-isolation .
	@touch $@

$(VENV)/.test $(VENV)/.stores $(VENV)/.llama $(VENV)/.lint $(VENV)/.wheel $(VENV)/.bench $(VENV)/.bench-archival: $(VENV)/.%: $(VENV)/.venv
	$(BIN)/pip install -q --group $*
	@touch $@

# The clients of Letta that tests/compat drives the server with. Both generations of each have one
# name, so each has an environment of its own. apt is asked only for commands that are missing.
COMPAT := $(VENV)/compat
COMMANDS := node:nodejs npm:npm curl:curl bwrap:bubblewrap
$(VENV)/.compat: $(VENV)/.venv tests/compat/package.json tests/compat/package-lock.json
	@missing=""; for c in $(COMMANDS); do \
	  command -v $${c%:*} >/dev/null || missing="$$missing $${c#*:}"; done; \
	if [ -n "$$missing" ]; then echo "installing$$missing"; $(SUDO) apt-get update -qq && \
	  $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; fi
	for client in py1 py0; do \
	  $(PYTHON) -m venv --without-pip $(COMPAT)/$$client && \
	  $(BIN)/pip --python $(COMPAT)/$$client/bin/python install -q --group compat-$$client || exit 1; done
	cp tests/compat/package.json tests/compat/package-lock.json $(COMPAT)/
	npm ci --prefix $(COMPAT) --ignore-scripts --no-audit --no-fund --silent
	@touch $@
