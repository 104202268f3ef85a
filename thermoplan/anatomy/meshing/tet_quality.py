"""Shape quality of tetrahedra."""

from __future__ import annotations

import numpy as np

from ...base.arrays import Array, IntArray


def cross(a: Array, b: Array) -> Array:
    """Vector products ``(k, 3)`` of vectors ``(k, 3)``."""
    out = np.empty_like(a)
    out[:, 0] = a[:, 1] * b[:, 2] - a[:, 2] * b[:, 1]
    out[:, 1] = a[:, 2] * b[:, 0] - a[:, 0] * b[:, 2]
    out[:, 2] = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    return out


def dot(a: Array, b: Array) -> Array:
    """Scalar products ``(k,)`` of vectors ``(k, 3)``."""
    result: Array = np.einsum("ij,ij->i", a, b)
    return result


def norm(a: Array) -> Array:
    """Lengths ``(k,)`` of vectors ``(k, 3)``."""
    return np.sqrt(dot(a, a))


def _sides(points: Array, tets: IntArray) -> tuple[Array, Array, Array]:
    first = points[tets[:, 0]]
    return points[tets[:, 1]] - first, points[tets[:, 2]] - first, points[tets[:, 3]] - first


def quality(points: Array, tets: IntArray) -> Array:
    """Three times inradius over circumradius ``(m,)``: 1 for the regular element, negative if inverted."""
    a, b, c = _sides(points, tets)
    bc, ca, ab = cross(b, c), cross(c, a), cross(a, b)
    volume6 = dot(a, bc)
    area2 = norm(bc) + norm(ca) + norm(ab) + norm(bc + ca + ab)
    ray = norm(dot(a, a)[:, None] * bc + dot(b, b)[:, None] * ca + dot(c, c)[:, None] * ab)
    with np.errstate(invalid="ignore", divide="ignore"):
        value = 6.0 * volume6 * np.abs(volume6) / (area2 * ray)
    return np.where(volume6 > 0.0, value, -1.0)


def volumes_m3(points: Array, tets: IntArray) -> Array:
    """Volume ``(m,)``, negative if inverted."""
    a, b, c = _sides(points, tets)
    return dot(a, cross(b, c)) / 6.0


def squares_and_volumes(points: Array, tets: IntArray) -> tuple[Array, Array]:
    """Per element, the diagonal of its Laplacian ``(m, 4)`` in m, and its volume ``(m,)``."""
    a, b, c = _sides(points, tets)
    normals = [cross(b, c), cross(c, a), cross(a, b)]
    volume6 = dot(a, normals[0])
    squares = np.stack([dot(n, n) for n in (normals[0] + normals[1] + normals[2], *normals)], axis=1)
    return squares / (6.0 * volume6[:, None]), volume6 / 6.0


def stiffness(points: Array, tets: IntArray) -> Array:
    """Per node, the Laplacian's diagonal over the lumped volume, in 1/m2.

    Times the diffusivity it is about half the largest rate of an explicit step.
    """
    squares, volumes = squares_and_volumes(points, tets)
    total = np.bincount(tets.ravel(), squares.ravel(), len(points))
    return total / np.bincount(tets.ravel(), np.repeat(volumes / 4.0, 4), len(points))
