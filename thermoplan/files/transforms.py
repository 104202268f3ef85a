"""Rigid and affine transforms from files: a plain 4 x 4, or what ITK and 3D Slicer write.

A plain 4 x 4 moves the image into the anatomy, in RAS millimetres. An ITK file, which Slicer writes too,
says where in the moving image a point of the fixed one is found, in LPS: with the anatomy fixed and the
image moving it is turned about, so that both say the same thing here.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from ..arrays import Array, frozen
from ..errors import InputError
from .images import existing

_LPS = np.diag([-1.0, -1.0, 1.0])
_ITK = "#Insight Transform File"


def read_transform(path: Path | str, *, notes: list[str] | None = None) -> Array:
    """Image to anatomy, ``(4, 4)`` in metres, from ``.txt``, ``.tfm`` or ITK's ``.h5``."""
    path = existing(path)
    if path.suffix.lower() in (".h5", ".hdf5"):
        rows = _from_itk(*_itk_hdf5(path), path.name)
    else:
        try:
            text = path.read_text(encoding="utf-8")
            rows = _from_itk(*_itk_text(text, path.name), path.name) if text.startswith(_ITK) else np.loadtxt(
                text.splitlines(), ndmin=2)
        except (ValueError, UnicodeDecodeError) as problem:
            raise InputError(f"{path.name}: expected four rows of four numbers (RAS, mm): {problem}") from problem
    return transform_m(rows, path.name, notes=notes)


def transform_m(rows: ArrayLike, name: str, *, notes: list[str] | None = None) -> Array:
    """``rows`` with its shift in millimetres, checked, as ``(4, 4)`` in metres."""
    matrix = np.array(rows, float)
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
        raise InputError(f"{name}: expected four rows of four numbers (RAS, mm), got shape {matrix.shape}")
    if not np.allclose(matrix[3], [0, 0, 0, 1]):
        raise InputError(f"{name}: the last row is {matrix[3].tolist()}; expected 0 0 0 1")
    turn = matrix[:3, :3]
    if abs(np.linalg.det(turn)) < 1e-6:
        raise InputError(f"{name}: the matrix is singular: it flattens the image")
    if notes is not None and not np.allclose(turn @ turn.T, np.eye(3), atol=1e-3):
        factor = abs(np.linalg.det(turn))
        notes.append(f"{name}: the transform is not rigid: it scales volumes by {factor:.3g}")
    matrix[:3, 3] *= 1e-3
    return frozen(matrix)


def _itk_text(text: str, name: str) -> tuple[str, Array, Array]:
    """Kind, parameters and fixed parameters of the one transform in the file."""
    kinds = re.findall(r"^Transform:\s*(\S+)", text, re.M)
    numbers = {key: [float(x) for x in values.split()]
               for key, values in re.findall(r"^(Parameters|FixedParameters):(.*)$", text, re.M)}
    if len(kinds) != 1 or "Parameters" not in numbers:
        raise InputError(f"{name}: holds {len(kinds)} transforms; expected one, rigid or affine")
    return kinds[0], np.array(numbers["Parameters"]), np.array(numbers.get("FixedParameters", [0.0, 0.0, 0.0]))


def _itk_hdf5(path: Path) -> tuple[str, Array, Array]:
    import h5py

    try:
        with h5py.File(path, "r") as file:
            groups = [file["TransformGroup"][key] for key in file["TransformGroup"]]
            single = [g for g in groups if "Composite" not in str(g["TransformType"][()])]
            if len(single) != 1:
                raise InputError(f"{path.name}: holds {len(single)} transforms; expected one, rigid or affine")
            kind = np.ravel(single[0]["TransformType"][()])[0].decode()
            found = [next((np.asarray(single[0][key]) for key in (f"Transform{part}", f"Tranform{part}")
                           if key in single[0]), np.zeros(3)) for part in ("Parameters", "FixedParameters")]
            return kind, found[0], found[1]
    except (OSError, KeyError, RuntimeError, AttributeError) as problem:
        raise InputError(f"{path.name}: cannot be read as a transform of ITK: {problem}") from problem


def _from_itk(kind: str, parameters: Array, fixed: Array, name: str) -> Array:
    """The 4 x 4 in RAS millimetres that undoes the transform."""
    turn, shift = _TURNS.get(kind.split("_")[0], _unknown)(parameters, name)
    centre = fixed[:3] if len(fixed) >= 3 else np.zeros(3)
    matrix = np.eye(4)
    matrix[:3, :3] = _LPS @ turn @ _LPS
    matrix[:3, 3] = _LPS @ (shift + centre - turn @ centre)
    if abs(np.linalg.det(matrix)) < 1e-6:
        raise InputError(f"{name}: the matrix is singular: it flattens the image")
    return np.linalg.inv(matrix)


def _affine(p: Array, name: str) -> tuple[Array, Array]:
    return _counted(p, 12, name)[:9].reshape(3, 3), p[9:]


def _translation(p: Array, name: str) -> tuple[Array, Array]:
    return np.eye(3), _counted(p, 3, name)


def _euler(p: Array, name: str) -> tuple[Array, Array]:
    """Angles about x, y, z; the matrix is Rz Rx Ry."""
    _counted(p, 6, name)
    (cx, cy, cz), (sx, sy, sz) = np.cos(p[:3]), np.sin(p[:3])
    x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return z @ x @ y, p[3:]


def _versor(p: Array, name: str) -> tuple[Array, Array]:
    """The vector part of a unit quaternion."""
    x, y, z = _counted(p, 6, name)[:3]
    w = np.sqrt(max(0.0, 1.0 - x * x - y * y - z * z))
    return np.array([[1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
                     [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
                     [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)]]), p[3:]


def _counted(p: Array, count: int, name: str) -> Array:
    if p.shape != (count,):
        raise InputError(f"{name}: has {p.size} parameters; expected {count}")
    return p


def _unknown(p: Array, name: str) -> tuple[Array, Array]:
    raise InputError(f"{name}: is a transform of another kind; expected one of {', '.join(_TURNS)}")


_TURNS = {"AffineTransform": _affine, "MatrixOffsetTransformBase": _affine, "TranslationTransform": _translation,
          "Euler3DTransform": _euler, "VersorRigid3DTransform": _versor}
