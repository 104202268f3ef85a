"""Typed shape of ``plan.json``, which the shipped JSON Schema is made from (`plan_schema`).

Names end in their unit; temperatures in degrees C, doses in CEM43 minutes, positions in RAS+ mm. None: does not apply,
or beyond what a number can say. A key that is not required came after the first plans of schema 1, or belongs to some
plans only.
"""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired, TypedDict

from .record_types import (
    AT_LEAST_0,
    PAIR,
    POSITIVE,
    Count,
    Digest,
    Dose,
    Keywords,
    Numbers,
    Pair,
    Readings,
    Share,
    Status,
    Triple,
    one_of,
)
from .search_record import SearchRecord
from .source_record import DeviceRecord, FfrRecord, IronRecord, SafetyRecord, TracerRecord, VesselRecord


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


class PlanRecord(RunRecord, SearchRecord):
    """Content of ``plan.json``.

    Names end in their unit; temperatures in degrees C, doses in CEM43 minutes, positions in RAS+ mm. null: does not
    apply, or beyond what a number can say.
    """
