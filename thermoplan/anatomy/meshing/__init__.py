"""Labelled volume to conforming tetrahedra with named regions.

In flow order: ``volume`` checks the labels, ``sizes`` and ``lattice`` make a graded lattice, ``levels`` says
where each region is, ``relax`` moves nodes onto the borders as far as elements stay well shaped (``shape``,
``draft``), ``clad`` adds a thin skin, ``report`` says how good it is.
"""

from __future__ import annotations

from .build import default_sizes, mesh_function, mesh_labels
from .mesh_report import MeshReport
from .mesh_sizes import MeshSizes

__all__ = ["MeshReport", "MeshSizes", "default_sizes", "mesh_function", "mesh_labels"]
