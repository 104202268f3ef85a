"""Target edge lengths, and the graded lattice that has them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...base.arrays import Array, IntArray
from ...base.errors import InputError
from . import lattice

_GROWTH = 0.4
_SLENDER = 1.0
_MOST_CELLS = 20_000_000

Distance = Callable[[Array, float], Array]


@dataclass(frozen=True, slots=True)
class MeshSizes:
    """Edge lengths; grades are halves of each other, so an edge is this long or up to twice as short.

    Parameters
    ----------
    target_m, size_m, skin_m
        In the target regions and ``margin_m`` around them, far away, and at the skin.
    target_regions
        Names of regions.
    """

    target_m: float
    size_m: float
    target_regions: tuple[str, ...] = ()
    margin_m: float = 3e-3
    skin_m: float | None = None

    def __post_init__(self) -> None:
        for name in ("target_m", "size_m", "skin_m"):
            value = getattr(self, name)
            if value is not None and not 0.0 < value < np.inf:
                raise InputError(f"mesh: {name} = {value}: expected a length above zero, such as 1e-3 m")
        if not 0.0 <= self.margin_m < np.inf:
            raise InputError(f"mesh: margin_m = {self.margin_m}: expected zero or more")

    @property
    def finest_m(self) -> float:
        target = self.target_m if self.target_regions else self.size_m
        return min(target, self.size_m, self.surface_m)

    @property
    def surface_m(self) -> float:
        """Edge length at the skin: its own, else that of all other tissue."""
        return self.size_m if self.skin_m is None else self.skin_m

    @property
    def grades(self) -> int:
        """Number of times that the coarsest cell is halved."""
        return max(int(np.floor(np.log2(self.size_m / self.finest_m) + 1e-6)), 0)

    def edge_m(self, from_target_m: Array, from_skin_m: Array) -> Array:
        """Longest edge allowed at the given distances."""
        edge = self.target_m + _GROWTH * np.maximum(from_target_m - self.margin_m, 0.0)
        if self.skin_m is not None:
            edge = np.minimum(edge, self.skin_m + _GROWTH * np.maximum(from_skin_m, 0.0))
        return np.minimum(edge, self.size_m)

    @property
    def reach_m(self) -> float:
        """Beyond this distance from a target its size no longer matters."""
        return self.margin_m + (self.size_m - self.target_m) / _GROWTH + 2.0 * self.size_m


@dataclass(frozen=True, slots=True)
class BodyDistances:
    """Distances in a body that sizes depend on.

    Parameters
    ----------
    from_target, from_skin
        ``(points (n, 3), reach) -> (n,)``: distance in m, inf beyond the reach; from the skin negative
        inside the body.
    slender
        ``(points, radius) -> bool (n,)``: where the body is thinner than that; there cells are no longer
        than its radius.
    """

    from_target: Distance
    from_skin: Distance
    slender: Callable[[Array, float], np.ndarray] | None = None


def graded_lattice(
    low: Array, high: Array, sizes: MeshSizes, body: BodyDistances, *, exact: bool = False
) -> tuple[Array, IntArray, np.ndarray]:
    """Nodes, tetrahedra, and which coordinates lie on the box, of a graded lattice over a box.

    ``low`` and ``high`` are corners ``(3,)`` of the box in m. With ``exact`` the cells are stretched to fill it; else
    they stay cubes and reach a cell beyond it.
    """
    edge = sizes.finest_m * 2**sizes.grades
    if exact:
        roots = np.maximum(np.ceil((high - low) / edge - 1e-6), 1).astype(int)
        edges, origin = (high - low) / roots, low
    else:
        roots = np.ceil((high - low) / edge).astype(int) + 2
        edges, origin = np.full(3, edge), 0.5 * (low + high) - 0.5 * roots * edge
    if np.prod(roots.astype(float)) > _MOST_CELLS:
        raise InputError(
            f"mesh: size {sizes.size_m * 1e3:g} mm is too fine for a body of "
            f"{'x'.join(f'{d * 1e3:.0f}' for d in high - low)} mm: raise [mesh] size"
        )

    def must_split(centres: Array, part: float) -> np.ndarray:
        at, length = origin + centres * edges, part * float(edges.max())
        to_skin = body.from_skin(at, max(length, 0.0 if sizes.skin_m is None else 2.0 * sizes.size_m))
        edge_m = sizes.edge_m(body.from_target(at, sizes.reach_m) - 0.5 * length, np.abs(to_skin) - 0.5 * length)
        split = (to_skin < 0.9 * length) & (length > 1.001 * edge_m)
        if body.slender is not None:
            split |= (to_skin < 0.0) & body.slender(at, length / _SLENDER)
        return split

    roots_ = (int(roots[0]), int(roots[1]), int(roots[2]))
    leaves = lattice.octree(roots_, sizes.grades, must_split)
    near = None
    if not exact:
        parts = [edge * 0.5**level for level in range(len(leaves))]
        near = [
            body.from_skin(origin + (lattice.unkey(cells) + 0.5) * part, 2.0 * part) < 1.5 * part
            for cells, part in zip(leaves, parts, strict=True)
        ]
    nodes, tets = lattice.tetrahedra(roots_, leaves, near)
    points = origin + nodes * (edges * 0.5 ** (sizes.grades + 1))
    held = ((nodes == 0) | (nodes == roots << (sizes.grades + 1))) & exact
    return points, lattice.orient(points, tets), held
