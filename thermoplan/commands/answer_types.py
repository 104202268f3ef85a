"""Typed shapes of the commands' answers, as ``--json`` prints them; names end in their unit."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from ..imaging.quantification import RegionIronRow
from ..report.calorimetry_figure import HeatingCurve
from ..report.ffr_figure import FfrProfiles

Interval = dict[str, float]
"""``value``, ``low`` and ``high``: two-sided 95 %."""


class SlpAnswer(TypedDict):
    """SLP of a tracer at one point of the fields."""

    tracer: str
    model: str
    slp_w_per_g_fe: float
    energy_kt: float
    omega_tau: float
    valid: bool
    validity: str
    warnings: list[str]
    slp_source: str
    effective: str


class FfrAnswer(FfrProfiles):
    """Size of the field-free region of a protocol; None where nothing bounds a width."""

    slp_imaging_w_per_g_fe: float | None
    off_target_along: float
    off_target_across: float
    gradient_for_lesion_t_m: float | None
    omega_tau: float
    widths_if_mm: dict[str, list[float | None]]
    warnings: list[str]


class RelaxometryColumns(TypedDict):
    """Relaxometry of a tracer; None or empty where it was not measured."""

    fwhm_mt: float | None
    sensitivity: float | None
    sensitivity_unit: str
    magnetic_nm: list[float]
    diameter_nm: float | None
    diameter_source: str
    instrument: str
    reference: str
    imaging: str


class TracerRow(RelaxometryColumns):
    """Tracer of the library."""

    name: str
    core_nm: list[float]
    saturation_ka_m: float
    omega_tau_354_khz: float
    slp_13_mt_354_khz_w_per_g_fe: float
    model: str
    validity: str
    fit: str
    source: str


class ModelRow(TypedDict):
    """Model of the magnetization, and where it holds."""

    name: str
    what: str
    validity: str


Ends = list[float | None]
"""Low and high end of a range; None where it has none."""


class DeviceRow(TypedDict):
    """Machine of the library; fields are peak, axes in RAS, positions in the machine's frame."""

    name: str
    kind: str
    gradient_t_m: float
    gradient_range_t_m: Ends
    amplitude_mt: float
    amplitude_range_mt: Ends
    frequency_khz: float
    frequency_range_khz: Ends
    drive_axis: list[float]
    line_axis: list[float] | None
    strong_axis: list[float] | None
    rotating: bool
    position_range_mm: list[Ends]
    slew_mm_s: float | None
    settle_s: float
    min_dwell_s: float
    max_duty: float
    moves_stage: bool
    bore_radius_mm: float | None
    source: str
    notes: dict[str, str]


class TracersAnswer(TypedDict):
    """Library of tracers."""

    library: Literal["tracers"]
    rows: list[TracerRow]


class DevicesAnswer(TypedDict):
    """Library of machines."""

    library: Literal["devices"]
    rows: list[DeviceRow]


class ModelsAnswer(TypedDict):
    """Library of magnetization models."""

    library: Literal["models"]
    rows: list[ModelRow]


LibraryAnswer = TracersAnswer | DevicesAnswer | ModelsAnswer


class WrittenAnswer(TypedDict):
    """Files that a verb wrote, from which run and for whom."""

    folder: NotRequired[str]
    run: NotRequired[str]
    to: NotRequired[str]
    files: list[str]


class CalorimetryAnswer(HeatingCurve):
    """SLP of a heating curve by the corrected-slope method."""

    curve: str
    samples: int
    iron_mg: float
    measured_slp: str
    warnings: list[str]


class FitRow(TypedDict):
    """Measured and fitted SLP."""

    amplitude_mt: float
    frequency_khz: float
    along_mt: float
    across_mt: float
    slp_w_per_g: float
    fitted_w_per_g: float


class FitAnswer(TypedDict):
    """Tracer that was fitted to SLPs."""

    tracer: str
    model: str
    free: list[str]
    estimates: dict[str, Interval]
    measurements: list[FitRow]
    misfit_rel: float
    basis: str
    medium: str
    tissue_factor: float
    file: str | None
    warnings: list[str]


class ShotReading(TypedDict):
    """Reading of a probe during the test shot, beside the expected one."""

    at_s: float
    reads_c: float
    expected_c: float
    rise_k: float
    expected_rise_k: float


class ShotAnswer(TypedDict):
    """SLP in the animal by a test shot."""

    run: str
    probe: str
    readings: list[ShotReading]
    start_c: float
    factor: Interval
    slp_w_per_g_fe: Interval
    amplitude_mt: float
    tip_error_rel: float
    stands: bool
    measured_slp: str
    warnings: list[str]


class CurvePoint(TypedDict):
    """Fiducial on the standard curve."""

    name: str
    iron_ug: float
    signal_mm3: float
    signal_sd_mm3: float | None
    read_ug: float
    used: bool


class CurveAnswer(TypedDict):
    """Standard curve; None where nothing tells a spread."""

    slope_per_mg_ml: float
    slope_sd_per_mg_ml: float | None
    r2: float | None
    intercept_ug: float | None
    intercept_sd_ug: float | None
    intercept_used: bool
    lack_of_fit: float
    detection_limit_ug: float | None
    points: list[CurvePoint]


class BackgroundAnswer(TypedDict):
    """Background of a signal image."""

    level: float
    sigma: float
    voxels: int
    correlation: float


class QuantifyAnswer(TypedDict):
    """Iron of a signal image, per region and in all."""

    image: str
    calibration: str
    rule: str
    curve: CurveAnswer
    background: BackgroundAnswer
    detection_limit_mg_ml: float
    relative_uncertainty: float
    regions: list[RegionIronRow]
    warnings: list[str]
    notes: list[str]
    files: list[str]


class ScanAnswer(TypedDict):
    """Picture that a digital scan made."""

    image: str
    shape: list[int]
    spacing_mm: list[float]
    psf: str
    fwhm_mm: list[float]
    iron_mg: float
    signal_mg: float
    sensitivity: float
    highest: float
    noise_mg_ml: float
    seed: int | None
    highest_over_noise: float | None
    notes: list[str]


class RegisterAnswer(TypedDict):
    """Registration that was written."""

    method: str
    source: str
    transform: str
    matrix_mm: list[list[float]]
    turn_deg: float
    residual_mm: float | None
    leave_one_out_mm: float | None
    landmarks: dict[str, float]
    notes: list[str]


class ConvertAnswer(TypedDict):
    """Image that was written in another format."""

    image: str
    shape: list[int]
    spacing_mm: list[float]
    unit: str
    sum: float
    highest: float
    notes: list[str]


class CheckAnswer(TypedDict):
    """Protocol in words: rows of (what, understood as)."""

    name: str
    protocol: str
    ok: bool
    understood: list[list[str]]
    notes: list[str]


class MeshRegion(TypedDict):
    """Volume of a region by its labels and by its mesh."""

    name: str
    label_mm3: float
    mesh_mm3: float
    relative: float
    thickness_elements: float | None


class MeshAnswer(TypedDict):
    """Mesh that was written."""

    mesh: str
    nodes: int
    tetrahedra: int
    regions: list[MeshRegion]
    quality_min: float
    quality_histogram: list[int]
    skin_area_cm2: float
    label_skin_area_cm2: float | None
    notes: list[str]
