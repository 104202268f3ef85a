"""From a protocol to temperatures that a formula knows: a heated sphere in a perfused block."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest

from thermoplan.plan import simulate

RADIUS_M, CONDUCTIVITY, PERFUSION_1_S = 5e-3, 0.5, 5e-3
PERFUSION = PERFUSION_1_S * 1049.75 * 3617.0
POWER_W_M3 = 1e5  # 1 mg/mL times 100 W per g of iron

PROTOCOL = """\
schema = 1
name = "sphere"

[iron]
image = "iron.nii.gz"
unit = "mg/mL"
fwhm = "1 mm"

[anatomy]
labels = "labels.nii.gz"
label_table = "labels.csv"

[tracer]
name = "synomag-d"
measured_slp = { value = "100 W/g", basis = "iron", medium = "tissue", amplitude = "13 mT", frequency = "354 kHz" }

[device]
name = "uniform"
amplitude = "13 mT"
frequency = "354 kHz"
eddy_currents = false

[physiology]
arterial = "37 degC"
core = "fixed"

[boundary]
skin = { insulated = true }

[tissues.tumour]
conductivity = "0.5 W/m/K"
perfusion = "5e-3 1/s"
metabolic_heat = "0 W/m^3"

[tissues.muscle]
conductivity = "0.5 W/m/K"
perfusion = "5e-3 1/s"
metabolic_heat = "0 W/m^3"

[session]
duration = "60 min"
cool_down = "0 min"

[[goals]]
region = "tumour"
metric = "Tmean"
at_least = "37 degC"

[[probes]]
name = "centre"
position = "0 0 0 mm"

[[probes]]
name = "surface"
position = "5 0 0 mm"

[[probes]]
name = "outside"
position = "0 10 0 mm"
"""


def steady_rise_k(r: float) -> float:
    """Section 7.1 of the reference: uniform sphere of power in an infinite medium of the same tissue."""
    lam = np.sqrt(PERFUSION / CONDUCTIVITY)
    scale, x, radius = POWER_W_M3 / (CONDUCTIVITY * lam**2), lam * r, lam * RADIUS_M
    if r <= RADIUS_M:
        return scale * (1.0 - (1.0 + radius) * np.exp(-radius) * (np.sinh(x) / x if x else 1.0))
    return scale * (radius * np.cosh(radius) - np.sinh(radius)) * np.exp(-x) / x


def write_sphere(folder: Path) -> Path:
    """A ball of tumour in a cube of muscle, 0.4 mm voxels, iron where the ball is."""
    count, voxel = 104, 0.4
    affine = np.diag([voxel, voxel, voxel, 1.0])
    affine[:3, 3] = -0.5 * voxel * (count - 1)
    axis = affine[0, 3] + voxel * np.arange(count)
    r2 = axis[:, None, None] ** 2 + axis[None, :, None] ** 2 + axis[None, None, :] ** 2
    ball = r2 <= 25.0
    for name, data in (("labels", np.where(ball, 2, 1).astype(np.uint8)), ("iron", ball.astype(np.float32))):
        image = nibabel.Nifti1Image(data, affine)
        image.header.set_xyzt_units("mm")
        nibabel.save(image, folder / f"{name}.nii.gz")
    (folder / "labels.csv").write_text("label,region,tissue\n1,body,muscle\n2,tumour,tumour\n")
    path = folder / "protocol.toml"
    path.write_text(PROTOCOL)
    return path


@pytest.fixture(scope="module")
def sphere(tmp_path_factory):
    return simulate(write_sphere(tmp_path_factory.mktemp("sphere")))


def test_the_formula_gives_the_printed_values():
    printed = {0.0: 1.341948, 5e-3: 0.690814, 1e-2: 0.130363}  # rho_b c_b there is 1050 * 3617
    for r, rise in printed.items():
        assert steady_rise_k(r) == pytest.approx(rise, rel=3e-4)


@pytest.mark.parametrize(("probe", "r"), [("centre", 0.0), ("surface", RADIUS_M), ("outside", 2 * RADIUS_M)])
def test_a_sphere_from_a_label_volume_is_as_warm_as_the_formula_to_two_percent(sphere, probe, r):
    rise = sphere.record["probes"][probe]["temperature_c"][-1] - 37.0
    assert rise == pytest.approx(steady_rise_k(r), abs=0.02 * steady_rise_k(0.0))


def test_every_check_of_the_sphere_holds(sphere):
    checks = sphere.record["checks"]
    assert checks["iron_mass_rel"] < 1e-3
    assert checks["power_rel"] < 1e-3
    assert checks["energy_balance_rel"] < 1e-3
    assert checks["prediction_k"] is None
    assert sphere.record["status"] == "ok"


def test_power_is_iron_times_slp(sphere):
    assert sphere.record["safety"]["iron_w"]["tumour"] == pytest.approx(
        1e-6 * sphere.record["iron"]["mesh_mg"] * 100e3, rel=1e-3
    )


def test_a_fixed_core_warns_and_a_simulation_is_plain_json(sphere):
    assert any("infinite heat sink" in text for text in sphere.record["warnings"])
    assert json.loads(json.dumps(sphere.record, allow_nan=False))["kind"] == "simulate"
