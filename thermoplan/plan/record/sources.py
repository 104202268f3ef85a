"""Sections of a record on what entered: iron, tracer, device, heated width, vessels and mesh."""

from __future__ import annotations

import numpy as np

from ...base.arrays import Array
from ...device import Device
from ...files.run.plan_record import MeshRecord
from ...files.run.source_record import (
    CalibrationRecord,
    DeviceRecord,
    FfrRecord,
    IronRecord,
    TracerRecord,
    VesselRecord,
    WidthsRecord,
)
from ...power.ffr import ffr_widths_m
from ...power.slp_point import validity
from ...power.slp_uncertainty import TWO_SIDED_95, width_spread_m
from ...protocol import Protocol
from ...tracer.magnetization import NAMES
from ...tracer.tracer import Tracer, omega_tau
from ..case.case import Case


def iron_section(case: Case) -> IronRecord:
    """Iron of image and mesh in mg, its uncertainty, calibration and registration."""
    iron, milli = case.iron, 1e6
    return {
        "image_mg": iron.image_kg * milli,
        "mesh_mg": float(iron.node_mass_kg.sum()) * milli,
        "outside_mg": iron.outside_kg * milli,
        "moved_mg": iron.moved_kg * milli,
        "confined": iron.moved_kg > 0.0,
        "fwhm_mm": None if case.fwhm_m is None else case.fwhm_m * 1e3,
        "regions_raw": {k: v * milli for k, v in iron.raw_kg.items()},
        "regions_confined": {k: v * milli for k, v in iron.region_kg(case.anatomy).items()},
        "regions_interval": _iron_intervals(case),
        "calibrated_by": _calibration(case.protocol),
        "relative_uncertainty": case.iron_uncertainty,
        "registration": case.registration,
        "deblur_noise_gain": case.protocol.iron.deblur,
    }


def _iron_intervals(case: Case) -> dict[str, list[float]] | None:
    """Two-sided 95 % interval of each region's iron in mg; None where no uncertainty is known."""
    if not any(case.iron_sd_kg.values()):
        return None
    held, reach = case.iron.region_kg(case.anatomy), {k: TWO_SIDED_95 * sd for k, sd in case.iron_sd_kg.items()}
    return {name: [max(0.0, mass - reach[name]) * 1e6, (mass + reach[name]) * 1e6] for name, mass in held.items()}


def _calibration(protocol: Protocol) -> CalibrationRecord | None:
    source = protocol.iron
    return None if source.calibration is None else {"file": source.calibration.name, "roi": source.roi}


def tracer_section(protocol: Protocol) -> TracerRecord:
    """Tracer as it entered, with its mean core and its relaxation at the drive's frequency."""
    tracer = protocol.tracer
    sizes, shares, _ = tracer.sizes()
    return {
        "name": tracer.name,
        "model": tracer.model,
        "model_name": NAMES[tracer.model],
        "model_validity": validity(tracer),
        "effective": tracer.effective,
        "source": tracer.source,
        "core_diameter_nm": float(shares @ sizes) * 1e9,
        "saturation_magnetization_ka_m": tracer.saturation_magnetization_a_m * 1e-3,
        "omega_tau": omega_tau(tracer, protocol.device.frequency_hz),
        "heating_efficiency": tracer.heating_efficiency,
        "slp_source": tracer.slp_source,
    }


def device_section(protocol: Protocol) -> DeviceRecord:
    """Device as it entered, and its pose."""
    device = protocol.device
    return {
        "name": device.name,
        "kind": device.kind,
        "gradient_t_m": device.gradient_t_m,
        "amplitude_mt": device.amplitude_t * 1e3,
        "frequency_khz": device.frequency_hz * 1e-3,
        "drive_axis": device.drive_axis.tolist(),
        "line_axis": _as_list(device.line_axis),
        "strong_axis": _as_list(device.strong_axis),
        "rotating": device.rotating,
        "drive_profile": device.drive is not None,
        "pose": protocol.pose,
        "to_device": device.to_device.tolist(),
        "heater_shift_mm": [1e3 * v for v in protocol.heater_shift_m],
        "heater_shift_noticed": protocol.heater_shift_noticed,
        "bore_radius_mm": None if device.bore_radius_m is None else device.bore_radius_m * 1e3,
        "position_range_mm": (device.position_range_m * 1e3).tolist(),
        "settle_s": device.settle_s,
        "min_dwell_s": device.min_dwell_s,
        "slew_mm_s": device.slew_m_s * 1e3,
        "max_duty": device.max_duty,
        "source": device.source,
    }


def _as_list(axis: Array | None) -> list[float] | None:
    return None if axis is None else axis.tolist()


def ffr_section(tracer: Tracer, device: Device) -> FfrRecord:
    """Size of the heated region, and its size with other relaxation times."""
    return {
        **_widths(*ffr_widths_m(tracer, device)),
        "if_omega_tau": {f"{lag:g}": _widths(*pair) for lag, pair in width_spread_m(tracer, device).items()},
    }


def _widths(along_m: float, across_m: float) -> WidthsRecord:
    return {"fwhm_along_mm": along_m * 1e3, "fwhm_across_mm": across_m * 1e3}


def vessel_section(protocol: Protocol) -> dict[str, VesselRecord]:
    """Path and width of every vessel."""
    return {
        vessel.name: {"path_mm": (1e3 * vessel.path_m).tolist(), "diameter_mm": 1e3 * vessel.diameter_m}
        for vessel in protocol.vessels
    }


def mesh_section(case: Case) -> MeshRecord:
    """Size of the mesh, and its quality where it was made here."""
    anatomy, report = case.anatomy, case.mesh
    corner = anatomy.points_m[anatomy.outer]
    area = np.linalg.norm(np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]), axis=1).sum() / 2
    section: MeshRecord = {
        "nodes": len(anatomy.points_m),
        "tetrahedra": len(anatomy.tets),
        "skin_area_cm2": float(area) * 1e4,
        "quality_min": None,
        "quality_histogram": [],
    }
    if report is not None:
        section |= {
            "quality_min": report.quality_min,
            "quality_histogram": list(report.quality_histogram),
            "label_volume_mm3": dict(report.label_volume_mm3),
        }
    return section
