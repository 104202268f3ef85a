"""Warming of the animal in a protocol: its table, its defaults, and what contradicts it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..anatomy.tissue import species_facts
from ..base.errors import InputError
from .protocol import BAND_K, BLANKET_W_M2_K, WARMING_KINDS, Physiology, WarmingInput

if TYPE_CHECKING:  # pydantic loads only when a protocol is read
    from .toml_tables import BedTable, WarmingTable

SIDES = {
    "prone": ("belly", (0.0, 1.0, 0.0)),
    "supine": ("back", (0.0, -1.0, 0.0)),
    "left": ("left side", (-1.0, 0.0, 0.0)),
    "right": ("right side", (1.0, 0.0, 0.0)),
}
"""Word of a pose -> the side that lies on the bed, and the direction, RAS, that it faces; where no word is said, the
first."""


def warming_of(
    table: WarmingTable | None, physiology: Physiology, species: str, lies: tuple[str, BedTable | None], path: Path
) -> WarmingInput:
    """Warming of a protocol; ``lies`` are the pose and the bed, of which one says which side lies below."""
    if table is None:
        return WarmingInput(default_kind(physiology, species))
    where = f"{path.name}: warming"
    wrong = [f"{where}.{text}" for text in _contradictions(table, physiology, species)]
    if wrong:
        raise InputError(wrong)
    pose, bed = lies
    kind: str = table.kind or default_kind(physiology, species)
    normal: tuple[float, float, float] | None = table.normal
    surface: str | None = table.surface
    side = WARMING_KINDS[kind].side
    if side and normal is None and surface is None:
        normal, surface = _side(pose, bed, up=side == "over")
    return WarmingInput(
        kind,
        table.set_point,
        table.probe or "core",
        table.max_power,
        BAND_K if table.band is None else table.band,
        normal,
        surface,
        table.temperature,
        BLANKET_W_M2_K if table.heat_transfer is None else table.heat_transfer,
        is_given=True,
    )


def default_kind(physiology: Physiology, species: str) -> str:
    """Kind of a protocol without a table of it."""
    if physiology.core == "fixed" or not species_facts(species).is_alive:
        return "held"
    return "constant"


def _side(pose: str, bed: BedTable | None, *, up: bool) -> tuple[tuple[float, float, float] | None, str | None]:
    """Normal or named surface of the side on the bed, or of the one that faces up."""
    if bed is not None and bed.surface is not None and not up:
        return None, bed.surface
    if bed is not None and bed.normal is not None:
        below: tuple[float, float, float] = bed.normal
    else:
        said = [direction for word, (_, direction) in SIDES.items() if word in pose.lower()]
        below = said[0] if said else SIDES["prone"][1]
    return ((-below[0], -below[1], -below[2]) if up else below), None


def _contradictions(table: WarmingTable, physiology: Physiology, species: str) -> Iterator[str]:
    """Keys that are missing or have no place beside each other, each with what would do."""
    kind = table.kind or default_kind(physiology, species)
    if not species_facts(species).is_alive:
        yield f'kind = "{kind}": a {species} has no core that could be kept warm; remove the table'
        return
    if physiology.core == "fixed" and kind != "held":
        key = "core_course" if physiology.core_course is not None else 'core = "fixed"'
        yield f'kind = "{kind}": physiology.{key} says what the core is; remove that key, or the table'
    given = table.model_dump(exclude_none=True)
    for key in ("set_point", "max_power", "band", "probe"):
        if key in given and WARMING_KINDS[kind].law != "regulated":
            yield f'{key}: has no place with kind = "{kind}"; expected kind = "regulated-pad" or "lamp"'
    for key in ("normal", "surface"):
        if key in given and not WARMING_KINDS[kind].side:
            yield f'{key}: has no place with kind = "{kind}", whose heat enters through no side'
    if "normal" in given and "surface" in given:
        yield "normal: has no place beside surface; expected one of them"
    if kind == "water-blanket" and "temperature" not in given:
        yield 'temperature: missing: expected that of the water, such as "37.5 degC"'
    for key in ("temperature", "heat_transfer"):
        if key in given and kind != "water-blanket":
            yield f'{key}: has no place with kind = "{kind}"; expected kind = "water-blanket"'
    yield from _set_point(table, physiology)


def _set_point(table: WarmingTable, physiology: Physiology) -> Iterator[str]:
    from .surroundings import SAME_K

    held = table.set_point
    if held is None or (table.probe or "core") != "core":
        return
    if physiology.arterial_given and abs(held - physiology.arterial_c) > SAME_K:
        yield (
            f"set_point = {held:g} degC, but physiology.arterial = {physiology.arterial_c:g} degC: a regulated animal "
            "starts at the set point: leave arterial out, or correct one of the two"
        )


def below_room(warming: WarmingInput, arterial_c: float, room_c: float) -> str | None:
    """Complaint on a set point or blanket that is colder than the room; None where it warms."""
    key, held = "set_point", warming.held_c(arterial_c)
    if warming.temperature_c is not None:
        key, held = "temperature", warming.temperature_c
    if not WARMING_KINDS[warming.kind].side or held > room_c:
        return None
    return f"{key} = {held:g} degC: the room is at {room_c:g} degC, so nothing would be warmed; expected more than that"
