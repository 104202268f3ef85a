"""Every quantity of a protocol has a sane range with a reason, and a value outside it is refused by name."""

from __future__ import annotations

import typing
from collections.abc import Iterator

import pytest
from pydantic import BaseModel
from small_case import PROTOCOL, write_case

from thermoplan.base.errors import InputError
from thermoplan.protocol import read_protocol
from thermoplan.protocol.library_tables import DeviceFile, TracerFile
from thermoplan.protocol.spans import SPANS, NumberSpan, Span
from thermoplan.protocol.toml_tables import ProtocolTable

# Compound values check their parts themselves, each with a span of the table (`readings`).
COMPOUND = {
    "sphere",
    "perfusion",
    "metabolic_heat",
    "gradient_tensor",
    "to_device",
    "window",
    "shell",
    "at_least",
    "at_most",
    "uncertainty",
}
MISTYPED = [
    ("mesh.size", "1 m"),
    ("mesh.target_size", "1 nm"),
    ("steering.spacing", "1 nm"),
    ("steering.margin", "1e300 mm"),
    ("steering.windows", 1_000_000_000),
    ("steering.min_dwell", "11 min"),
    ("device.min_dwell", "11 min"),
    ("device.gradient", "1e6 T/m"),
    ("device.frequency", "1e-320 kHz"),
    ("device.frequency", "1e300 kHz"),
    ("device.amplitude", "13 T"),
    ("device.settle", "1e9 s"),
    ("device.position_range", [["-20 m", "20 mm"], ["-20 mm", "20 mm"], ["-20 mm", "20 mm"]]),
    ("session.duration", "1e9 s"),
    ("session.duration", "10 ns"),
    ("iron.fwhm", "2 um"),
    ("tracer.core_diameter", "20 mm"),
    ("tracer.measured_slp.value", "250 MW/g"),
    ("physiology.body_mass", "20 mg"),
    ("boundary.skin.heat_transfer", "1e9 W/m^2/K"),
    ("tissues.tumour.perfusion", "1e12 W/m^3/K"),
    ("tissues.tumour.metabolic_heat", "1e12 W/m^3"),
    ("tissues.tumour.density", "1050 g/m^3"),
    ("goals.0.at_least", "1e300 min"),
    ("goals.0.weight", 1e300),
    ("goals.0.priority", 10**9),
    ("goals.0.window", "1 min to 1e9 min"),
    ("probes.0.position", "0 0 8 m"),
    ("safety", {"absorbed_at_most": "1e20 W"}),
]


def leaves(annotation: object, metadata: tuple[object, ...] = ()) -> Iterator[tuple[object, tuple[object, ...]]]:
    """Plain types inside an annotation with the metadata that they stand with."""
    if hasattr(annotation, "__value__"):  # a type alias with a parameter
        yield from leaves(annotation.__value__, metadata)
    elif typing.get_origin(annotation) is typing.Annotated:
        inner, *more = typing.get_args(annotation)
        yield from leaves(inner, (*metadata, *more))
    elif typing.get_args(annotation):
        for part in typing.get_args(annotation):
            yield from leaves(part, metadata)
    else:
        yield annotation, metadata


def numbers(model: type[BaseModel], path: str = "", seen: frozenset[type] = frozenset()) -> Iterator[tuple[str, bool]]:
    """``(key, has a range)`` of every key of a table whose value is a number."""
    for name, field in model.model_fields.items():
        for kind, metadata in leaves(field.annotation, tuple(field.metadata)):
            if isinstance(kind, type) and issubclass(kind, BaseModel) and kind not in seen:
                yield from numbers(kind, f"{path}{name}.", seen | {kind})
            elif kind in (int, float):
                yield f"{path}{name}", any(isinstance(part, Span | NumberSpan) for part in metadata)


def test_every_number_of_protocol_tracer_and_machine_has_a_range():
    found = [entry for model in (ProtocolTable, TracerFile, DeviceFile) for entry in numbers(model)]
    directions = {"direction", "axis", "normal"}
    bare = {
        key
        for key, ranged in found
        if not ranged
        and key.rpartition(".")[2] not in COMPOUND
        and not any(word in key.rpartition(".")[2] for word in directions)
    }
    assert len(found) > 100 and bare == set()


@pytest.mark.parametrize("name", SPANS)
def test_every_range_has_two_ends_that_rise_and_a_reason(name):
    span = SPANS[name]
    low, high = span.ends
    assert low < high and span.read(span.low) == low and span.read(span.high) == high and len(span.why) > 3


@pytest.mark.parametrize(("key", "value"), MISTYPED)
def test_a_mistyped_unit_is_refused_with_file_key_value_and_remedy(tmp_path, key, value):
    path = write_case(tmp_path)
    read_protocol(path)
    with pytest.raises(InputError) as caught:
        read_protocol(path, {key: value})
    (words,) = caught.value.complaints
    dotted = key.replace(".0", "[0]")
    assert words.startswith(f"protocol.toml: {dotted}") and "expected" in words


def test_the_shortest_dwell_that_is_allowed_is_the_whole_session(tmp_path):
    path = write_case(tmp_path)
    assert read_protocol(path, {"steering.min_dwell": "10 min"}).steering.min_dwell_s == 600.0
    assert '"10 min"' in PROTOCOL
