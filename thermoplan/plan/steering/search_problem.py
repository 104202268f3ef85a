"""A protocol as a problem for any optimizer: columns, their heat, the reduced model, goals and limits."""

from __future__ import annotations

from pathlib import Path

from ...base.progress import Listener, Stages, silent
from ...protocol import Protocol
from ..case.plannable import refuse_unplannable
from ..case.preparation import load_protocol, read_heatable_inputs
from ..case.prepared_model import prepare_model
from .feasible import refuse_impossible_goals
from .search_setup import SearchSetup, prepare_search
from .steer import resolve_goals


def heating_problem(
    protocol: Protocol | Path | str, *, quick: bool = False, listener: Listener = silent
) -> SearchSetup:
    """Everything that `make_plan` searches with, before it searches; docs/bring-your-own-optimizer.md shows its use.

    The ``basis`` has the candidate ``columns`` first, then one per amplitude without a gradient; ``resolved`` are goals
    and limits on the mesh, ``edges_s`` the windows.
    """
    stages, protocol = Stages(listener), load_protocol(protocol)
    inputs = read_heatable_inputs(protocol, stages)
    refuse_unplannable(protocol)
    refuse_impossible_goals(inputs)
    heating_model = prepare_model(inputs, stages, quick=quick)
    return prepare_search(heating_model, resolve_goals(heating_model), stages)
