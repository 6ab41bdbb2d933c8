# `make serve` and `make test` are all that a newcomer needs; both set up .venv first.

PYTHON ?= python3
BIN := .venv/bin
PYTHONS ?= python3.12 python3.13

.PHONY: serve test check format pythons stress fuzz bench bench-smoke bench-gates matrix clean help

help:
	@sed -n 's/^#: //p' Makefile

#: make serve    serve the well-known services on 127.0.0.1, at their ports and 7000
#:               more, and a page about them at http://127.0.0.1:8080/
serve: .venv/.installed
	@exec $(BIN)/portside serve echo=127.0.0.1:7007 discard=127.0.0.1:7009 \
		daytime=127.0.0.1:7013 qotd=127.0.0.1:7017 chargen=127.0.0.1:7019 time=127.0.0.1:7037 \
		examples/welcome/site.py:mux=127.0.0.1:8080

#: make test     check the code and run every test
test: check
	$(BIN)/python -m pytest -n 3 -m "not stress"

#: make check    layout, lint, types, the stairs of imports, spelling
check: .venv/.tested
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/codespell

#: make format   lay the code out, mend what can be mended
format: .venv/.tested
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

#: make pythons  the contract of conns and models on the other Pythons that are here
pythons:
	@for python in $(PYTHONS); do \
		$$python -c "" 2>/dev/null || { echo "no $$python here"; continue; }; \
		other=.venv/$$(basename $$python); \
		$$python -m venv $$other && \
		$$other/bin/pip install -q -e '.[test]' && \
		$$other/bin/python -W error -m pytest tests/contract -m "not stress" || exit 1; \
	done

#: make stress   minutes of random load
stress: .venv/.tested
	$(BIN)/python -m pytest -m stress --timeout 900

#: make fuzz     minutes of bytes that nobody sends, at the room of the web
fuzz: .venv/.tested
	$(BIN)/python -m pip install -q --disable-pip-version-check atheris
	$(BIN)/python -m tests.http.fuzz conversation -max_total_time=600

#: make bench    compare with other servers, some half an hour: bench/README.md
bench: .venv/.measured
	$(BIN)/python -m bench
	$(BIN)/python -m bench.tables

#: make bench-smoke  does all of it work?
bench-smoke: .venv/.measured
	$(BIN)/python -m bench --smoke

#: make bench-gates  system calls and instructions for a message, and their limits
bench-gates: .venv/.measured
	$(BIN)/python -m bench.gates

#: make matrix   what holds under which model, into docs/reference/matrix.md
matrix: .venv/.tested
	$(BIN)/python -m tests.contract.matrix

#: make clean    remove what these made
clean:
	rm -rf .venv build dist src/*.egg-info .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

# Debian has a venv without pip unless python3-venv is installed: pip can make up for it.
.venv/bin/python:
	$(PYTHON) -m venv .venv 2>/dev/null || { \
		$(PYTHON) -m venv --without-pip --clear .venv && \
		$(PYTHON) -m pip --python .venv/bin/python install -q pip; }

.venv/.installed: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install -q --disable-pip-version-check -e .
	@touch $@

.venv/.tested: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[test,check]'
	@touch $@ .venv/.installed

.venv/.measured: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[bench]'
	@touch $@ .venv/.installed
