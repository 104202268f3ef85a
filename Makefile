# make demo   plan the shipped mouse          make test   the whole test suite
# Both set up .venv on first use; PYTHON=/path/to/python3.12 names an interpreter.

SHELL := /bin/bash
.PHONY: demo test bench coverage docs schema protocols setup doctor lint types pins pins-lowest clean

demo: setup
	@.venv/bin/thermoplan plan protocols/mouse-flank.toml

test: setup
	@.venv/bin/python -m pytest -n auto --dist loadfile --durations 15

bench: setup
	@OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 .venv/bin/python benchmarks/heat.py S
	@.venv/bin/python benchmarks/table.py
	@OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 .venv/bin/python benchmarks/planner.py S
	@OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 .venv/bin/python benchmarks/magnetics.py
	@OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 .venv/bin/python benchmarks/ranks.py M

protocols: setup
	@OMP_NUM_THREADS=1 .venv/bin/python tools/protocol_table.py

docs: setup
	@.venv/bin/python tools/draw_rooms.py
	@.venv/bin/python tools/make_docs.py build/docs

schema: setup
	@.venv/bin/python tools/make_schemas.py

setup:
	@tools/setup.sh

doctor: setup
	@.venv/bin/thermoplan doctor

SOURCES := thermoplan tests meshes tools benchmarks setup.py

lint: setup
	@.venv/bin/ruff check $(SOURCES)
	@.venv/bin/ruff format --check $(SOURCES)
	@.venv/bin/mypy

types: setup
	@.venv/bin/mypy

coverage: setup
	@.venv/bin/python -m coverage run -m pytest -p no:xdist
	@.venv/bin/python -m coverage report --skip-covered --sort cover

pins: setup
	@{ head -1 constraints.txt; .venv/bin/python -m pip freeze --exclude-editable; } > constraints.new
	@mv constraints.new constraints.txt

pins-lowest: setup
	@.venv/bin/python tools/lowest_pins.py

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis
