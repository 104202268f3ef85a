"""Estimates of a plan's size before it is made: nodes, memory and time, and what this machine has."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...anatomy.body import MeshBody
from .case import mesh_sizes
from .inputs import Inputs

MANY_NODES = 300_000
"""Nodes above which a mesh is noted: a plan then takes minutes and gigabytes."""
_TETS_PER_EDGE3 = 6.0 * np.sqrt(2.0)
"""Tetrahedra in a cube of the edge's length, were they regular."""
_TETS_PER_NODE = 5.6
"""Of the shipped mouse's mesh."""
_GRADING = 1.6
"""Tetrahedra beyond the margin over those that the size far away would give: of the shipped mouse's mesh."""
_BASE_BYTES = 0.8e9
"""Memory of a plan on a small mesh, most of it libraries: 0.5 to 0.9 GB were measured on 900 to 10,000 nodes."""
_NODE_BYTES = 8e3
"""Memory of a plan for each node: 1.25 GB were measured on 70,000."""
_BASE_S = 20.0
"""Time of a plan on a small mesh with its figures, on one core of 2024."""
_NODE_S = 0.9e-3
"""Time of a plan for each node: 81 s were measured on 70,000. With perfusion laws it is several times that."""
_FEWEST_BYTES = 1e9
"""Memory that is taken to be there where the system does not tell it."""


@dataclass(frozen=True, slots=True)
class PlanSize:
    """Size of a plan to come, to a factor of two or three."""

    nodes: float
    memory_bytes: float
    time_s: float

    def words(self) -> str:
        """The estimate in words."""
        memory = f"{self.memory_bytes / 1e9:.1f}" if self.memory_bytes < 1e11 else f"{self.memory_bytes / 1e9:.0f}"
        time = f"{self.time_s:.0f} s" if self.time_s < 90.0 else f"{self.time_s / 60.0:.0f} min"
        return f"about {_one_digit(self.nodes)} nodes, {memory} GB and {time} of one processor"


def estimate_plan(inputs: Inputs) -> PlanSize:
    """Nodes, memory and time of a plan or a simulation."""
    nodes = estimated_nodes(inputs)
    return PlanSize(nodes, _BASE_BYTES + _NODE_BYTES * nodes, _BASE_S + _NODE_S * nodes)


def estimated_nodes(inputs: Inputs) -> float:
    """Nodes of the mesh to come, to a factor of two; of a mesh that is given, its own."""
    if isinstance(inputs.body, MeshBody):
        return float(len(inputs.body.mesh.points_m))
    sizes, volumes = mesh_sizes(inputs, quick=False), inputs.volumes_mm3()
    whole = sum(volumes.values())
    fine = sum((volumes[name] ** (1 / 3) + 2e3 * sizes.margin_m) ** 3 for name in sizes.target_regions)
    fine = min(fine, whole)
    tets = fine / (1e3 * sizes.target_m) ** 3 + _GRADING * (whole - fine) / (1e3 * sizes.size_m) ** 3
    return float(tets * _TETS_PER_EDGE3 / _TETS_PER_NODE)


def estimate_complaints(inputs: Inputs) -> Iterator[str]:
    """More memory than the machine has, with the keys that ask for it."""
    estimate, has = estimate_plan(inputs), machine_memory_bytes()
    if estimate.memory_bytes <= has:
        return
    wanted = inputs.protocol.mesh
    given = {"mesh.size": wanted.size_m, "mesh.target_size": wanted.target_size_m}
    said = [f'{key} = "{1e3 * value:g} mm"' for key, value in given.items() if value is not None]
    if isinstance(inputs.body, MeshBody):
        said = ["anatomy.mesh"]
    asked = " and ".join(said) or "anatomy.labels"
    yield (
        f"{asked}: asks for {estimate.words()}, and this machine has {has / 1e9:.1f} GB: "
        'expected a coarser mesh, such as mesh.target_size = "0.8 mm" with mesh.size = "2.5 mm"'
    )


def machine_memory_bytes() -> float:
    """Memory of this machine, or of the container that this process is in."""
    try:
        whole = float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (ValueError, OSError):
        whole = _FEWEST_BYTES
    limits = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
    return min([whole, *(float(text) for path in limits if (text := _first_word(path)).isdigit())])


def _first_word(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _one_digit(count: float) -> str:
    """A count with one digit, such as 40,000."""
    return f"{float(f'{count:.1g}'):,.0f}"
