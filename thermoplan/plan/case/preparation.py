"""From a protocol to a model that can be heated, with every refusal as early as it can be known."""

from __future__ import annotations

from pathlib import Path

from ...base.progress import Stages
from ...protocol import Protocol, read_protocol
from .case import build_case
from .heating_model import HeatingModel, build_heating_model
from .inputs import Inputs, read_inputs
from .safety_limits import refuse_impossible
from .steady_state import refuse_unbounded, refuse_unreachable


def load_protocol(protocol: Protocol | Path | str) -> Protocol:
    """A protocol as it is, or read from its file."""
    return protocol if isinstance(protocol, Protocol) else read_protocol(protocol)


def read_heatable_inputs(protocol: Protocol, stages: Stages, *, estimate_error: bool = False) -> Inputs:
    """Inputs of a protocol whose heat has somewhere to go; ``estimate_error`` asks for more of that."""
    with stages.stage("read protocol and inputs"):
        inputs = read_inputs(protocol)
    refuse_unreachable(inputs)
    if estimate_error:
        refuse_unbounded(inputs)
    return inputs


def prepare_model(inputs: Inputs, stages: Stages, *, quick: bool = False) -> HeatingModel:
    """Mesh, iron and matrices of a case, whose hard limits of safety can be judged."""
    model = build_heating_model(build_case(inputs, stages, quick=quick), stages)
    refuse_impossible(model)
    return model
