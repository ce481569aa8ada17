# Each target works on its own on a fresh clone. `make help` lists them.
PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help repro quick test ui app server params lock audit clone
help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

repro: clone .venv/installed ## run all stages on the settings in params.yaml, print the metrics
	@test -s .dvc/tmp/rwlock || rm -f .dvc/tmp/rwlock # empty if DVC was killed while it wrote it
	dvc repro
	@python -m pipeline.summary

quick: .venv/tested ## the fast tests, in a few minutes
	pytest -n 2 --dist loadfile --no-loadscope-reorder -m 'not slow'

test: .venv/tested ## lint, types, layers of imports, all tests (installs their tools and Spark)
	ruff check .
	ruff format --check .
	mypy
	lint-imports
	pytest -n 2 --dist loadfile --no-loadscope-reorder

ui: .venv/installed ## MLflow on http://127.0.0.1:5000 (PORT=… for another port)
	python -m pipeline.ui $(or $(PORT),5000)

app: .venv/installed ## the recommender page on http://127.0.0.1:8501 (PORT=… for another port)
	python -m streamlit run pipeline/app.py --server.port $(or $(PORT),8501)

PSYCOPG := psycopg[binary]>=3.2,<4
DATABASE := $(or $(STORE),postgresql:///mlflow)
server: .venv/installed ## MLflow's server of a team, on PostgreSQL; see docs/operations.md (PORT=…, STORE=…)
	@python -c "import psycopg" 2>/dev/null || python -m pip install --quiet "$(PSYCOPG)"
	@python -c "import sqlalchemy, sys; sqlalchemy.create_engine(sys.argv[1]).connect()" '$(DATABASE)' 2>/dev/null || \
		{ echo "error: no such database answers; docs/operations.md, Several people, says how to make one" >&2; exit 1; }
	mlflow server --port $(or $(PORT),5000) --artifacts-destination mlartifacts --backend-store-uri '$(DATABASE)'

params: .venv/installed ## write params.yaml again after an edit in conf/
	python -m pipeline.compose

COMPILE = uv pip compile --quiet --universal --generate-hashes --no-emit-index-url \
	--custom-compile-command "make lock" pyproject.toml
lock: .venv/tested ## choose the versions in both lock files again from pyproject.toml
	$(COMPILE) --output-file requirements.lock
	$(COMPILE) --group dev --all-extras --constraint requirements.lock \
		--output-file requirements-dev.lock

# Not a part of `test`: an advisory of today would fail the commit of yesterday. uv runs it in an environment of
# its own; --strict also fails on a package that could not be looked up, as without a network.
AUDIT = uv tool run --from pip-audit==2.10.1 pip-audit --strict --disable-pip --require-hashes
audit: .venv/tested ## look up known vulnerabilities of all locked versions; needs the network
	$(AUDIT) -r requirements.lock -r requirements-dev.lock

clone: # DVC needs the clone; a ZIP file of the repository has none
	@test -e .git || { echo "error: this folder is no git clone, which DVC needs;\
 get it by git clone, or make it one: git init && git add -A && git commit -m start"; exit 1; }

# The .pth file puts .venv/bin on the path, so that DVC runs stages with this Python without activation.
.venv/installed: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || { \
		echo "error: TensorFlow needs Python 3.11 to 3.13; choose one with PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .venv
	@echo "installing requirements.lock into .venv, a few minutes"
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	@$(BIN)/python -c 'import pathlib, sysconfig; \
		pathlib.Path(sysconfig.get_path("purelib"), "venv_on_path.pth").write_text( \
		"import os, sys; os.environ[\"PATH\"] = sys.prefix + \"/bin\" + os.pathsep + os.environ.get(\"PATH\", \"\")\n")'
	@touch $@

.venv/tested: .venv/installed requirements-dev.lock
	@echo "installing requirements-dev.lock into .venv, a minute or two"
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-dev.lock
	@touch $@
