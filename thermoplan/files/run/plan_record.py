"""Typed shape of ``plan.json``, which the shipped JSON Schema is made from (`plan_schema`).

Names end in their unit; temperatures in degrees C, doses in CEM43 minutes, positions in RAS+ mm. None: does not apply,
or beyond what a number can say. A key that is not required came after the first plans of schema 1, or belongs to some
plans only.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal, NotRequired, TypedDict

from ...device import DEVICE_KINDS

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

_RULES: dict[str, Callable[[Any, Any], bool]] = {
    "enum": lambda value, known: value in known,
    "minimum": lambda value, bound: value >= bound,
    "maximum": lambda value, bound: value <= bound,
    "exclusiveMinimum": lambda value, bound: value > bound,
    "minItems": lambda value, count: len(value) >= count,
    "maxItems": lambda value, count: len(value) <= count,
    "minProperties": lambda value, count: len(value) >= count,
    "pattern": lambda value, pattern: re.search(pattern, value) is not None,
    "items": lambda value, part: all(set(part["required"]) <= row.keys() for row in value),
}
"""Keywords of JSON Schema that a value of the field's type is held to, as (value, what the keyword says)."""


class Keywords:
    """Keywords of JSON Schema on a field, beside those that its type implies."""

    def __init__(self, description: str = "", **keywords: object) -> None:
        self.keywords = keywords | ({"description": description} if description else {})

    def __get_pydantic_json_schema__(
        self, core: object, handler: Callable[[object], dict[str, object]]
    ) -> dict[str, object]:
        return handler(core) | self.keywords

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """The type, whose values also keep to the keywords: a file that is read is held to the whole schema."""
        from pydantic_core.core_schema import no_info_after_validator_function

        known = handler(source)
        return no_info_after_validator_function(self._kept, known) if self.keywords.keys() & _RULES.keys() else known

    def _kept(self, value: object) -> object:
        for key, rule in _RULES.items():
            if key in self.keywords and not rule(value, self.keywords[key]):
                raise ValueError(f"expected {key} = {self.keywords[key]}")
        return value


def one_of(*values: str) -> Keywords:
    """Keyword of a text that is one of a few; the tables of the rooms that make it are the authority."""
    return Keywords(enum=list(values))


PAIR = Keywords(minItems=2, maxItems=2)
AT_LEAST_0 = Keywords(minimum=0)
POSITIVE = Keywords(exclusiveMinimum=0)

Share = Annotated[float, Keywords(minimum=0, maximum=1.000001)]
Dose = Annotated[float, AT_LEAST_0] | None
Pair = Annotated[list[float], PAIR]
Triple = Annotated[list[float], Keywords(minItems=3, maxItems=3)]
Digest = Annotated[str, Keywords(pattern="^[0-9a-f]{64}$")]
Count = Annotated[int, AT_LEAST_0]
Numbers = list[float | None]
Status = Literal["ok", "goals-missed", "not-valid", "interrupted"]
Reading = dict[str, float | None]
Readings = Annotated[list[Reading], Keywords(items={"type": "object", "required": ["minute"]})]


class CourseRecord(TypedDict):
    """Temperature over time."""

    time_s: list[float]
    temperature_c: Numbers


class ProbeRecord(CourseRecord):
    """Temperature over time at a probe, and its place."""

    position_mm: Triple
    region: str | None


class SlpCaseRecord(TypedDict):
    """SLP of the tracer as it may be."""

    name: str
    slp_w_per_g_fe: float


class SlpIntervalRecord(TypedDict):
    """Interval that the SLP may lie in, and what it rests on."""

    low_w_per_g_fe: float
    high_w_per_g_fe: float
    factors: Pair
    shown_factors: Pair
    basis: str
    cases: list[SlpCaseRecord]


class SummaryRecord(TypedDict):
    """Verdict, duty, amplitude and heating power of the tracer."""

    verdict: str
    reservations: NotRequired[
        Annotated[list[str], Keywords("what stands against the verdict though goals are met and limits kept")]
    ]
    tumour: str | None
    duty: Share
    amplitude_mt: Pair
    slp_w_per_g_fe: float
    slp_basis: str
    slp_interval: NotRequired[SlpIntervalRecord]
    tissue_factor: float | None
    heat_factors: NotRequired[Pair]
    cem43t90_interval_min: NotRequired[Annotated[Numbers, PAIR] | None]
    t90_interval_c: NotRequired[Annotated[Numbers, PAIR] | None]


class TimingRecord(TypedDict):
    """End of heating and end of the cool-down."""

    heating_end_s: Annotated[float, POSITIVE]
    end_s: Annotated[float, POSITIVE]


class RegionRecord(TypedDict):
    """Iron, temperatures, doses and power of a region; ``hold`` is the last third of the heating."""

    tissue: str
    volume_mm3: Annotated[float, POSITIVE]
    iron_mg: float | None
    iron_sd_mg: NotRequired[float | None]
    t_min_c: float
    t_mean_c: float
    t_max_c: float
    t90_c: float
    t50_c: float
    t10_c: float
    t_min_hold_c: float
    t_mean_hold_c: float
    t_max_hold_c: float
    t90_hold_c: float
    t50_hold_c: float
    t10_hold_c: float
    t_peak_c: float
    cem43_max_min: Annotated[Dose, Keywords("CEM43max: mean of the hottest 1 mm3")]
    cem43_peak_min: NotRequired[Annotated[Dose, Keywords("CEM43peak: highest of any node")]]
    cem43t90_min: Dose
    cem43t50_min: Dose
    cem43t10_min: Dose
    cem43_d90_min: Dose
    cem43_floor39_max_min: Dose
    power_w: float | None


class RegionHistoryRecord(TypedDict):
    """Temperatures of a region over time."""

    t90_c: Numbers
    t50_c: Numbers
    t10_c: Numbers
    t_max_c: Numbers


class HistoryRecord(TypedDict):
    """Temperatures of every region over time, and T90 of the first target with the SLP scaled."""

    time_s: list[float]
    regions: dict[str, RegionHistoryRecord]
    t90_slp_07_c: NotRequired[Numbers]
    t90_slp_13_c: NotRequired[Numbers]
    t90_slp_low_c: NotRequired[Numbers]
    t90_slp_high_c: NotRequired[Numbers]


class HistogramRecord(TypedDict):
    """Share of a region's volume above each temperature at the end of heating, and above each dose."""

    temperature_c: list[float]
    volume_fraction: list[Share]
    cem43_min: Numbers
    dose_fraction: list[Share]


class GoalRecord(TypedDict):
    """Verified value of a goal or limit in a region."""

    kind: Annotated[str, one_of("goal", "limit")]
    region: str
    metric: str
    bound: float
    value: float | None
    met: bool
    sense: Annotated[str, one_of("at_least", "at_most")]
    margin: float | None
    unit: Annotated[str, one_of("degC", "min", "%")]
    default: bool
    source: str


class VesselRecord(TypedDict):
    """Path and width of a vessel."""

    path_mm: Annotated[list[Triple], Keywords(minItems=2)]
    diameter_mm: Annotated[float, POSITIVE]


class ChecksRecord(TypedDict):
    """Residuals that stamp a plan not valid where one is beyond its bound."""

    iron_mass_rel: Annotated[float | None, Keywords("what is left of the image against the mesh; valid up to 1e-3")]
    power_rel: Annotated[
        float | None, Keywords("power on the mesh against the sum of iron times SLP; valid up to 1e-3")
    ]
    energy_balance_rel: Annotated[float | None, Keywords("largest residual over the run; valid up to 1e-3")]
    prediction_k: Annotated[
        float | None, Keywords("searched against verified temperature; valid up to 0.1 K; null in simulate")
    ]


class MeshErrorRecord(TypedDict):
    """Estimated error of a region's temperatures."""

    t90_k: float
    t50_k: float
    t10_k: float
    t_max_k: float
    node_max_k: float


class AccuracyRecord(TypedDict):
    """Estimated error of the mesh in temperature (--estimate-error), positive where it is reported too high."""

    method: str
    error_k: float
    regions: dict[str, MeshErrorRecord]


class CalibrationRecord(TypedDict):
    """Calibration file of the scan, and the region of interest it was applied in."""

    file: str
    roi: str


class DisplacementRecord(TypedDict):
    """Displacement of a target's centroid by the registration."""

    displacement_mm: Triple
    length_mm: float
    expected_error_mm: float | None


class RegistrationRecord(TypedDict):
    """Registration of the scan to the anatomy."""

    method: Annotated[str, one_of("file", "landmarks", "intensity")]
    source: str
    matrix_mm: list[list[float]]
    residual_mm: float | None
    leave_one_out_mm: float | None
    landmarks: dict[str, float]
    targets: dict[str, DisplacementRecord]
    words: str


class IronRecord(TypedDict):
    """Iron of the image and of the mesh."""

    image_mg: float
    mesh_mg: float
    outside_mg: float
    moved_mg: float
    confined: bool
    fwhm_mm: float | None
    regions_raw: dict[str, float]
    regions_confined: dict[str, float]
    regions_interval: NotRequired[dict[str, Pair] | None]
    calibrated_by: NotRequired[CalibrationRecord | None]
    relative_uncertainty: float
    registration: NotRequired[RegistrationRecord | None]
    deblur_noise_gain: NotRequired[float | None]


class TracerRecord(TypedDict):
    """Tracer as it entered."""

    name: str
    model: NotRequired[str]
    model_name: NotRequired[str]
    model_validity: NotRequired[str]
    effective: NotRequired[str]
    source: NotRequired[str]
    core_diameter_nm: NotRequired[float]
    saturation_magnetization_ka_m: NotRequired[float]
    omega_tau: NotRequired[float | None]
    heating_efficiency: NotRequired[float]
    slp_source: NotRequired[str]


class DeviceRecord(TypedDict):
    """Device as it entered; axes in the anatomy's frame."""

    name: str
    kind: Annotated[str, one_of(*DEVICE_KINDS)]
    gradient_t_m: float
    amplitude_mt: float
    frequency_khz: float
    drive_axis: Triple
    line_axis: NotRequired[Triple | None]
    strong_axis: NotRequired[Triple | None]
    rotating: NotRequired[bool]
    drive_profile: NotRequired[bool]
    pose: NotRequired[str]
    to_device: NotRequired[list[list[float]]]
    heater_shift_mm: NotRequired[Triple]
    heater_shift_noticed: NotRequired[bool]
    bore_radius_mm: NotRequired[float | None]
    position_range_mm: NotRequired[list[Numbers]]
    settle_s: NotRequired[float]
    min_dwell_s: NotRequired[float]
    slew_mm_s: NotRequired[float | None]
    max_duty: NotRequired[float]
    source: NotRequired[str]


class WidthsRecord(TypedDict):
    """Full width at half maximum of the heated region along the strongest gradient and across it."""

    fwhm_along_mm: float | None
    fwhm_across_mm: float | None


class FfrRecord(WidthsRecord):
    """Size of the heated region, and its size with other relaxation times of the tracer."""

    if_omega_tau: NotRequired[dict[str, WidthsRecord]]


class SafetyLimitRecord(TypedDict):
    """Value beside its limit; a hard one is a wish of the protocol."""

    quantity: NotRequired[Annotated[str, one_of("h_f", "h_f_r", "nerve", "eddy_whole_body", "eddy_local", "absorbed")]]
    name: str
    value: float | None
    limit: float | None
    unit: str
    share: NotRequired[float | None]
    source: str
    exceeded: bool | None
    hard: NotRequired[bool]
    applies: NotRequired[
        Annotated[bool, Keywords("whether the limit is of this species, or one that the protocol sets")]
    ]


class SafetyRecord(TypedDict):
    """Field products and absorbed power beside their limits; powers are means over the heating."""

    h_f_a_m_s: float
    h_f_r_a_s: float
    radius_mm: NotRequired[float]
    limits: list[SafetyLimitRecord]
    eddy_w: float | None
    eddy_mean_w_kg: float | None
    eddy_local_w_kg: float | None
    iron_w: dict[str, float]
    absorbed_w: float
    metabolic_w: float
    thermoregulation_w: float | None


class WarmingRecord(TypedDict):
    """Warming of the animal, the power that it took, and what that assumes.

    Powers are null where the blood is held, and of a source in the blood for ``constant``; ``mean_w`` and ``end_w`` are
    over and at the end of heating, ``skin_c`` the hottest skin under a pad or lamp, ``assumed`` true where the protocol
    does not say what warms the animal.
    """

    kind: str
    words: str
    assumed: bool
    set_point_c: float | None
    probe: str | None
    area_cm2: float | None
    max_power_w: float | None
    before_w: float | None
    mean_w: float | None
    end_w: float | None
    off_share: Share | None
    metabolic_w: float
    core_before_c: float
    skin_c: float | None
    time_s: list[float]
    power_w: Numbers


class HottestRecord(TypedDict):
    """Highest temperature of the session."""

    position_mm: Triple
    region: str
    temperature_c: float
    time_s: float


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


class ShotProbeRecord(TypedDict):
    """Readings of a probe during the test shot, and the rise of tracer and of all else."""

    start_c: float
    temperature_c: list[float]
    iron_rise_k: list[float]
    other_rise_k: list[float]
    tip_error_rel: float


class TestShotRecord(TypedDict):
    """Short shot at low power before the session, with the reading to expect of every probe."""

    position_mm: Triple
    amplitude_mt: float
    gradient_t_m: float
    duration_s: float
    slp_w_per_g_fe: float
    frequency_khz: float
    hottest_c: float
    slp_factors: Pair
    time_s: list[float]
    probes: dict[str, ShotProbeRecord]
    rows: Readings
    notes: list[str]


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


class WindowRecord(TypedDict):
    """Window of the session with one cycle that repeats."""

    start_s: float
    end_s: float
    duty: Share
    share: list[float]
    amplitude_mt: float
    period_s: NotRequired[float]


class TrajectoryRecord(TypedDict):
    """Stops and positions of the sequence, and the share of the time at each position."""

    stops: Count
    positions: Count
    cycle_s: float | None
    duty: Share
    path_mm: list[Triple]
    share: list[float]
    windows: NotRequired[list[WindowRecord]]


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


class ParameterRecord(TypedDict):
    """Number of tissue, boundary or body that entered."""

    name: str
    value: float | str | bool | list[float] | None
    unit: str
    source: str


class MeshRecord(TypedDict):
    """Size and quality of the mesh."""

    nodes: Annotated[int, Keywords(minimum=4)]
    tetrahedra: Annotated[int, Keywords(minimum=1)]
    quality_min: float | None
    quality_histogram: list[int] | None
    skin_area_cm2: float
    label_volume_mm3: NotRequired[dict[str, float]]


class SolverRecord(TypedDict):
    """Engine of the full model: the one that was expected to need fewer matrix products, and what it needed."""

    engine: Annotated[str, one_of("exact", "implicit")]
    spectral_radius_1_s: Annotated[float, AT_LEAST_0]
    exact_products: Annotated[float, AT_LEAST_0]
    implicit_products: Annotated[float, AT_LEAST_0]
    matrix_products: Count
    feedback: bool
    elements: NotRequired[Annotated[str, one_of("linear", "quadratic")]]
    unknowns: NotRequired[
        Annotated[int, Keywords("temperatures that the full model has at once, the blood's included", minimum=1)]
    ]
    terms: NotRequired[Annotated[list[str], Keywords("terms of the bioheat equation that the full model has")]]


class StageRecord(TypedDict):
    """Stage of the computation."""

    name: str
    seconds: Annotated[float, AT_LEAST_0]


class ProvenanceRecord(TypedDict):
    """Versions, digests of the inputs, times and memory."""

    thermoplan: str
    platform: str
    versions: dict[str, str | None]
    inputs: dict[str, Digest]
    stages: list[StageRecord]
    peak_memory_mb: float
    rank_memory_mb: NotRequired[list[float]]


class RunRecord(TypedDict):
    """Part of ``plan.json`` that a plan and a simulation have alike."""

    schema: Literal[1]
    kind: Literal["plan", "simulate"]
    name: str
    status: Status
    quick: bool
    created: Annotated[str, Keywords(format="date-time")]
    summary: SummaryRecord
    timing: TimingRecord
    regions: Annotated[dict[str, RegionRecord], Keywords(minProperties=1)]
    core: CourseRecord | None
    history: HistoryRecord
    histograms: dict[str, HistogramRecord]
    goals: list[GoalRecord]
    probes: dict[str, ProbeRecord]
    expected: Annotated[Readings, Keywords("readings to expect at the bedside, and those to stop at")]
    vessels: NotRequired[dict[str, VesselRecord]]
    iron: IronRecord
    tracer: TracerRecord
    device: DeviceRecord
    ffr: FfrRecord
    safety: SafetyRecord
    warming: NotRequired[WarmingRecord | None]
    hottest: HottestRecord
    checks: ChecksRecord
    trajectory: TrajectoryRecord
    test_shot: NotRequired[TestShotRecord | None]
    warnings: list[str]
    parameters: list[ParameterRecord]
    mesh: MeshRecord
    solver: SolverRecord
    provenance: ProvenanceRecord
    figures: dict[str, str]
    accuracy: NotRequired[AccuracyRecord | None]


class SearchRecord(TypedDict):
    """Part of ``plan.json`` on the search; empty in a simulation."""

    optimizer: OptimizerRecord | None
    alternatives: list[AlternativeRecord]
    comparison: NotRequired[Annotated[str | None, Keywords("what gradient and movement buy at equal limits")]]
    explanation: NotRequired[ExplanationRecord | None]
    pareto: NotRequired[TradeOffRecord | None]
    placement: NotRequired[list[PositionErrorRecord]]


class PlanRecord(RunRecord, SearchRecord):
    """Content of ``plan.json``.

    Names end in their unit; temperatures in degrees C, doses in CEM43 minutes, positions in RAS+ mm. null: does not
    apply, or beyond what a number can say.
    """
