"""Core, skin and bed of a protocol, and the courses that they follow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..base.errors import InputError
from ..bioheat.problem import TemperatureCourse
from .protocol import AMBIENT_C, AROUND_C, CORE_C, CORE_SPAN_C, Physiology, Surface

if TYPE_CHECKING:  # pydantic loads only when a protocol is read
    from .toml_tables import BedTable, PhysiologyTable, SkinTable

SAME_K = 0.05
"""Two statements of one temperature may differ by so much: thermometers are read to a tenth."""


def physiology_of(table: PhysiologyTable, species: str, path: Path) -> Physiology:
    """A phantom has no blood: it starts at the temperature of the room unless the protocol says otherwise."""
    alive = species != "phantom"
    arterial = (CORE_C if alive else AMBIENT_C) if table.arterial is None else table.arterial
    core: str = table.core or ("pool" if alive else "fixed")
    course = None
    if table.core_course:
        course = course_of(table.core_course, "physiology.core_course", path, CORE_SPAN_C)
        begins = float(course.at(0.0))
        if table.arterial is not None and abs(table.arterial - begins) > SAME_K:
            raise InputError(
                f"{path.name}: physiology.arterial: {table.arterial:g} degC, but {table.core_course} "
                f"begins at {begins:g} degC: leave arterial out, or correct one of the two"
            )
        arterial, core = begins, "fixed"
    given = table.arterial is not None or course is not None
    return Physiology(arterial, core, table.body_mass, table.anaesthesia, course, given)


def surface_of(table: SkinTable | BedTable | None, key: str, path: Path) -> Surface:
    """Boundary condition of a table that stands at ``key`` in the protocol at ``path``."""
    if table is None:
        return Surface()
    normal: tuple[float, float, float] | None = getattr(table, "normal", None)
    surface: str | None = getattr(table, "surface", None)
    if table.insulated:
        return Surface("insulated", normal=normal, surface=surface)
    if table.temperature is not None:
        return Surface("dirichlet", temperature_c=table.temperature, normal=normal, surface=surface)
    given = AMBIENT_C if table.ambient is None else table.ambient
    course = course_of(table.ambient_course, f"{key}.ambient_course", path, AROUND_C) if table.ambient_course else None
    ambient = given if course is None else float(course.at(0.0))
    return Surface(
        "robin",
        table.heat_transfer,
        ambient,
        normal=normal,
        surface=surface,
        course=course,
        emissivity=table.emissivity or 0.0,
        surroundings_c=table.surroundings,
    )


def course_of(name: str, key: str, path: Path, span_c: tuple[float, float]) -> TemperatureCourse:
    """A file of ``time_s,temperature_C`` beside the protocol, time 0 being the start of heating; no temperature may
    lie outside the span."""
    from ..files.tables.columns import read_columns

    where, (low, high) = f'{path.name}: {key} = "{name}"', span_c
    try:
        columns = read_columns(path.parent / name, ("time_s", "temperature_C"))
        course = TemperatureCourse(columns["time_s"], columns["temperature_C"])
    except InputError as error:
        raise InputError([f"{where}: {words}" for words in error.complaints]) from None
    wrong = (course.temperature_c < low) | (course.temperature_c > high)
    if wrong.any():
        first = int(wrong.argmax())
        raise InputError(
            f"{where}: row {first + 1}, temperature_C = {course.temperature_c[first]:g}: expected {low:g} "
            f"to {high:g} degC; kelvins are 273.15 more"
        )
    return course
