"""``trajectory.csv`` in the anatomy's frame and ``machine.csv`` in the machine's: a row per stop.

Millimetres, milliteslas (peak) and seconds in the files; lines that start with ``#`` say what they are for.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from ...base.arrays import Array
from ...device import Device
from ...trajectory import Trajectory
from ...trajectory.stops import CLOCK_S
from ..tables.harmless_text import harmless, harmless_comment
from ..text.csv_rows import number, number_fault, read_csv, refuse_faults

COLUMNS = ("start_s", "dwell_s", "x_mm", "y_mm", "z_mm", "amplitude_mT")
_DIRECTION = ("dir_x", "dir_y", "dir_z")
_OPTIONAL = ("gradient_T_m", *_DIRECTION)
_FREQUENCY_REL = 1e-3


def header(
    device: Device, *, plan_hash: str = "", pose: str = "", tracer: str = "", duration_s: float = math.nan
) -> dict[str, str]:
    """The comment lines of a trajectory, ``key -> value``."""
    matrix = device.to_device.copy()
    matrix[:3, 3] *= 1e3
    rows = "; ".join(" ".join(f"{v:.9g}" for v in row) for row in matrix)
    lines = {
        "plan": plan_hash,
        "frame": "anatomy, RAS+ mm; amplitudes are peak, mu0 H",
        "device": device.name,
        "anatomy to machine, mm": rows,
        "pose": pose,
        "frequency_kHz": f"{device.frequency_hz / 1e3:.9g}",
        "tracer": tracer,
        "duration_s": "" if math.isnan(duration_s) else f"{duration_s:.9g}",
    }
    return {key: value for key, value in lines.items() if value}


def write_trajectory(
    path: Path | str,
    trajectory: Trajectory,
    lines: Mapping[str, str],
    expected: Mapping[str, ArrayLike] | None = None,
) -> None:
    """Write the stops in the anatomy's frame.

    ``expected`` has further columns, one value a stop: temperatures to expect and their abort bounds.
    """
    columns = {**_places(trajectory.center_m, trajectory), **_fields(trajectory, trajectory.direction)}
    _write(path, lines, columns | {name: np.asarray(values, float) for name, values in (expected or {}).items()})


def write_machine(path: Path | str, trajectory: Trajectory, device: Device, lines: Mapping[str, str]) -> None:
    """Write the same stops in the machine's frame, and the uniform field that shifts the field-free region."""
    turn = device.to_device[:3, :3]
    shift = (
        np.array(
            [device.shift_field_t(stop.center_m, stop.gradient_t_m, stop.direction) for stop in trajectory.stops]
        ).reshape(-1, 3)
        * 1e3
    )
    columns = {
        **_places(device.machine_m(trajectory.center_m), trajectory),
        **_fields(trajectory, trajectory.direction @ turn.T),
        **{f"shift_{axis}_mT": shift[:, i] for i, axis in enumerate("xyz")},
    }
    _write(path, {**lines, "frame": f"machine {device.name}, its own axes, mm; amplitudes are peak, mu0 H"}, columns)


def read_trajectory(
    path: Path | str, device: Device, duration_s: float, *, notes: list[str] | None = None
) -> Trajectory:
    """Stops for ``device`` within a heating of ``duration_s``; gaps are rest.

    Where the file gives no gradient the device's own holds. Every complaint names row and column.
    """
    notes = notes if notes is not None else []
    table = read_csv(path)
    table.require(COLUMNS, ",".join(COLUMNS))
    name, rows = table.name, table.rows
    read = [column for column in (*COLUMNS, *_OPTIONAL) if column in table.columns]
    said = dict(line.partition(": ")[::2] for line in table.comments)
    faults = [*_stop_faults(rows, read, name, duration_s), *_device_differences(said, device, name, notes)]
    refuse_faults(faults, name)
    if not rows:
        notes.append(f"{name}: has no stop: nothing is heated")
    column = {key: np.array([_cell(key, row[key]) for row in rows]) for key in read}
    return _trajectory(column, device, duration_s)


def _trajectory(column: Mapping[str, Array], device: Device, duration_s: float) -> Trajectory:
    direction = np.zeros((0, 3))
    if all(name in column for name in _DIRECTION):
        direction = np.stack([column[name] for name in _DIRECTION], axis=1)
    count = len(column["start_s"])
    return Trajectory(
        start_s=column["start_s"],
        dwell_s=column["dwell_s"],
        center_m=np.stack([column[f"{axis}_mm"] for axis in "xyz"], axis=1) * 1e-3,
        amplitude_t=column["amplitude_mT"] * 1e-3,
        gradient_t_m=column.get("gradient_T_m", np.full(count, device.gradient_t_m)),
        frequency_hz=device.frequency_hz,
        duration_s=duration_s,
        direction=direction,
    )


def _stop_faults(
    rows: Iterable[Mapping[str, str]], names: Iterable[str], file: str, duration_s: float
) -> Iterator[str]:
    clock = 0.0
    for count, row in enumerate(rows, start=1):
        where = f"{file}: row {count}"
        values = {name: _cell(name, row[name]) for name in names}
        bad = [name for name, value in values.items() if not _good(name, value)]
        yield from (number_fault(where, name, row[name], _expectation(name)) for name in bad)
        if bad:
            continue
        start, end = values["start_s"], values["start_s"] + values["dwell_s"]
        if start < clock - CLOCK_S:
            yield f"{where}, start_s = {start:g}: before {clock:g} s, when the row above it ends"
        if end > duration_s + CLOCK_S:
            yield f"{where}, start_s + dwell_s = {end:g}: after the session's {duration_s:g} s"
        clock = max(clock, end)


def _good(name: str, value: float) -> bool:
    if name.startswith("dir_"):
        return not math.isinf(value)
    if not math.isfinite(value):
        return False
    return value > 0 if name == "dwell_s" else value >= 0 or name.endswith("_mm")


def _expectation(name: str) -> str:
    if name == "dwell_s":
        return "a number above zero"
    return "a number" if name.endswith("_mm") or name.startswith("dir_") else "a number that is not negative"


def _cell(column: str, text: str) -> float:
    """Number of a cell, infinite where it is none; a direction may be NaN, which stands for none."""
    if column.startswith("dir_") and text.strip().lower() == "nan":
        return math.nan
    value = number(text)
    return math.inf if math.isnan(value) else value


def _device_differences(said: Mapping[str, str], device: Device, name: str, notes: list[str]) -> Iterator[str]:
    frequency = number(said.get("frequency_kHz")) * 1e3
    if math.isfinite(frequency) and abs(frequency / device.frequency_hz - 1.0) > _FREQUENCY_REL:
        yield (
            f"{name}: frequency_kHz: {frequency / 1e3:g}: made for another drive than the protocol's "
            f"{device.frequency_hz / 1e3:g} kHz; set device.frequency, or plan again"
        )
    if said.get("device", device.name) != device.name:
        notes.append(f"{name}: was made for {said['device']}; it is played on {device.name}")
    same = header(device)["anatomy to machine, mm"]
    if said.get("anatomy to machine, mm", same) != same:
        notes.append(f"{name}: was made for another place of the anatomy in the machine")


def _places(center_m: Array, trajectory: Trajectory) -> dict[str, Array]:
    places = {f"{axis}_mm": center_m[:, i] * 1e3 for i, axis in enumerate("xyz")}
    return {"start_s": trajectory.start_s, "dwell_s": trajectory.dwell_s, **places}


def _fields(trajectory: Trajectory, direction: Array) -> dict[str, Array]:
    fields = {"amplitude_mT": trajectory.amplitude_t * 1e3, "gradient_T_m": trajectory.gradient_t_m}
    if np.isfinite(direction).any():
        fields |= {name: direction[:, i] for i, name in enumerate(_DIRECTION)}
    return fields


def _write(path: Path | str, lines: Mapping[str, str], columns: Mapping[str, Array]) -> None:
    with Path(path).open("w", encoding="utf-8", newline="\n") as stream:
        stream.write("".join(f"# {key}: {harmless_comment(_one_line(value))}\n" for key, value in lines.items()))
        csv.writer(stream, lineterminator="\n").writerow(map(harmless, columns))
        digits = [9 if name.endswith("_s") else 6 for name in columns]
        for row in zip(*columns.values(), strict=True):
            stream.write(",".join(map(_text, row, digits)) + "\n")


def _one_line(value: object) -> str:
    return " ".join(str(value).split())


def _text(value: float, digits: int) -> str:
    """Nanoseconds, nanometres and nanoteslas survive; no trailing zeros."""
    if math.isnan(value):
        return "nan"
    text = f"{value:.{digits}f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
