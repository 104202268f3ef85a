"""The rigid motion that brings paired landmarks closest together."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...base.arrays import Array, freeze
from ...base.errors import InputError
from .registration import Landmarks, Registration, move_points

FEWEST = 3
_FLAT = 0.02
"""Spread of landmarks across their line, as a part of that along it, below which no turn about it is known."""
_LEAN = 0.1
"""The same below which the turn is poorly known."""
_SCALE = 0.03
"""Relative difference of size between the two sets, which no rigid motion makes, from which a note says so."""
_MIRROR = 0.5
"""Part of the residual that a mirrored set would leave, below which a note says that one set may be mirrored."""


def rigid_from_landmarks(landmarks: Landmarks, source: str = "landmarks") -> Registration:
    """The rotation and shift of least squared distance, never a reflection [Kabsch1976, Umeyama1991].

    Refused with fewer than three landmarks, or when they lie in a line: the turn about it would be arbitrary.
    """
    _refuse_lines(landmarks, source)
    matrix = _best(landmarks.moving_m, landmarks.fixed_m)
    found = Registration(matrix, "landmarks", source, landmarks=landmarks)
    residual = float(np.sqrt((found.left_m**2).mean()))
    return Registration(
        matrix,
        "landmarks",
        source,
        residual,
        _leave_one_out(landmarks),
        landmarks,
        tuple(f"{source}: {text}" for text in _warnings(landmarks, residual)),
    )


def _best(moving: Array, fixed: Array) -> Array:
    start, end = moving.mean(axis=0), fixed.mean(axis=0)
    u, _, vt = np.linalg.svd((moving - start).T @ (fixed - end))
    upright = np.diag([1.0, 1.0, np.sign(np.linalg.det(vt.T @ u.T))])
    matrix = np.eye(4)
    matrix[:3, :3] = vt.T @ upright @ u.T
    matrix[:3, 3] = end - matrix[:3, :3] @ start
    return freeze(matrix)


def _spreads(points: Array) -> Array:
    """Root mean square extent along the three principal axes, largest first."""
    result: Array = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)[:3] / np.sqrt(len(points))
    return result


def _refuse_lines(landmarks: Landmarks, source: str) -> None:
    if len(landmarks) < FEWEST:
        raise InputError(f"{source}: {len(landmarks)} landmarks; expected {FEWEST} or more that do not lie in one line")
    for side, points in (("moving", landmarks.moving_m), ("fixed", landmarks.fixed_m)):
        spread = _spreads(points)
        if spread[1] <= _FLAT * spread[0]:
            raise InputError(
                f"{source}: the {side} landmarks lie in one line or one place, so the turn about it is "
                "unknown: add a landmark off that line"
            )


def _leave_one_out(landmarks: Landmarks) -> float | None:
    if len(landmarks) <= FEWEST:
        return None
    errors = []
    for number in range(len(landmarks)):
        rest = landmarks.without(number)
        spread = _spreads(rest.moving_m)
        if spread[1] <= _FLAT * spread[0]:
            return None
        matrix = _best(rest.moving_m, rest.fixed_m)
        errors.append(np.linalg.norm(move_points(matrix, landmarks.moving_m[number]) - landmarks.fixed_m[number]))
    return float(np.sqrt(np.mean(np.square(errors))))


def _warnings(landmarks: Landmarks, residual: float) -> Iterator[str]:
    moving, fixed = landmarks.moving_m, landmarks.fixed_m
    spread = _spreads(fixed)
    if len(landmarks) == FEWEST:
        yield "three landmarks fit almost whatever they are: the residual says little; give four or more"
    if spread[1] < _LEAN * spread[0]:
        yield (
            f"the landmarks lie nearly in one line ({spread[1] * 1e3:.2g} mm across, {spread[0] * 1e3:.2g} mm "
            "along): the turn about it is poorly known; add a landmark off that line"
        )
    scale = float(np.linalg.norm(fixed - fixed.mean(axis=0)) / np.linalg.norm(moving - moving.mean(axis=0)))
    if abs(scale - 1.0) > _SCALE:
        yield (
            f"the fixed landmarks lie {scale:.3g} times as far apart as the moving ones, which no rigid motion "
            "makes: check units and voxel sizes"
        )
    mirror = np.diag([-1.0, 1.0, 1.0])
    mirrored = move_points(_best(moving @ mirror, fixed), moving @ mirror) - fixed
    if np.sqrt((mirrored**2).sum(axis=1).mean()) < _MIRROR * residual and residual > 1e-3 * spread[0]:
        yield "the landmarks fit better as mirror images: check left and right, and RAS against LPS"
