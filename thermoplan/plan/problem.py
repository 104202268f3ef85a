"""A protocol as a problem for any optimizer: columns, their heat, the reduced model, goals and limits."""

from __future__ import annotations

from pathlib import Path

from ..progress import Listener, Stages, silent
from ..protocol import Protocol, read_protocol
from .setup import Setup


def heating_problem(protocol: Protocol | Path | str, *, quick: bool = False, listener: Listener = silent) -> Setup:
    """Everything that `make_plan` searches with, before it searches; docs/bring-your-own-optimizer.md shows its use.

    The ``basis`` has the candidate ``columns`` first, then one per amplitude without a gradient; ``resolved`` are goals
    and limits on the mesh, ``edges_s`` the windows.
    """
    from .case import build_case
    from .engine import build_engine
    from .feasible import refuse_impossible_goals
    from .finer import refuse_planning
    from .hard import refuse_impossible
    from .inputs import read_inputs
    from .reachable import refuse_unreachable
    from .setup import prepared
    from .steering import resolved_goals

    stages = Stages(listener)
    protocol = protocol if isinstance(protocol, Protocol) else read_protocol(protocol)
    refuse_planning(protocol)
    inputs = read_inputs(protocol)
    refuse_unreachable(inputs)
    refuse_impossible_goals(inputs)
    engine = build_engine(build_case(inputs, stages, quick=quick), stages)
    refuse_impossible(engine)
    return prepared(engine, resolved_goals(engine), stages)
