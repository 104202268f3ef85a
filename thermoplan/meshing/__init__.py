"""Labelled volume to conforming tetrahedra with named regions.

A graded body-centred lattice (``lattice``) is labelled by the levels of the regions (``levels``), and its
nodes are moved onto the borders as far as the elements stay well shaped (``relax``).
"""

from __future__ import annotations

from .build import MeshReport, MeshSizes, mesh_function, mesh_labels

__all__ = ["MeshReport", "MeshSizes", "mesh_function", "mesh_labels"]
