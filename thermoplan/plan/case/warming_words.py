"""Words and numbers on what keeps the animal warm, for `check`, parameters and reports."""

from __future__ import annotations

from collections.abc import Iterator

from ...files.run.plan_record import ParameterRecord
from ...protocol import Protocol

SIDES = {
    (0.0, 1.0, 0.0): "belly",
    (0.0, -1.0, 0.0): "back",
    (1.0, 0.0, 0.0): "right side",
    (-1.0, 0.0, 0.0): "left side",
}
"""Direction, RAS -> the side of the body that faces it."""


def warming_words(protocol: Protocol) -> str:
    """Warming of the animal, as a phrase."""
    given = protocol.warming
    held = protocol.physiology.arterial_c if given.set_point_c is None else given.set_point_c
    where = f" under the {_side(protocol)}" if given.kind != "lamp" else f" over the {_side(protocol)}"
    reading = "the core" if given.probe == "core" else f"the {given.probe}"
    return {
        "regulated-pad": f"a regulated pad{where} holds {reading} at {held:g} degC",
        "lamp": f"a regulated lamp{where} holds {reading} at {held:g} degC",
        "water-blanket": f"a water blanket of {given.temperature_c} degC{where}",
        "none": "nothing from the start of heating on: the animal cools from its warm start",
        "constant": "a source in the blood that never changes, which no laboratory has",
        "held": "the core is held at a given temperature, whatever is absorbed",
    }[given.kind]


def _side(protocol: Protocol) -> str:
    given = protocol.warming
    if given.surface is not None:
        return f'surface "{given.surface}"'
    if given.normal is None:
        return "body"
    key = (round(given.normal[0], 6) + 0.0, round(given.normal[1], 6) + 0.0, round(given.normal[2], 6) + 0.0)
    return SIDES.get(key, f"side that faces {' '.join(f'{v:.3g}' for v in given.normal)} (RAS)")


def warming_row(protocol: Protocol) -> str:
    """Row of `check`."""
    given = protocol.warming
    words = warming_words(protocol)
    if given.kind in ("regulated-pad", "lamp"):
        most = "twice what that takes" if given.max_power_w is None else f"{1e3 * given.max_power_w:g} mW"
        words += f", at most {most}, proportional band {given.band_k:g} K"
    return words if given.is_given else f"{words} (not given: assumed)"


def warming_rows(protocol: Protocol) -> Iterator[ParameterRecord]:
    """Numbers of what keeps the animal warm, with their sources."""
    given = protocol.warming
    source = "protocol" if given.is_given else "assumed"
    if given.kind in ("regulated-pad", "lamp"):
        held = protocol.physiology.arterial_c if given.set_point_c is None else given.set_point_c
        yield {"name": "warming: set point", "value": held, "unit": "degC", "source": source}
        yield {"name": "warming: proportional band", "value": given.band_k, "unit": "K", "source": source}
        if given.max_power_w is not None:
            yield {"name": "warming: greatest power", "value": given.max_power_w, "unit": "W", "source": source}
    elif given.kind == "water-blanket" and given.temperature_c is not None:
        yield {"name": "warming: water", "value": given.temperature_c, "unit": "degC", "source": source}
        transfer = given.heat_transfer_w_m2_k
        yield {"name": "warming: heat transfer", "value": transfer, "unit": "W/m^2/K", "source": source}
    elif given.kind == "none":
        yield {"name": "warming: from the start of heating on", "value": 0.0, "unit": "W", "source": source}
