"""The API is documented: every public name says what it is, and the pages are built from that."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import thermoplan

MAKE_DOCS = Path(__file__).parents[1] / "tools" / "make_docs.py"


def test_every_public_name_has_a_docstring_and_annotations():
    bare = []
    for name in thermoplan.__all__:
        thing = getattr(thermoplan, name)
        if not inspect.getdoc(thing):
            bare.append(f"{name}: no docstring")
        if inspect.isfunction(thing):
            signature = inspect.signature(thing)
            bare += [f"{name}({p.name})" for p in signature.parameters.values() if p.annotation is p.empty]
            bare += [f"{name} returns"] * (signature.return_annotation is signature.empty)
    assert bare == []


def test_the_pages_are_built_from_the_docstrings_without_a_complaint(tmp_path):
    made = subprocess.run([sys.executable, MAKE_DOCS, tmp_path], capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    assert "Warn" not in made.stderr
    page = (tmp_path / "thermoplan.html").read_text(encoding="utf-8")
    for name in thermoplan.__all__:
        assert f'id="{name}"' in page, name
