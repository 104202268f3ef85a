"""Words and numbers on what keeps the animal warm, for `check`, parameters and reports."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...files.run.plan_record import ParameterRecord
from ...protocol import Protocol
from ...protocol.protocol import WARMING_KINDS
from ...protocol.warming_input import SIDES


def warming_words(protocol: Protocol) -> str:
    """Warming of the animal, as a phrase."""
    given = protocol.warming
    kind = WARMING_KINDS[given.kind]
    if not kind.side:
        return kind.name
    where = f"{kind.name} {kind.side} the {_side(protocol)}"
    if not given.is_regulated:
        return f"{where} is at {given.temperature_c:g} degC"
    reading = "the core" if given.probe == "core" else f"the {given.probe}"
    return f"{where} holds {reading} at {given.held_c(protocol.physiology.arterial_c):g} degC"


def _side(protocol: Protocol) -> str:
    given = protocol.warming
    if given.surface is not None:
        return f'surface "{given.surface}"'
    if given.normal is None:
        return "body"
    named = [name for name, direction in SIDES.values() if np.allclose(direction, given.normal, rtol=0.0, atol=1e-6)]
    return named[0] if named else f"side that faces {' '.join(f'{v:.3g}' for v in given.normal)} (RAS)"


def warming_row(protocol: Protocol) -> str:
    """Row of `check`."""
    given = protocol.warming
    words = warming_words(protocol)
    if given.is_regulated:
        most = "twice what that takes" if given.max_power_w is None else f"{1e3 * given.max_power_w:g} mW"
        words += f", at most {most}, proportional band {given.band_k:g} K"
    return words if given.is_given else f"{words} (not given: assumed)"


def warming_rows(protocol: Protocol) -> Iterator[ParameterRecord]:
    """Numbers of what keeps the animal warm, with their sources."""
    given = protocol.warming
    source = "protocol" if given.is_given else "assumed"
    if given.is_regulated:
        held = given.held_c(protocol.physiology.arterial_c)
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
