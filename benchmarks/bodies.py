"""Bodies of the heat benchmarks: the uniform box of the study at several sizes, and the shipped mouse's organ mesh."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from thermoplan.anatomy.anatomy import Anatomy
from thermoplan.bioheat import BioheatProblem, Boundary, ThermalSystem, thermal_system
from thermoplan.validate.bodies import box
from thermoplan.validate.cases import load_of

ROOT = Path(__file__).parents[1]
SIZE_M = (0.03, 0.03, 0.08)
COUNTS = {"S": (18, 18, 48), "M": (36, 36, 96), "L": (54, 54, 144), "XL": (72, 72, 192)}
ORGANS = ("muscle", "liver", "spleen", "tumour")
FINER = {"mesh.size": "0.55 mm", "mesh.target_size": "0.275 mm"}


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """A mesh with its problem and matrices, the tumour's middle, and the nodes of the organs that are watched."""

    name: str
    mesh: Anatomy
    problem: BioheatProblem
    system: ThermalSystem
    middle_m: np.ndarray
    watched: np.ndarray

    @property
    def organs(self) -> bool:
        """True for an animal's mesh, not a box."""
        return self.name not in COUNTS

    def foci(self, count: int) -> np.ndarray:
        """Nodal power of fields focused within 4 mm of the tumour's middle, a few watts each."""
        rng = np.random.default_rng(1)
        spread = np.array([1.8e-3, 1.8e-3, 1.2e-3])
        centres = self.middle_m + rng.uniform(-4e-3, 4e-3, (count, 3))
        return np.array(
            [load_of(self.mesh, lambda p, c=c: 2e6 * np.exp(-0.5 * (((p - c) / spread) ** 2).sum(-1))) for c in centres]
        )


def uniform(size: str, **blood: float | str) -> Body:
    """Muscle, with liver and spleen as balls and a tumour between them, cooled by air; blood stays warm unless said."""
    mesh = box(COUNTS[size], SIZE_M, _organs, ORGANS)
    w = 1e-3 * np.array([2.0, 12.0, 16.0, 2.5]) * 3.8e6
    problem = BioheatProblem(
        mesh,
        np.full(4, 1060.0),
        np.full(4, 3600.0),
        np.full(4, 0.5),
        w,
        np.zeros(4),
        (Boundary("robin", 10.0, 25.0),),
        37.0,
        **({"core": "fixed"} | blood),
    )
    watched = np.unique(mesh.tets[mesh.region > 0])
    return Body(size, mesh, problem, thermal_system(problem), np.array([0.015, 0.015, 0.038]), watched)


def _organs(centre: np.ndarray) -> np.ndarray:
    found = np.zeros(len(centre), int)
    for region, (middle, radius) in enumerate((((8, 15, 50), 7), ((24, 15, 40), 4), ((15, 15, 38), 4)), 1):
        found[np.linalg.norm(centre * 1e3 - middle, axis=1) < radius] = region
    return found


def organ(name: str = "mouse", **changes: str) -> Body:
    """The mouse of protocols/mouse-flank.toml on its full mesh, with mixed blood and small elements; changes of the
    protocol make it finer."""
    from thermoplan.base.progress import Stages
    from thermoplan.plan.case.case import build_case
    from thermoplan.plan.case.inputs import read_inputs
    from thermoplan.protocol import read_protocol

    protocol = read_protocol(ROOT / "protocols" / "mouse-flank.toml", changes)
    case = build_case(read_inputs(protocol), Stages(), quick=False)
    problem, mesh = case.problem(), case.anatomy
    chosen = np.isin(mesh.region, [mesh.region_names.index(name) for name in ("tumour", "liver", "spleen")])
    tumour = mesh.centroids_m[mesh.region == mesh.region_names.index("tumour")]
    return Body(name, mesh, problem, thermal_system(problem), tumour.mean(axis=0), np.unique(mesh.tets[chosen]))


def body(name: str) -> Body:
    """By name: S, M, L, XL, mouse or mouse-fine."""
    if name in COUNTS:
        return uniform(name)
    return organ(name, **(FINER if name == "mouse-fine" else {}))
