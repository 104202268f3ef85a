"""Registration: a transform with its residual and its expected error at a target."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...base.arrays import Array, finite, put
from ...base.errors import InputError


@dataclass(frozen=True, slots=True, eq=False)
class Landmarks:
    """Points that were found in both frames: ``moving_m`` and ``fixed_m`` ``(n, 3)``, RAS+ metres."""

    names: tuple[str, ...]
    moving_m: Array
    fixed_m: Array

    def __post_init__(self) -> None:
        moving, fixed = finite(self.moving_m, "landmarks, moving"), finite(self.fixed_m, "landmarks, fixed")
        if not moving.shape == fixed.shape == (len(self.names), 3):
            raise InputError(f"landmarks: {len(self.names)} names for points of shape {moving.shape} and {fixed.shape}")
        put(self, moving_m=moving, fixed_m=fixed)

    def __len__(self) -> int:
        return len(self.names)

    def without(self, number: int) -> Landmarks:
        keep = np.arange(len(self)) != number
        names = tuple(name for name, kept in zip(self.names, keep, strict=True) if kept)
        return Landmarks(names, self.moving_m[keep], self.fixed_m[keep])


@dataclass(frozen=True, slots=True, eq=False)
class Registration:
    """A transform from the image's frame into the anatomy's.

    Parameters
    ----------
    matrix_m
        ``(4, 4)`` in metres.
    method
        "file", "landmarks" or "intensity".
    source
        Where it comes from, for people: names of files.
    residual_m
        Root mean square of what is left: at the landmarks (fiducial registration error), or between searches from
        different starts, a voxel's own spread included; None where a file does not say.
    leave_one_out_m
        Root mean square error at each landmark when the others alone are fitted; None with fewer than four.
    landmarks
        What was fitted, with the distances left at each (metres) in ``left_m``.
    """

    matrix_m: Array
    method: str
    source: str = ""
    residual_m: float | None = None
    leave_one_out_m: float | None = None
    landmarks: Landmarks | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        matrix = finite(self.matrix_m, "registration")
        if matrix.shape != (4, 4) or abs(np.linalg.det(matrix)) < 1e-9:
            raise InputError(
                f"registration: expected four rows of four numbers that can be undone, got {matrix.tolist()}"
            )
        put(self, matrix_m=matrix)

    @property
    def left_m(self) -> Array:
        """Distance left at each landmark ``(n,)``."""
        if self.landmarks is None:
            return np.zeros(0)
        return np.linalg.norm(move_points(self.matrix_m, self.landmarks.moving_m) - self.landmarks.fixed_m, axis=1)

    def displacement_m(self, points_m: Array) -> Array:
        """Displacement vector of what now lies at ``points_m (..., 3)``."""
        return np.asarray(points_m) - move_points(np.linalg.inv(self.matrix_m), points_m)

    def expected_error_m(self, point_m: Array) -> float | None:
        """Root mean square error to expect at a point of the anatomy, from the landmarks' residual [Fitzpatrick1998].

        The landmarks' errors are taken as equal and independent: ``FLE2 = FRE2 n / (n - 2)`` and
        ``TRE2 = FLE2 / n (1 + sum_k d_k2 / f_k2 / 3)``, with the distances of the point and of the landmarks (root mean
        square) from the landmarks' principal axes. None without landmarks.
        """
        if self.landmarks is None or self.residual_m is None:
            return None
        count, points = len(self.landmarks), self.landmarks.fixed_m
        centred = points - points.mean(axis=0)
        axes = np.linalg.svd(centred)[2]
        spread, away = (centred @ axes.T) ** 2, ((np.asarray(point_m) - points.mean(axis=0)) @ axes.T) ** 2
        ratio = [(away.sum() - away[k]) / (spread.sum(axis=1) - spread[:, k]).mean() for k in range(3)]
        return float(np.sqrt(self.residual_m**2 / (count - 2) * (1.0 + sum(ratio) / 3.0)))


def move_points(matrix: Array, points: Array) -> Array:
    """``points (..., 3)`` after a ``(4, 4)``."""
    return np.asarray(points) @ matrix[:3, :3].T + matrix[:3, 3]
