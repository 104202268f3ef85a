"""Measured SLPs that a change of the protocol would tear from the tracer, drive or medium of their measurement."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from ..base.errors import InputError
from ..base.units import toml_text
from ..tracer.measured_slp import MeasuredSlp, at_drive, describe_drives
from .protocol import Protocol

_MEASURED = re.compile(r"tracer\.measured_slp(?:\.(\d+))?\.(\w+)")
_WITH_VALUE = ("tracer", "basis", "medium", "amplitude", "frequency", "along", "across")
"""Keys of a measurement that say what was measured: another one of these is another measurement."""
_DRIVE = ("device", "device.name", "device.file", "device.amplitude", "device.frequency")
_REMOVE = "or leave it out (--set tracer.measured_slp= on the command line)"


def refuse_torn_measurements(
    old: Mapping[str, object], new: Mapping[str, object], *, changes: Mapping[str, object], where: str
) -> None:
    """Raise where changed keys leave an SLP beside a tracer or medium that it was not measured with.

    ``old`` and ``new`` are the raw protocol before and after the ``changes``.
    """
    complaints = [*_of_another(old, new), *_without_value(old, new, changes)]
    if complaints:
        raise InputError([f"{where}: {words}" for words in complaints])


def refuse_moved_drive(old: Protocol | None, new: Protocol, changes: Mapping[str, object]) -> None:
    """Raise where changed keys drive the tracer elsewhere than where its SLP was measured, unless the protocol lets the
    model carry it there; ``old`` is the protocol before the changes, None where it cannot be read."""
    measured = _measurements(new)
    if not measured or not drive_changes(changes) or any(m.extrapolate for m in measured):
        return
    device = new.device
    drive = device.amplitude_t, device.frequency_hz
    same = old is not None and drive == (old.device.amplitude_t, old.device.frequency_hz)
    if same or at_drive(measured, *drive):
        return
    key = drive_changes(changes)[0]
    raise InputError(
        f"{new.path.name}: {key} = {toml_text(changes[key])}: drives the tracer with {1e3 * drive[0]:g} mT, "
        f"{1e-3 * drive[1]:g} kHz, but its SLP was measured at {describe_drives(measured)}: change tracer.measured_slp "
        f"to one of this drive, set tracer.measured_slp.extrapolate = true to let the model carry it there, {_REMOVE}"
    )


def drive_changes(changes: Mapping[str, object]) -> list[str]:
    """Changed keys that may move the drive field."""
    return [key for key in changes if key in _DRIVE]


def _measurements(protocol: Protocol) -> Sequence[MeasuredSlp]:
    calibration = protocol.tracer.calibration
    return () if calibration is None else calibration.measured


def _of_another(old: Mapping[str, object], new: Mapping[str, object]) -> Iterator[str]:
    """Another tracer, beside an SLP that is still that of the one before and names none."""
    before, after = _tracer(old), _tracer(new)
    slp = after.get("measured_slp")
    named = [before.get(key) for key in ("name", "file")], [after.get(key) for key in ("name", "file")]
    if slp is None or named[0] == named[1] or slp != before.get("measured_slp"):
        return
    rows = slp if isinstance(slp, list) else [slp]
    if any(isinstance(row, Mapping) and "tracer" not in row for row in rows):
        was, now = ((one or other) for one, other in named)
        yield (
            f"tracer.measured_slp: was measured of {toml_text(was)}, and the protocol is changed to {toml_text(now)}: "
            f"give an SLP that was measured of it, {_REMOVE}"
        )


def _without_value(
    old: Mapping[str, object], new: Mapping[str, object], changes: Mapping[str, object]
) -> Iterator[str]:
    """Another drive, medium or basis of a measurement whose value stays as it was."""
    for key, value in changes.items():
        found = _MEASURED.fullmatch(key)
        if not found or found[2] not in _WITH_VALUE or f"{key.rpartition('.')[0]}.value" in changes:
            continue
        row, now = _row(old, found[1]), _row(new, found[1])
        if row is None or now is None or row.get(found[2]) == now.get(found[2]) or row.get("value") != now.get("value"):
            continue
        yield (
            f"{key} = {toml_text(value)}: value = {toml_text(row.get('value'))} was measured with {found[2]} = "
            f"{toml_text(row.get(found[2], 'not given'))}: change {key.rpartition('.')[0]}.value with it, {_REMOVE}"
        )


def _tracer(raw: Mapping[str, object]) -> Mapping[str, object]:
    table = raw.get("tracer")
    return table if isinstance(table, Mapping) else {}


def _row(raw: Mapping[str, object], number: str | None) -> Mapping[str, object] | None:
    slp = _tracer(raw).get("measured_slp")
    if number is not None:
        slp = slp[int(number)] if isinstance(slp, list) and int(number) < len(slp) else None
    return slp if isinstance(slp, Mapping) else None
