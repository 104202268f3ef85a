"""Physical groups of gmsh's format 4, from which meshio keeps the first group of each entity.

Format 4 writes an element once, under its entity, and an entity may lie in several groups, or in none where all
elements were saved. meshio loses the others in silence, and gives up where there is none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np

from ...base.arrays import AnyArray

type Groups = dict[tuple[int, int], list[int]]
"""Tags of the physical groups of an entity, by its dimension and tag."""

_HEAD = re.compile(rb"\s*(?:\$Comments\s.*?\$EndComments\s+)?\$MeshFormat\s+(4\S*)\s+([01])\s+(\d+)\s", re.S)
_ENTITIES = re.compile(rb"^\$Entities[ \t]*\r?\n", re.M)
_END = re.compile(rb"\s*\$EndEntities[ \t]*\r?\n?")
_NAMES = re.compile(rb"^\$PhysicalNames\s+\d+\s+(.*?)^\$EndPhysicalNames", re.M | re.S)
_NAME = re.compile(r'^\s*(\d+)\s+(-?\d+)\s+"(.*)"\s*$', re.M)
_INT = np.dtype(np.int32)
_DOUBLE = np.dtype(np.float64)
_POINT = 3
_BOX = 6
"""Numbers that place an entity; a point is a box in format 4.0."""


def group_names(raw: bytes) -> list[list[object]]:
    """Dimension, tag and name of each named group; meshio keeps one of two groups that share a name."""
    section = _NAMES.search(raw)
    found = _NAME.findall(section[1].decode("utf-8", "replace")) if section else []
    return [[int(dimension), int(tag), name] for dimension, tag, name in found]


def without_entities(raw: bytes) -> tuple[bytes, Groups]:
    """Content without its section of entities, and the groups that were listed there; none in other formats.

    gmsh writes 4 for its format 4.0, which meshio takes for 4.1: it is told by its corners, and 4.0 is written there.
    """
    head, start = _HEAD.match(raw), _ENTITIES.search(raw)
    if head is None or start is None:
        return raw, {}
    (first, *others) = {b"4": (_POINT, _BOX), b"4.0": (_BOX,)}.get(head[1], (_POINT,))
    try:
        groups, end = _entities(raw, start.end(), head, first)
    except ValueError:
        if not others:
            raise
        groups, end = _entities(raw, start.end(), head, others[0])
        at, after = head.span(1)
        return raw[:at] + b"4.0" + raw[after : start.start()] + raw[end:], groups
    return raw[: start.start()] + raw[end:], groups


def _entities(raw: bytes, place: int, head: re.Match[bytes], corners: int) -> tuple[Groups, int]:
    """Groups of the entities whose section begins at a place, and the place behind the section."""
    numbers = _Numbers(raw, place, is_text=head[2] == b"0")
    size = np.dtype(f"u{int(head[3])}")
    groups: Groups = {}
    for dimension, count in enumerate(numbers.take(size, 4)):
        for _ in range(int(count)):
            (tag,) = numbers.take(_INT, 1)
            numbers.take(_DOUBLE, _BOX if dimension else corners)
            groups[dimension, int(tag)] = [abs(int(t)) for t in numbers.take(_INT, int(numbers.take(size, 1)[0]))]
            if dimension:
                numbers.take(_INT, int(numbers.take(size, 1)[0]))
    end = _END.match(raw, numbers.place)
    if end is None:
        raise ValueError("its section of entities does not end where its counts say")
    return groups, end.end()


@dataclass(slots=True, eq=False)
class _Numbers:
    """Numbers of a section one after the other, in text or binary; ``place`` is behind the last that was taken."""

    raw: bytes
    place: int
    is_text: bool
    _number: re.Pattern[bytes] = field(default=re.compile(rb"\s*([-+.\deE]+)"))

    def take(self, kind: np.dtype[np.generic], count: int) -> AnyArray:
        if not self.is_text:
            end = self.place + count * kind.itemsize
            if end > len(self.raw):
                raise ValueError("its section of entities is cut short")
            taken, self.place = np.frombuffer(self.raw[self.place : end], kind), end
            return taken
        values: list[float] = []
        for _ in range(count):
            found = self._number.match(self.raw, self.place)
            if found is None:
                raise ValueError("its section of entities is cut short")
            values.append(float(found[1]))
            self.place = found.end()
        return np.array(values)
