"""Transforms as ITK keeps them: one or several steps, each a kind with its parameters, in LPS millimetres.

Read by hand: SimpleITK is an optional part of 53 MB, 260 MB unpacked, and a plan with a transform does without it. The
tests hold every kind of transform, in every format, against SimpleITK.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...base.arrays import Array
from ...base.errors import InputError
from ..isolated.hdf5_content import read_hdf5

ITK_TEXT = "#Insight Transform File"
_COMPOSITE = "CompositeTransform"
_STEPS = "TransformGroup"
_PARTS = {part: (f"Transform{part}", f"Tranform{part}") for part in ("Parameters", "FixedParameters")}
_LONGEST_MAT = 2**20
"""Bytes of a MATLAB file at most: a transform has a dozen numbers."""
_MATLAB_KINDS = {("<", 0): "<f8", ("<", 10): "<f4", (">", 1000): ">f8", (">", 1010): ">f4"}


class Step(NamedTuple):
    """One transform of a file: its kind without type and dimension, parameters, fixed parameters."""

    kind: str
    parameters: Array
    fixed: Array


def steps_of_text(text: str, name: str) -> list[Step]:
    """The transforms of an ITK text file, in the file's order."""
    steps: list[Step] = []
    numbers: dict[str, Array] = {}
    kind = ""
    for line in [*text.splitlines(), "Transform: end"]:
        key, found, value = line.partition(":")
        if not found or line.startswith("#"):
            continue
        if key == "Transform":
            if kind:
                steps.append(_step(kind, numbers, name))
            kind, numbers = value.strip(), {}
        else:
            numbers[key] = np.array([float(x) for x in value.split()])
    return _linear(steps, name)


def steps_of_hdf5(path: Path) -> list[Step]:
    """The transforms of ITK's HDF5, in the order of their numbers; ITK once misspelt the keys."""
    keys = (f"{_STEPS}/*/{part}" for part in ("TransformType", *_PARTS["Parameters"], *_PARTS["FixedParameters"]))
    content = read_hdf5(path, "cannot be read as a transform of ITK", small=tuple(keys))
    if _STEPS not in content.names:
        raise InputError(f"{path.name}: holds no /{_STEPS}; expected a transform that ITK or 3D Slicer wrote")
    numbers = dict.fromkeys(key.split("/")[1] for key in content.entries())
    if not all(number.isdecimal() and number.isascii() for number in numbers):
        raise InputError(f"{path.name}: /{_STEPS} has the entries {', '.join(numbers)}; expected numbers: save it anew")
    steps = []
    for number in sorted(numbers, key=int):
        home = f"{_STEPS}/{number}"
        found = {
            part: values
            for part, keys in _PARTS.items()
            for key in keys
            if (values := content.numbers(f"{home}/{key}")) is not None
        }
        steps.append(_step(content.text(f"{home}/TransformType"), found, path.name))
    return _linear(steps, path.name)


def steps_of_mat(path: Path) -> list[Step]:
    """The one transform of a MATLAB file as ITK writes it: a variable named by kind, and ``fixed``."""
    held = dict(_matlab_4(path))
    kinds = [key for key in held if "Transform" in key]
    fixed = held.get("fixed", np.zeros(0))
    steps = [_step(kind, {"Parameters": held[kind], "FixedParameters": fixed}, path.name) for kind in kinds]
    if any(step.kind == _COMPOSITE for step in steps):
        raise InputError(f"{path.name}: ITK keeps only part of a composite transform in .mat; save it as .tfm or .h5")
    return _linear(steps, path.name)


def _matlab_4(path: Path) -> Iterator[tuple[str, Array]]:
    """Names and numbers of a MATLAB file of level 4: real matrices of doubles or singles, as ITK writes them."""
    raw, start = path.read_bytes()[:_LONGEST_MAT], 0
    while start < len(raw):
        kind, begin, end = "", 0, -1
        for order in "<>" if len(raw) - start >= 20 else "":
            code, rows, columns, imaginary, length = struct.unpack_from(order + "5i", raw, start)
            if (order, code) in _MATLAB_KINDS and min(rows, columns, length) >= 0 and not imaginary:
                kind, begin = _MATLAB_KINDS[order, code], start + 20 + length
                end = begin + rows * columns * np.dtype(kind).itemsize
        if not begin <= end <= len(raw):
            raise InputError(
                f"{path.name}: cannot be read as a transform of ITK (MATLAB), it may be cut short: save it as .tfm"
            )
        name = raw[start + 20 : begin].rstrip(b"\x00").decode("latin-1")
        yield name, np.frombuffer(raw[begin:end], kind).astype(float)
        start = end


def compose_steps(steps: list[Step], name: str) -> Array:
    """``(4, 4)`` of all steps, the last one applied first, as in ITK."""
    matrix = np.eye(4)
    for kind, parameters, fixed in steps:
        turn, shift = _TURNS[kind](parameters, fixed, name)
        centre = fixed[:3] if len(fixed) >= 3 else np.zeros(3)
        step = np.eye(4)
        step[:3, :3], step[:3, 3] = turn, shift + centre - turn @ centre
        matrix = matrix @ step
    return matrix


def _step(kind: str, numbers: dict[str, Array], name: str) -> Step:
    if "_" in kind and not kind.endswith("_3_3"):
        raise InputError(f"{name}: {kind}: expected a transform of three dimensions")
    nothing = np.zeros(0)
    return Step(kind.split("_")[0], numbers.get("Parameters", nothing), numbers.get("FixedParameters", nothing))


def _linear(steps: list[Step], name: str) -> list[Step]:
    composite = any(step.kind == _COMPOSITE for step in steps)
    steps = [step for step in steps if step.kind != _COMPOSITE]
    if not steps or (len(steps) > 1 and not composite):
        raise InputError(f"{name}: holds {len(steps)} transforms; expected one, rigid or affine, or one composite")
    for step in steps:
        if step.kind not in _TURNS:
            raise InputError(
                f"{name}: {step.kind}: a transform of another kind; expected one of {', '.join(_TURNS)}: "
                "harden or export it as linear"
            )
    return steps


def _check_count(p: Array, count: int, name: str) -> Array:
    if p.shape != (count,) or not np.isfinite(p).all():
        raise InputError(f"{name}: has {p.size} parameters; expected {count} numbers")
    return p


def _identity(p: Array, fixed: Array, name: str) -> tuple[Array, Array]:
    return np.eye(3), np.zeros(3)


def _affine(p: Array, fixed: Array, name: str) -> tuple[Array, Array]:
    return _check_count(p, 12, name)[:9].reshape(3, 3), p[9:]


def _translation(p: Array, fixed: Array, name: str) -> tuple[Array, Array]:
    return np.eye(3), _check_count(p, 3, name)


def _scale(p: Array, fixed: Array, name: str) -> tuple[Array, Array]:
    return np.diag(_check_count(p, 3, name)), np.zeros(3)


def _euler(p: Array, fixed: Array, name: str) -> tuple[Array, Array]:
    """Angles about x, y, z; the matrix is Rz Rx Ry, or Rz Ry Rx where a fourth fixed parameter says so."""
    _check_count(p, 6, name)
    (cx, cy, cz), (sx, sy, sz) = np.cos(p[:3]), np.sin(p[:3])
    x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    other_order = len(fixed) > 3 and fixed[3] != 0.0
    return z @ y @ x if other_order else z @ x @ y, p[3:]


def _turn(vector: Array) -> Array:
    """The matrix of a unit quaternion, given its vector part."""
    x, y, z = vector
    w = np.sqrt(max(0.0, 1.0 - x * x - y * y - z * z))
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def _versor(p: Array, fixed: Array, name: str) -> tuple[Array, Array]:
    return _turn(_check_count(p, 6, name)[:3]), p[3:]


def _rotation(p: Array, fixed: Array, name: str) -> tuple[Array, Array]:
    return _turn(_check_count(p, 3, name)), np.zeros(3)


def _similarity(p: Array, fixed: Array, name: str) -> tuple[Array, Array]:
    return _turn(_check_count(p, 7, name)[:3]) * p[6], p[3:6]


_TURNS: dict[str, Callable[[Array, Array, str], tuple[Array, Array]]] = {
    "AffineTransform": _affine,
    "MatrixOffsetTransformBase": _affine,
    "TranslationTransform": _translation,
    "Euler3DTransform": _euler,
    "VersorRigid3DTransform": _versor,
    "VersorTransform": _rotation,
    "Similarity3DTransform": _similarity,
    "ScaleTransform": _scale,
    "IdentityTransform": _identity,
}
