"""From a protocol to inputs that can be heated, with every refusal as early as it can be known; loads no solver."""

from __future__ import annotations

from pathlib import Path

from ...base.progress import Stages
from ...protocol import Protocol, read_protocol
from .inputs import Inputs, read_inputs
from .preflight import refuse_unready
from .steady_state import refuse_unbounded


def load_protocol(protocol: Protocol | Path | str) -> Protocol:
    """A protocol as it is, or read from its file."""
    return protocol if isinstance(protocol, Protocol) else read_protocol(protocol)


def read_heatable_inputs(
    protocol: Protocol, stages: Stages, *, estimate_error: bool = False, trajectory: Path | None = None
) -> Inputs:
    """Inputs of a protocol that nothing known before the mesh stops; ``estimate_error`` asks for a way out of heat."""
    with stages.stage("read protocol and inputs"):
        inputs = read_inputs(protocol, trajectory)
    refuse_unready(inputs)
    if estimate_error:
        refuse_unbounded(inputs)
    return inputs
