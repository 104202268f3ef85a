"""Typed shape of a comparison of two runs, as plain data; None where a run does not have a value."""

from __future__ import annotations

from typing import NotRequired, TypedDict

Value = float | str | bool | list[float] | None


class Pair(TypedDict):
    """Value of A and of B; ``difference`` is B - A where both are numbers."""

    a: Value
    b: Value
    difference: float | None


class RunHeading(TypedDict):
    """Name, state and verdict of a run."""

    run: str
    name: str | None
    kind: str | None
    status: str | None
    created: str | None
    quick: bool
    verdict: str | None


class GoalPair(Pair):
    """Goal or limit of either run; a bound that changed stands in both its values."""

    kind: str
    region: str
    metric: str
    sense: str | None
    unit: str | None
    bound_a: float | None
    bound_b: float | None
    met_a: bool | None
    met_b: bool | None


class NamedPair(Pair):
    """Quantity or parameter of the runs."""

    name: str
    unit: str | None


class InputState(TypedDict):
    """Input file, and how its bytes agree: same, differs, only in A, only in B."""

    file: str
    state: str


class ExtremeRecord(TypedDict):
    """Extreme of a difference, and its place in RAS mm."""

    difference: float
    position_mm: list[float]


class MapDifferenceRecord(TypedDict):
    """Extremes of the difference of two maps, and the mean of the sizes of all differences."""

    unit: str
    voxels: int
    highest: ExtremeRecord | None
    lowest: ExtremeRecord | None
    mean_size: float | None


class Comparison(TypedDict):
    """Comparison of two runs."""

    a: RunHeading
    b: RunHeading
    goals: list[GoalPair]
    numbers: list[NamedPair]
    core_max_c: Pair
    organs: dict[str, dict[str, Pair]]
    parameters: list[NamedPair]
    inputs: list[InputState]
    maps: dict[str, MapDifferenceRecord]
    files: NotRequired[list[str]]
