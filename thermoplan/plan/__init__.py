"""A plan or a simulation, from a protocol to a run folder; nothing is loaded before it is asked for.

case/           inputs -> the patient on a mesh -> heating model
steering/       goals -> search -> sequence that a machine can play
verification/   full model over every dwell -> outcome
record/         plan.json and the run folder
planning        the flow of a plan
simulation      the flow of a simulation
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .planning import make_plan, plan_and_write
    from .result import Plan, Run
    from .simulation import resume_and_write, simulate, simulate_and_write

__all__ = ["Plan", "Run", "make_plan", "plan_and_write", "resume_and_write", "simulate", "simulate_and_write"]

_HOMES = {
    "Plan": "result",
    "Run": "result",
    "make_plan": "planning",
    "plan_and_write": "planning",
    "resume_and_write": "simulation",
    "simulate": "simulation",
    "simulate_and_write": "simulation",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"thermoplan.plan has no {name}; it has {', '.join(__all__)}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
