"""File of nested dicts, lists, tuples, numbers and arrays, which is whole or the one before."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ...base.array_files import load_arrays
from ...base.arrays import AnyArray
from ...base.cache import DAMAGED
from ...base.errors import InputError


def dump_state(path: Path, state: Mapping[str, object]) -> None:
    """Write a state beside its place, and move it there once it is on disk."""
    arrays: list[AnyArray] = []
    tree = np.array(json.dumps(_pack(state, arrays)))
    parts: dict[str, AnyArray] = {"tree": tree, **{f"a{i}": array for i, array in enumerate(arrays)}}
    work = path.with_name(f".{path.name}.{os.getpid()}")
    with work.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **parts)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(work, path)


def load_state(path: Path) -> dict[str, object]:
    """Read a state as it was written.

    Raises
    ------
    InputError
        Where the file is damaged.
    """
    try:
        arrays = load_arrays(path)
        state = _unpack(json.loads(str(arrays["tree"])), arrays)
        if not isinstance(state, dict):
            raise TypeError("no state in it")
        return state
    except DAMAGED as problem:
        raise InputError(f"{path}: cannot be read: {problem}; simulate anew") from problem


def _pack(value: object, arrays: list[AnyArray]) -> object:
    """A tree for JSON, in which arrays are named by their number."""
    if isinstance(value, np.ndarray):
        arrays.append(value)
        return {"array": len(arrays) - 1}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, list | tuple):
        return {type(value).__name__: [_pack(part, arrays) for part in value]}
    if isinstance(value, Mapping):
        return {"dict": [[key, _pack(part, arrays)] for key, part in value.items()]}
    return value


def _unpack(tree: object, arrays: Mapping[str, AnyArray]) -> object:
    if not isinstance(tree, dict):
        return tree
    ((kind, parts),) = tree.items()
    if kind == "array":
        return arrays[f"a{parts}"]
    if kind == "dict":
        return {key: _unpack(part, arrays) for key, part in parts}
    found = [_unpack(part, arrays) for part in parts]
    return tuple(found) if kind == "tuple" else found
