"""From inputs to a model that can be heated."""

from __future__ import annotations

from ...base.progress import Stages
from .case import build_case
from .heating_model import HeatingModel, build_heating_model
from .inputs import Inputs
from .safety_limits import refuse_impossible


def prepare_model(inputs: Inputs, stages: Stages, *, quick: bool = False) -> HeatingModel:
    """Mesh, iron and matrices of a case, whose hard limits of safety can be judged."""
    model = build_heating_model(build_case(inputs, stages, quick=quick), stages)
    refuse_impossible(model)
    return model
