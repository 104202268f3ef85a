"""Vessels as lines that exchange heat with tissue, independent of how fine the mesh about them is.

A vessel of radius a takes per length  q' = Nu pi k_b (T_wall - T_b)  from the tissue at its wall. A mesh does not
resolve the wall, so the exchange is spread over a tube of radius R >= a as a sink  g (T - T_b). Both fields are the
same outside the tube where its whole conductance is that of the wall and of the tissue between a and R, in series:

    x I1(x) / I0(x) = G / (2 pi k),    1 / G = 1 / (Nu pi k_b) + ln(R / a) / (2 pi k),    g = k (x / R)^2,

I0 and I1 being the solution of  div grad T = (x / R)^2 (T - T_b)  in the tube.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.spatial import cKDTree
from scipy.special import ive

from ..anatomy.anatomy import Anatomy
from ..anatomy.tissue import BLOOD_HEAT_J_M3_K
from ..base.arrays import Array, IntArray, finite, put
from ..base.errors import InputError

NUSSELT = 48.0 / 11.0
"""Of developed laminar flow in a round tube whose wall takes as much heat everywhere: a closed form (Graetz)."""
BLOOD_W_M_K = 0.516857
"""Conductivity of blood [ITIS5]."""
TISSUE_W_M_K = 0.5
"""Conductivity of the tissue that a vessel's blood comes to resemble: muscle has 0.49 W/m/K [ITIS5]."""
TISSUE_RADII = 10.0
"""Distance of that tissue in radii of the vessel; twice as far adds a third to its resistance."""
TUBE_EDGES = 2.0
"""Radius of the tube in median edges of the elements that the vessel runs through: closed forms are then met within 1 %
outside it. Twice as much would smear temperatures twice as far."""
EDGE_OF_REACH = float(np.sqrt(8.0 / 3.0))
"""Edge of a regular tetrahedron over the distance of its corners from its centre."""
POINTS_ALONG = 10
"""Points of a line to a radius of its tube: distances are good to an eighth of a percent of it, with half as many to
half a percent."""
MOST_POINTS = 100_000
"""Points of the longest line, so that one drawn in the wrong unit takes no memory."""
STEP_OF_REACH = 0.2
"""Distance of the points by which elements near a line are found, in reaches of an element."""
PARTS = 6
"""Parts of an edge of an element by whose points its share of a tube is counted: 84 points, a percent of the volume
each."""


@dataclass(frozen=True, slots=True, eq=False)
class Vessel:
    """A vessel too large for its blood to take the tissue's temperature: it stays at that of the core.

    Parameters
    ----------
    path_m
        ``(k, 3)`` centre line, RAS+ metres.
    diameter_m
        Of the lumen.
    nusselt
        Heat transfer at the wall, in conductivities of blood over diameters.
    flow_m3_s
        Of its blood, where it is known: tells how far blood keeps its temperature, and changes nothing else.
    """

    name: str
    path_m: Array
    diameter_m: float
    nusselt: float = NUSSELT
    flow_m3_s: float | None = None

    def __post_init__(self) -> None:
        path, wrong = finite(self.path_m, f"vessel {self.name}: path"), []
        if path.ndim != 2 or path.shape[1] != 3 or len(path) < 2 or not np.diff(path, axis=0).any(axis=1).all():
            wrong.append(f"vessel {self.name}: path: expected two or more points, each apart from the next")
        for what, value in (("diameter", self.diameter_m), ("Nusselt number", self.nusselt), ("flow", self.flow_m3_s)):
            if value is not None and not 0.0 < value < np.inf:
                wrong.append(f"vessel {self.name}: {what} = {value}: expected more than zero")
        if wrong:
            raise InputError(wrong)
        put(self, path_m=path)

    @property
    def length_m(self) -> float:
        return float(np.linalg.norm(np.diff(self.path_m, axis=0), axis=1).sum())

    @property
    def wall_w_m_k(self) -> float:
        """Conductance of the wall per length."""
        return self.nusselt * np.pi * BLOOD_W_M_K

    @property
    def equilibrated(self) -> float | None:
        """Part of its difference to the tissue ten radii away that blood takes on along its path, about."""
        if self.flow_m3_s is None:
            return None
        resistance = 1.0 / self.wall_w_m_k + np.log(TISSUE_RADII) / (2.0 * np.pi * TISSUE_W_M_K)
        return -float(np.expm1(-self.length_m / (resistance * BLOOD_HEAT_J_M3_K * self.flow_m3_s)))

    def dense_m(self, step_m: float) -> Array:
        """Points ``(p, 3)`` of the centre line, no farther apart than ``step_m``."""
        ends = np.linalg.norm(np.diff(self.path_m, axis=0), axis=1)
        where = np.append(0.0, np.cumsum(ends))
        at = np.union1d(np.linspace(0.0, where[-1], int(np.ceil(where[-1] / step_m)) + 1), where)
        return np.stack([np.interp(at, where, axis) for axis in self.path_m.T], axis=1)


def sink_w_m3_k(vessel: Vessel, tube_m: float, conductivity_w_m_k: float) -> float:
    """The sink ``g`` in the tube about a vessel; see the top of this file.

    Parameters
    ----------
    tube_m
        Radius of the tube, no less than the vessel's.
    conductivity_w_m_k
        Of the tissue about it.
    """
    radius, k = 0.5 * vessel.diameter_m, conductivity_w_m_k
    if tube_m < radius:
        raise InputError(
            f"vessel {vessel.name}: diameter = {1e3 * vessel.diameter_m:g} mm: wider than the body about "
            f"it, which takes up its heat within {1e3 * tube_m:.3g} mm; expected a line that tissue "
            "surrounds"
        )
    resistance = 1.0 / vessel.wall_w_m_k + np.log(tube_m / radius) / (2.0 * np.pi * k)
    wanted = 1.0 / (2.0 * np.pi * k * resistance)
    # x I1 / I0 lies between x - 1/2 - 1/x and x, so the bracket holds
    x = brentq(lambda x: x * ive(1, x) / ive(0, x) - wanted, 1e-9, wanted + 3.0)
    return float(k * (x / tube_m) ** 2)


def vessels_w_m3_k(anatomy: Anatomy, vessels: Sequence[Vessel], conductivity_cells: Array) -> Array:
    """Exchange with all vessels ``(m,)``, the mean over each element; added to perfusion it is what the body loses.

    Parameters
    ----------
    conductivity_cells
        ``(m,)`` in W/m/K.

    Raises
    ------
    InputError
        Where a vessel runs through no element.
    """
    total, missed = np.zeros(len(anatomy.tets)), []
    for vessel in vessels:
        tube = _tube(anatomy, vessel)
        if tube is None:
            missed.append(
                f"vessel {vessel.name}: runs through no part of the body; check its path's unit and frame "
                "(RAS, the anatomy's)"
            )
            continue
        for k in np.unique(conductivity_cells[tube.cells]):
            here = conductivity_cells[tube.cells] == k
            # as much per length as in a tube of the radius that the elements make of it
            sink = sink_w_m3_k(vessel, tube.seen_m, float(k)) * (tube.seen_m / tube.radius_m) ** 2
            total[tube.cells[here]] += tube.share[here] * sink
    if missed:
        raise InputError(missed)
    return total


def tube_m(anatomy: Anatomy, vessel: Vessel) -> float:
    """Radius over which the exchange of a vessel is spread: its own, or what the mesh about it resolves; 0 where the
    vessel runs through no element."""
    tube = _tube(anatomy, vessel)
    return 0.0 if tube is None else tube.radius_m


@dataclass(frozen=True, slots=True, eq=False)
class _Tube:
    """Elements ``(j,)`` that a tube touches and the part of each that is inside. An element takes up its part evenly,
    which widens the tube: ``seen_m`` is the radius of a disc of the same second moment."""

    radius_m: float
    seen_m: float
    cells: IntArray
    share: Array


def _tube(anatomy: Anatomy, vessel: Vessel) -> _Tube | None:
    corners = anatomy.points_m[anatomy.tets]
    centre = corners.mean(axis=1)
    reach = np.linalg.norm(corners - centre[:, None], axis=2).max(axis=1)
    step = max(STEP_OF_REACH * float(np.median(reach)), vessel.length_m / MOST_POINTS)
    distance = cKDTree(vessel.dense_m(step)).query(centre)[0]
    touched = distance <= reach
    if not touched.any():
        return None
    radius = max(0.5 * vessel.diameter_m, TUBE_EDGES * EDGE_OF_REACH * float(np.median(reach[touched])))
    cells = np.flatnonzero(distance <= radius + reach)
    points = np.einsum("qi,mid->mqd", _inside(), corners[cells])
    line = cKDTree(vessel.dense_m(max(radius / POINTS_ALONG, vessel.length_m / MOST_POINTS)))
    away = line.query(points.reshape(-1, 3))[0].reshape(points.shape[:2])
    share = (away <= radius).mean(axis=1)
    taken = share * anatomy.volumes_m3[cells]
    if not taken.any():
        return None
    return _Tube(radius, float(np.sqrt(2.0 * taken @ (away**2).mean(axis=1) / taken.sum())), cells, share)


def _inside() -> Array:
    """Barycentric coordinates ``(q, 4)`` of points that divide a tetrahedron evenly."""
    n = PARTS
    grid = [(i, j, k, n - i - j - k) for i in range(n + 1) for j in range(n + 1 - i) for k in range(n + 1 - i - j)]
    return (np.array(grid) + 0.25) / (n + 1.0)
