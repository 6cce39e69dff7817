# Everything that a person or CI does here. `make` makes .venv from python3 alone.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
B ?=
MINUTES ?= 10
# How many processes run the tests of one machine.
JOBS ?= 2
# How many failed tests are run once more, alone, before the run has failed; CI says 3 (ADR 0022).
AGAIN ?= 0
PYTEST = $(BIN)/python -m tests.again --most $(AGAIN) --
# The test cluster: its size, and which images go into it (all, when none is named).
NODES ?= 2
FAKE_NODES ?= 4
IMAGES ?=
KIT := $(PYTHON) -m tests.cluster.kit

# Where nothing compiled is kept, every program that a test starts compiles all it imports.
unexport PYTHONDONTWRITEBYTECODE

# A mirror that pip was told of serves uv as well.
ifneq ($(PIP_INDEX_URL),)
export UV_DEFAULT_INDEX ?= $(PIP_INDEX_URL)
endif
# A lock names no place: what a shell happens to point at must not end up in it.
LOCK := env -u UV_FIND_LINKS -u PIP_FIND_LINKS $(BIN)/uv pip compile --quiet --universal \
	--python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	--custom-compile-command "make lock"
SECONDS_SINCE = $$(( $$(date +%s) - $(1) ))

.DEFAULT_GOAL := install
.PHONY: help install up test test-db check fix bench bench-clients bench-proxy bar fuzz lock lock-check \
	cluster-up cluster-down test-cluster images

help:  ## List what can be made
	@sed -n 's/^\([a-z-]*\):.*##/\1/p' $(MAKEFILE_LIST) | while read -r name words; do \
		printf '  make %-13s %s\n' "$$name" "$$words"; done

install: $(VENV)/dev.stamp  ## Make .venv with all that development needs

up: $(VENV)/run.stamp  ## Start Perijove on this machine (ARGS="--port 8080")
	@exec $(BIN)/perijove up $(ARGS)

check: $(VENV)/dev.stamp lock-check  ## Lint, types, layers, the lock and the generated pages
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

test: $(VENV)/dev.stamp  ## Run every test of one machine (ARGS="tests/unit -k slug", JOBS=2)
	$(PYTEST) -n $(JOBS) --dist loadfile --no-loadscope-reorder --durations=15 \
		-m "not kubernetes" $(ARGS)

test-db: $(VENV)/dev.stamp  ## Run what is kept in a database, on each of them (PERIJOVE_TEST_MYSQL=URL)
	@test -n "$$PERIJOVE_TEST_MYSQL" || \
		echo "MySQL is NOT TESTED: name one in PERIJOVE_TEST_MYSQL (mysql://user:password@host/name)."
	CI=true PERIJOVE_TEST_DB=all $(BIN)/pytest --durations=15 -m "database and not kubernetes" \
		tests/contract tests/integration tests/web tests/e2e tests/storm $(ARGS)

cluster-up:  ## Bring a real Kubernetes up here (NODES=2 FAKE_NODES=4); the first time takes 10 min
	@$(KIT) build && $(KIT) up --nodes $(NODES) --fake-nodes $(FAKE_NODES)

cluster-down:  ## Take it down, leaving nothing
	@$(KIT) down

images:  ## Build perijove-hub:dev, perijove-singleuser:dev and those of the tests, with Docker
	@$(KIT) images $(IMAGES)

test-cluster: $(VENV)/dev.stamp  ## Run the tests on a real Kubernetes (ARGS="-m smoke")
	@set -e; if ! $(KIT) kubeconfig >/dev/null 2>&1; then \
		trap '$(KIT) down' EXIT; $(MAKE) --no-print-directory cluster-up; fi; \
	$(KIT) images --changed --load $(IMAGES); \
	$(PYTEST) --durations=15 -m kubernetes tests/cluster $(ARGS)

fix: $(VENV)/dev.stamp  ## Repair what ruff can
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(VENV)/dev.stamp  ## Measure beside JupyterHub (CHP=path of configurable-http-proxy)
	$(BIN)/python -m bench.hub $(if $(CHP),--chp $(CHP)) $(ARGS)

bench-clients: $(VENV)/dev.stamp  ## Measure only what clients of the API cost, in ten minutes (CHP=)
	$(BIN)/python -m bench.hub.clients $(if $(CHP),--chp $(CHP)) $(ARGS)

bench-proxy: $(VENV)/dev.stamp  ## Measure the proxy beside that and nginx (CHP=, NGINX=paths)
	$(BIN)/python -m bench.proxy $(if $(CHP),--chp $(CHP)) $(if $(NGINX),--nginx $(NGINX)) $(ARGS)

# Bars of the reliability contract: what runs for each, at full size (the tests read these names).
BAR_1 := STORM_ROUNDS=200 $(BIN)/pytest tests/storm
# These three need a cluster (make cluster-up).
BAR_2 := PERIJOVE_BAR=2 $(BIN)/pytest tests/cluster/test_kills.py
BAR_3 := PERIJOVE_BAR=3 $(BIN)/pytest tests/cluster/test_outage.py
BAR_4 := PERIJOVE_BAR=4 $(BIN)/pytest tests/cluster/test_outage.py -k gauge
BAR_5 := PERIJOVE_BAR=5 $(BIN)/pytest tests/integration/test_crash.py tests/integration/test_gate_crash.py
BAR_8 := PERIJOVE_BAR=8 $(BIN)/pytest tests/e2e/test_up.py tests/chp/test_handover.py \
	-k 'comes_back or handover'
BAR_14 := $(BIN)/pytest tests/unit/test_clock.py tests/integration/test_clock_steps.py \
	tests/integration/test_concurrency.py -k 'clock or stepped'
BAR_6 := PERIJOVE_BAR=6 $(BIN)/pytest tests/integration/test_life_machine.py
BAR_7 := PERIJOVE_BAR=7 $(BIN)/pytest tests/integration/test_api_machine.py
BAR_9 := PERIJOVE_BAR=9 $(BIN)/pytest tests/integration/test_database_away.py
BAR_11 := PERIJOVE_BAR=11 $(BIN)/pytest tests/storm/test_replicas.py
BAR_12 := PERIJOVE_BAR=12 $(BIN)/pytest tests/storm/test_sign_ins.py
BAR_13 := PERIJOVE_BAR=13 $(BIN)/pytest tests/integration/test_cull_races.py
# 10,000 calls, made from the description of the API and against it.
BAR_15 := PERIJOVE_BAR=15 $(BIN)/pytest tests/integration/test_bad_input.py
BAR_16 := $(BIN)/pytest tests/integration/test_proxy_smuggling.py tests/integration/test_proxy_pipelined.py \
	tests/unit/test_proxy_head.py tests/unit/test_proxy_body.py tests/unit/test_proxy_fuzz.py
BAR_17 := PERIJOVE_BAR=17 $(BIN)/pytest tests/unit/test_paths_agree.py \
	tests/integration/test_paths_over_http.py
BAR_18 := PERIJOVE_BAR=18 $(BIN)/pytest tests/unit/test_next_url.py tests/e2e/test_redirects.py
# Every operation with every scope and filter; ten thousand sets of scopes that grow; 500 over HTTP.
BAR_19 := PERIJOVE_BAR=19 $(BIN)/pytest tests/unit/test_access.py tests/integration/test_rights.py \
	tests/integration/test_rights_laws.py tests/integration/test_visible_fields.py
BAR_20 := PERIJOVE_BAR=20 $(BIN)/pytest tests/integration/test_oauth_refusals.py \
	tests/storm/test_code_race.py
BAR_21 := $(BIN)/pytest tests/e2e/test_revoke.py tests/integration/test_shut_out.py \
	tests/integration/test_shut_out_meanwhile.py tests/integration/test_signin.py tests/integration/test_streams.py \
	tests/integration/test_tokens.py
BAR_22 := $(BIN)/pytest tests/integration/test_lock_out.py tests/integration/test_signin.py
# Half heads and slow readers; then idle WebSockets and a soak with aborts, ten minutes each.
BAR_23 := PERIJOVE_BAR=23 $(BIN)/pytest -s tests/integration/test_proxy_slow.py \
	tests/integration/test_proxy_idle.py tests/integration/test_proxy_soak.py
BAR_24 := PERIJOVE_BAR=24 $(BIN)/pytest tests/integration/test_proxy_stream.py
BAR_27 := $(BIN)/pytest tests/e2e/test_canary.py
# The soak of half an hour: 45 small servers, 5 with JupyterLab.
BAR_30 := SOAK_MINUTES=30 SOAK_SMALL=45 SOAK_LABS=5 $(BIN)/pytest -s tests/storm/test_soak.py
BARS := 1 2 3 4 5 6 7 8 9 11 12 13 14 15 16 17 18 19 20 21 22 23 24 27 30

bar: $(VENV)/dev.stamp  ## Run a bar at full size (B=1, 1 to 30; it lists them)
	@test -n "$(BAR_$(B))" || { echo "There is no bar B=$(B) yet: choose one of $(BARS)." >&2; exit 2; }
	$(BAR_$(B)) --durations=5 $(ARGS)

fuzz: $(VENV)/dev.stamp  ## Send the proxy's parsers hostile messages (MINUTES=10 of CPU; ARGS=--keep)
	$(BIN)/python -m tests.fuzz --minutes $(MINUTES) $(ARGS)

lock: $(BIN)/uv  ## Lock again after pyproject.toml has changed (ARGS=--upgrade)
	@$(call compile,requirements,$(ARGS))

lock-check: $(BIN)/uv
	@set -e; new=$$(mktemp -d); trap 'rm -rf "$$new"' EXIT; cp requirements/*.txt "$$new"; \
	$(call compile,$$new,); \
	for lock in uv run hub dev $(OLDER); do \
		cmp -s requirements/$$lock.txt "$$new/$$lock.txt" || { \
			echo "requirements/$$lock.txt is out of date: run make lock." >&2; exit 1; }; \
	done; echo "locks are up to date"

# Servers of older images, for the contract that all keep (tests/singleuser/older.py), and
# programs that speak to a hub (tests/clients/programs.py).
OLDER := $(basename $(notdir $(wildcard requirements/singleuser-*.in requirements/client-*.in)))

define compile
$(LOCK) $(2) requirements/uv.in -o $(1)/uv.txt && \
$(LOCK) $(2) pyproject.toml requirements/build.in --extra lab -o $(1)/run.txt && \
$(LOCK) $(2) pyproject.toml requirements/build.in -c $(1)/run.txt \
	--no-annotate -o $(1)/hub.txt && \
$(LOCK) $(2) pyproject.toml requirements/build.in --extra lab --group dev -c $(1)/run.txt \
	--no-annotate -o $(1)/dev.txt && \
for older in $(OLDER); do \
	$(LOCK) $(2) requirements/$$older.in --no-annotate -o $(1)/$$older.txt || exit 1; done
endef

$(VENV)/python.stamp:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Perijove needs Python 3.11 or newer: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
		echo "python3 cannot make a venv: on Debian, apt install python3-venv." >&2; exit 1; }
	@touch $@

# Where uv cannot be had, pip installs the same lock, slower.
$(BIN)/uv: requirements/uv.txt | $(VENV)/python.stamp
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

$(VENV)/%.stamp: requirements/%.txt pyproject.toml | $(VENV)/python.stamp
	@began=$$(date +%s); set -e; \
	if $(MAKE) --no-print-directory $(BIN)/uv >/dev/null 2>&1; then \
		installer="$(BIN)/uv pip install --quiet --python $(BIN)/python"; \
	else installer="$(BIN)/python -m pip install --quiet --disable-pip-version-check"; fi; \
	$$installer --require-hashes -r $<; \
	$$installer --no-deps --no-build-isolation -e .; \
	echo "installed $* in $(call SECONDS_SINCE,$$began) s"
	@touch $@ $(if $(filter dev,$*),$(VENV)/run.stamp)
