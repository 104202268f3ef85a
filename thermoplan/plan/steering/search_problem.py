"""A protocol as a problem for any optimizer: columns, their heat, the reduced model, goals and limits."""

from __future__ import annotations

from pathlib import Path

from ...base.progress import Listener, Stages, silent
from ...protocol import Protocol, read_protocol
from .search_setup import SearchSetup


def heating_problem(
    protocol: Protocol | Path | str, *, quick: bool = False, listener: Listener = silent
) -> SearchSetup:
    """Everything that `make_plan` searches with, before it searches; docs/bring-your-own-optimizer.md shows its use.

    The ``basis`` has the candidate ``columns`` first, then one per amplitude without a gradient; ``resolved`` are goals
    and limits on the mesh, ``edges_s`` the windows.
    """
    from ..case.case import build_case
    from ..case.heating_model import build_heating_model
    from ..case.inputs import read_inputs
    from ..case.safety_limits import refuse_impossible
    from ..case.second_order import refuse_planning
    from ..case.steady_state import refuse_unreachable
    from .feasible import refuse_impossible_goals
    from .search_setup import prepare_search
    from .steer import resolved_goals

    stages = Stages(listener)
    protocol = protocol if isinstance(protocol, Protocol) else read_protocol(protocol)
    refuse_planning(protocol)
    inputs = read_inputs(protocol)
    refuse_unreachable(inputs)
    refuse_impossible_goals(inputs)
    engine = build_heating_model(build_case(inputs, stages, quick=quick), stages)
    refuse_impossible(engine)
    return prepare_search(engine, resolved_goals(engine), stages)
