"""Typed shape of what a search leaves in ``plan.json``: its course, alternatives, explanation, trade-off."""

from __future__ import annotations

from typing import Annotated, NotRequired, TypedDict

from .record_types import Count, Keywords, Share, Triple, one_of


class PositionErrorRecord(TypedDict):
    """Cost of an animal that lies off along one axis of the machine, to the worse side."""

    axis: str
    off_mm: float
    towards: Triple
    t90_c: float
    cost_k: float
    cem43t90_min: float
    limits_broken: list[str]
    goals_missed: NotRequired[list[str]]


class AlternativeRecord(TypedDict):
    """Way to heat that is held against the plan."""

    name: str
    t90_c: NotRequired[float]
    cem43t90_min: NotRequired[float | None]
    t_max_c: NotRequired[float]
    duty: NotRequired[Share]
    core_c: NotRequired[float | None]
    limits_broken: NotRequired[list[str]]
    t90_within_limits_c: NotRequired[
        Annotated[float, Keywords("highest T90 of the first target, mean over the hold, that the limits allow")]
    ]


class LimitCostRecord(TypedDict):
    """Price of a limit in kelvins of the goal."""

    kind: Annotated[str, one_of("goal", "limit")]
    region: str
    metric: str
    bound: float
    value: float | None
    unit: str
    active: bool
    gain_k: Annotated[
        float, Keywords("kelvins of the goal for each `per` by which the limit is widened, to first order")
    ]
    sentence: str
    per: Annotated[
        str,
        Keywords("by how much the limit is widened for gain_k", enum=["K", "doubling", "tenth"]),
    ]
    gain_wider_k: NotRequired[
        Annotated[float | None, Keywords("kelvins that the goal gains by a new search with the limit one `per` wider")]
    ]
    gain_narrower_k: NotRequired[
        Annotated[float | None, Keywords("kelvins that the goal gains, negative, with the limit one `per` narrower")]
    ]


RelaxationRecord = TypedDict(
    "RelaxationRecord", {"label": str, "from": float, "to": float, "goals_met": bool, "sentence": str}
)


"""Change of one bound that would help; a function call, as ``from`` is a keyword of the language."""


class ExplanationRecord(TypedDict):
    """Limits against the first missed goal, else against more of the first goal; prices by the reduced model."""

    goal: str
    reach: Annotated[
        float, Keywords("the most that can be had of the goal within the limits, with the positions that are played")
    ]
    positions: NotRequired[Annotated[Count, Keywords("positions of the field-free region that reach is of")]]
    positions_all: NotRequired[Annotated[Count, Keywords("positions that were searched")]]
    reach_all: NotRequired[
        Annotated[float | None, Keywords("the same with every position that was searched; null where all are played")]
    ]
    unit: str
    missed: list[str]
    limits: list[LimitCostRecord]
    duty_gain_k: Annotated[float, Keywords("kelvins of the goal per tenth of the session that could be heated besides")]
    conflicts: list[str]
    relaxations: list[RelaxationRecord]
    sentences: list[str]


class TradeOffPointRecord(TypedDict):
    """Plan on the front of goal against limit."""

    bound: float
    limit_value: float
    goal_value: float
    t90_c: float
    cem43t90_min: float
    core_c: float | None
    duty: Share
    others_at_bound: list[str]


class TradeOffPlanRecord(TypedDict):
    """Values of the plan itself."""

    goal_value: float
    limit_value: float


class TradeOffRecord(TypedDict):
    """Most of the first goal for each bound of one limit, all other limits kept; predicted by the reduced model."""

    goal: str
    goal_unit: str
    limit: str
    limit_unit: str
    limit_bound: float
    points: list[TradeOffPointRecord]
    plan: TradeOffPlanRecord
    complete: bool


class RoundRecord(TypedDict):
    """Round of search and verification."""

    prediction_k: float
    broken: list[str]
    reported: NotRequired[bool]


class MachineRecord(TypedDict):
    """Machine that the plan could choose, and what its search came to."""

    gradient_t_m: float
    line_axis: list[float] | None
    objective: float
    missed: list[str]
    chosen: bool
    goals: dict[str, float]


class SessionRecord(TypedDict):
    """Length of session that was tried, and what its search came to."""

    duration_s: float
    met: bool
    goals: dict[str, float]


class ChosenRecord(TypedDict):
    """Machines and lengths of session that a plan chose from."""

    machines: NotRequired[list[MachineRecord]]
    sessions: NotRequired[list[SessionRecord]]


class PredictedRecord(TypedDict):
    """Value of a goal or limit as searched, and as the machine plays it."""

    goal: str
    searched: float | None
    played: float | None


class OptimizerRecord(TypedDict):
    """Search, reduced model and rounds of a plan."""

    method: str
    status: NotRequired[str]
    iterations: NotRequired[int]
    objective: NotRequired[float]
    gap: NotRequired[float | None]
    seconds: NotRequired[float]
    columns: NotRequired[int]
    windows: NotRequired[int]
    starts: NotRequired[list[float]]
    starts_apart_k: NotRequired[
        Annotated[float | None, Keywords("spread of the goal asked about over the starts, K or doublings of a dose")]
    ]
    ripple_k: NotRequired[list[float]]
    rom_size: NotRequired[int]
    rom_error_k: NotRequired[float | None]
    rounds: NotRequired[list[RoundRecord]]
    chosen: NotRequired[ChosenRecord]
    predicted: NotRequired[list[PredictedRecord]]


class SearchRecord(TypedDict):
    """Part of ``plan.json`` on the search; empty in a simulation."""

    optimizer: OptimizerRecord | None
    alternatives: list[AlternativeRecord]
    comparison: NotRequired[Annotated[str | None, Keywords("what gradient and movement buy at equal limits")]]
    explanation: NotRequired[ExplanationRecord | None]
    pareto: NotRequired[TradeOffRecord | None]
    placement: NotRequired[list[PositionErrorRecord]]
