"""A plan, from a protocol to a run folder; the whole flow is in `make_plan`.

inputs -> case on a mesh -> heating model -> search -> sequence -> full model -> record -> run folder
"""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict, Unpack

from ..base.progress import Listener, Stages, silent
from ..base.threads import one_thread
from ..files.run.run_folder import RUNS, refuse_full, refuse_stopped, refuse_unwritable
from ..protocol import Protocol
from .case.plannable import refuse_unplannable
from .case.preparation import load_protocol, read_heatable_inputs
from .case.prepared_model import prepare_model
from .conclusion import conclude
from .result import Plan, Run
from .steering.feasible import refuse_impossible_goals
from .steering.findings import describe_search
from .steering.rounds import plan_until_agreed
from .steering.search_setup import prepare_search
from .steering.steer import resolve_goals
from .steering.trade_off import choose_limit, trade_off


class PlanOptions(TypedDict, total=False):
    """Options of `make_plan`."""

    quick: bool
    pareto: str | None
    estimate_error: bool
    listener: Listener


@one_thread
def make_plan(
    protocol: Protocol | Path | str,
    *,
    quick: bool = False,
    pareto: str | None = None,
    estimate_error: bool = False,
    listener: Listener = silent,
) -> Plan:
    """Optimize, sequence and verify; nothing is written.

    The reported numbers are those of the full model over exactly the sequence that a machine would play. ``pareto``
    names a limit, such as "liver CEM43max": what the first goal could have for more or less of it is found too; ""
    leaves the choice to the plan. With ``estimate_error`` the mesh is held against quadratic elements.
    """
    stages, protocol = Stages(listener), load_protocol(protocol)
    inputs = read_heatable_inputs(protocol, stages, estimate_error=estimate_error)
    refuse_unplannable(protocol)
    refuse_impossible_goals(inputs)
    heating_model = prepare_model(inputs, stages, quick=quick)
    resolved = resolve_goals(heating_model)
    limit = None if pareto is None else choose_limit(resolved, pareto)
    setup = prepare_search(heating_model, resolved, stages)
    settled = plan_until_agreed(setup, stages)
    search = describe_search(settled, stages)
    if pareto is not None:
        search["pareto"] = trade_off(settled.steering, stages, limit=limit)
    return conclude(settled.verified(quick=quick), stages, search, estimate_error=estimate_error)


def plan_and_write(
    protocol: Protocol | Path, *, output: Path | None = None, force: bool = False, **options: Unpack[PlanOptions]
) -> Run:
    """Plan and write the run folder; a target that cannot be written is refused before anything is computed.

    ``options`` are those of `make_plan`.
    """
    if output is not None:
        refuse_full(output, force=force)
        refuse_stopped(output, force=force)
    refuse_unwritable(RUNS / "plan" if output is None else output)
    return make_plan(protocol, **options).write(output, force=force)
