"""The API's pages, from its docstrings. `make docs` writes them to build/docs."""

from __future__ import annotations

import sys
from pathlib import Path

import pdoc

import thermoplan


def write_docs(folder: Path) -> None:
    """One page of every public name, in the package's own order; they are looked up first, because it loads lazily."""
    for name in thermoplan.__all__:
        setattr(thermoplan, name, getattr(thermoplan, name))
    pdoc.render.configure(docformat="numpy", footer_text=f"thermoplan {thermoplan.__version__}", math=False)
    pdoc.pdoc("thermoplan", output_directory=folder)


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "build/docs")
    write_docs(target)
    print(f"wrote {target}/thermoplan.html")
