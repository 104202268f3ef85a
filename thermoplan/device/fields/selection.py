"""A selection field from points where it was measured or computed: a potential of solid harmonics."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from ...base.arrays import Array, finite, freeze, put
from ...base.errors import InputError, SolverError

_MISFIT = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class SelectionField:
    """A static field without sources or currents inside a ball, in the machine's frame.

    The potential is a sum of regular solid harmonics of degree 1 to ``degree`` about ``center_m``, lengths
    in units of ``radius_m``, so the field obeys Maxwell everywhere inside [BobergKnopp2024]. Outside the
    ball, where nothing was measured, it grows in proportion to the distance from its centre.
    ``misfit_t`` is the rms residual per component of the fit.
    """

    coefficients_t: Array
    degree: int
    center_m: Array
    radius_m: float
    misfit_t: float

    def __post_init__(self) -> None:
        put(
            self,
            coefficients_t=finite(self.coefficients_t, "selection field"),
            center_m=finite(self.center_m, "centre of the field map"),
        )

    def __repr__(self) -> str:
        return (
            f"SelectionField(degree {self.degree}, ball of {self.radius_m * 1e3:g} mm, "
            f"rms misfit {self.misfit_t * 1e3:.3g} mT)"
        )

    def field_t(self, points_m: ArrayLike) -> Array:
        """Field ``(n, 3)`` at points ``(n, 3)`` of the machine's frame."""
        local = (np.atleast_2d(points_m) - self.center_m) / self.radius_m
        beyond = np.maximum(1.0, np.linalg.norm(local, axis=1))[:, None]
        inner = _field_sum(local / beyond, self.degree, self.coefficients_t)
        middle = _field_sum(np.zeros((1, 3)), self.degree, self.coefficients_t)
        return middle + beyond * (inner - middle)

    def nearest_inside(self, points_m: ArrayLike) -> Array:
        """The points ``(n, 3)``, those outside the ball moved straight to its edge."""
        away = np.atleast_2d(points_m) - self.center_m
        return self.center_m + away / np.maximum(1.0, np.linalg.norm(away, axis=1) / self.radius_m)[:, None]

    def tensor_t_m(self, point_m: ArrayLike) -> Array:
        """Gradient ``(3, 3)`` at a point, symmetric and without trace."""
        step = 1e-3 * self.radius_m
        shifts = step * np.concatenate([np.eye(3), -np.eye(3)])
        ahead, behind = np.split(self.field_t(np.asarray(point_m) + shifts), 2)
        slope = (ahead - behind) / (2.0 * step)
        slope = 0.5 * (slope + slope.T)
        result: Array = slope - np.eye(3) * np.trace(slope) / 3.0
        return result

    def field_free_point_m(self) -> Array:
        """Field-free point, by Newton's method from the centre; refused outside the ball."""
        point = self.center_m
        for _ in range(50):
            step = np.linalg.solve(self.tensor_t_m(point), self.field_t(point)[0])
            point = point - step
            if np.linalg.norm(step) < 1e-9:
                break
        else:
            raise SolverError("selection field: no field-free point found in 50 steps")
        if np.linalg.norm(point - self.center_m) > self.radius_m:
            raise InputError(
                f"field map: its field-free point, {np.round(point * 1e3, 1)} mm, lies outside the ball "
                f"of {self.radius_m * 1e3:g} mm that was measured"
            )
        return point

    @property
    def strength_t_m(self) -> float:
        """Steepest slope at the field-free point."""
        slope = self.tensor_t_m(self.field_free_point_m())
        return float(np.abs(np.linalg.eigvalsh(slope)).max())

    def normalized(self) -> SelectionField:
        """The field at the current that makes its strength 1 T/m."""
        return self.scaled(1.0 / self.strength_t_m)

    def scaled(self, factor: float) -> SelectionField:
        """The field at ``factor`` times the current."""
        return replace(self, coefficients_t=factor * self.coefficients_t, misfit_t=abs(factor) * self.misfit_t)


def selection_field(
    points_m: ArrayLike, fields_t: ArrayLike, *, center_m: ArrayLike | None = None, degree: int = 4
) -> SelectionField:
    """Fit a field to vectors ``(n, 3)`` at points ``(n, 3)``, least squares.

    Refused where no field without sources and currents comes within 5 % of the data: a component with a
    wrong sign, swapped axes, points in another unit.
    """
    points, fields = finite(points_m, "field map, positions"), finite(fields_t, "field map, fields")
    if points.ndim != 2 or points.shape[1] != 3 or points.shape != fields.shape:
        raise InputError(f"field map: expected n x 3 positions and fields, got {points.shape} and {fields.shape}")
    unknown = degree * (degree + 2)
    if 3 * len(points) < unknown:
        raise InputError(
            f"field map: {len(points)} points cannot fix a field of degree {degree}: expected "
            f"{-(-unknown // 3)} or more"
        )
    center = points.mean(axis=0) if center_m is None else np.asarray(center_m, float)
    radius = float(np.linalg.norm(points - center, axis=1).max())
    matrix = _gradients((points - center) / radius, degree).reshape(-1, unknown)
    solution, _, rank, _ = np.linalg.lstsq(matrix, fields.ravel(), rcond=1e-10)
    if rank < unknown:
        raise InputError(f"field map: the points lie too regularly to fix a field of degree {degree}")
    residual = matrix @ solution - fields.ravel()
    misfit, size = (float(np.sqrt(np.mean(v**2))) for v in (residual, fields))
    if misfit > _MISFIT * size:
        raise InputError(
            f"field map: not free of sources and currents: the nearest field that is misses it by "
            f"{misfit * 1e3:.3g} mT rms of {size * 1e3:.3g} mT; check signs, axes and units"
        )
    return SelectionField(freeze(solution), degree, center, radius, misfit)


def left_out_rms_t(points_m: ArrayLike, fields_t: ArrayLike, *, center_m: ArrayLike, degree: int = 4) -> float:
    """Error of prediction per component: each point from a fit to the others, rms.

    ``points_m`` and ``fields_t`` are ``(n, 3)``, in the machine's frame.
    """
    points, fields = np.asarray(points_m), np.asarray(fields_t)
    errors = []
    for i in range(len(points)):
        rest = np.arange(len(points)) != i
        fit = selection_field(points[rest], fields[rest], center_m=center_m, degree=degree)
        errors.append(fit.field_t(points[i])[0] - fields[i])
    return float(np.sqrt(np.mean(np.square(errors))))


def _gradients(points: Array, degree: int) -> Array:
    """Gradients ``(n, 3, k)`` of the real solid harmonics of degree 1 to ``degree``."""
    columns = []
    for m, slope in _slopes(points, degree):
        columns += [slope.real] if m == 0 else [slope.real, slope.imag]
    return np.stack(columns, axis=2)


def _field_sum(points: Array, degree: int, coefficients: Array) -> Array:
    """``_gradients @ coefficients`` ``(n, 3)``, without the matrix."""
    total, at = np.zeros((len(points), 3)), 0
    for m, slope in _slopes(points, degree):
        total += coefficients[at] * slope.real
        if m:
            total += coefficients[at + 1] * slope.imag
        at += 2 if m else 1
    return total


def _slopes(points: Array, degree: int) -> Iterator[tuple[int, Array]]:
    """Order m and complex gradient ``(n, 3)`` of each solid harmonic of degree 1 to ``degree``."""
    solid = _solid(points, degree - 1)
    for l in range(1, degree + 1):
        for m in range(l + 1):
            up, down, same = (_pick(solid, l - 1, k) for k in (m + 1, m - 1, m))
            yield m, np.stack([0.5 * (up - down), -0.5j * (up + down), same], axis=1)


def _pick(solid: list[list[Array]], l: int, m: int) -> Array:
    if abs(m) > l:
        return np.zeros_like(solid[0][0])
    return solid[l][m] if m >= 0 else (-1) ** m * solid[l][-m].conj()


def _solid(points: Array, degree: int) -> list[list[Array]]:
    """Regular solid harmonics ``r^l P_lm(cos theta) exp(i m phi) / (l + m)!`` as ``[l][m]``.

    In this scaling the derivative along z lowers l alone and those of x plus or minus i y shift m by one.
    """
    x, y, z = points.T
    r2, plane = (points**2).sum(axis=1), x + 1j * y
    solid: list[list[Array]] = []
    for l in range(degree + 1):
        row = []
        for m in range(l):
            low = solid[l - 2][m] if m <= l - 2 else 0.0
            row.append(((2 * l - 1) * z * solid[l - 1][m] - r2 * low) / (l * l - m * m))
        row.append(-plane / (2 * l) * solid[l - 1][l - 1] if l else np.ones(len(points), complex))
        solid.append(row)
    return solid
