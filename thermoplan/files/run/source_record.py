"""Typed shape of a run's sources in ``plan.json``: iron, tracer, machine, its field-free region, vessels, safety."""

from __future__ import annotations

from typing import Annotated, NotRequired, TypedDict

from ...device import DEVICE_KINDS
from .record_types import POSITIVE, Keywords, Numbers, Pair, Triple, one_of


class VesselRecord(TypedDict):
    """Path and width of a vessel."""

    path_mm: Annotated[list[Triple], Keywords(minItems=2)]
    diameter_mm: Annotated[float, POSITIVE]


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
