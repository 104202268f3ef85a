"""A measured selection field reaches a device through a protocol's own keys."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from thermoplan.base.errors import InputError
from thermoplan.files.tables.fieldmaps import read_field_map
from thermoplan.protocol.library import chosen_device, chosen_tracer
from thermoplan.protocol.toml_tables import DeviceTable, TracerTable
from thermoplan.tracer.tracer import slp_w_kg


def ball() -> np.ndarray:
    directions = np.random.default_rng(2).normal(size=(60, 3))
    return 0.04 * directions / np.linalg.norm(directions, axis=1)[:, None]


def linear(points: np.ndarray) -> np.ndarray:
    """2 T/m along z, -1 T/m across."""
    return points * [-1.0, -1.0, 2.0]


def write_table(path, points=None, fields=None):
    points = ball() if points is None else points
    rows = np.hstack([points, linear(points) if fields is None else fields]) * 1e3
    np.savetxt(path, rows, delimiter=",", header="x_mm,y_mm,z_mm,bx_mT,by_mT,bz_mT", comments="")
    return path


def test_a_table_is_in_millimetres_and_milliteslas(tmp_path):
    assert read_field_map(write_table(tmp_path / "f.csv")).strength_t_m == pytest.approx(2.0, rel=1e-9)


def test_the_measured_field_of_a_real_magnet_is_read(shared):
    field = read_field_map(shared / "data" / "selection-field-2Tpm" / "Gradient_2Tpm.h5")
    assert field.strength_t_m == pytest.approx(2.0, rel=0.05)  # its name says 2 T/m


def test_a_device_of_its_own_takes_a_field_map_beside_its_file(tmp_path):
    (tmp_path / "bench").mkdir()
    write_table(tmp_path / "bench" / "f.csv")
    (tmp_path / "bench" / "d.toml").write_text(
        'kind = "measured"\nselection = "f.csv"\namplitude = "13 mT"\nfrequency = "354 kHz"\ndrive_axis = "S"\n'
    )
    device = chosen_device(DeviceTable(file="bench/d.toml"), tmp_path, "p.toml", [])
    along, across = device.bias_t(np.array([[0, 0, 1e-3], [1e-3, 0, 0]]), (0, 0, 0), 2.0)
    assert (along[0], across[1]) == pytest.approx((2e-3, 1e-3), rel=1e-6)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("x_mm,y_mm\n1,2\n", "has no column z_mm, bx_mT, by_mT, bz_mT; expected x_mm"),
        ("x_mm,y_mm,z_mm,bx_mT,by_mT,bz_mT\n1,2,3,4,5,six\n", 'row 1, bz_mT = "six": expected a number'),
        ("x_mm,y_mm,z_mm,bx_mT,by_mT,bz_mT\n1,2,3,4,5,6\n", "1 points cannot fix"),
    ],
)
def test_a_broken_table_is_refused_by_name(tmp_path, content, words):
    (tmp_path / "f.csv").write_text(content)
    with pytest.raises(InputError, match=r"f\.csv: .*" + words):
        read_field_map(tmp_path / "f.csv")


def test_swapped_axes_and_a_foreign_hdf5_are_refused_by_name(tmp_path):
    with pytest.raises(InputError, match=r"f\.csv: .*not free of sources"):
        read_field_map(write_table(tmp_path / "f.csv", fields=np.roll(linear(ball()), 1, axis=1)))
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file["points"] = ball()
    with pytest.raises(InputError, match=r"f\.h5: has no positions and no fields; it holds points"):
        read_field_map(tmp_path / "f.h5")
    (tmp_path / "f.h5").write_bytes((tmp_path / "f.h5").read_bytes()[:300])
    with pytest.raises(InputError, match=r"f\.h5: cannot be read as a field map"):
        read_field_map(tmp_path / "f.h5")


def test_a_measured_table_of_slp_is_used_by_the_tracer_that_names_it(tmp_path):
    (tmp_path / "slp.csv").write_text(
        "amplitude_mT,frequency_kHz,along_mT,slp_W_g\n13,354,0,250\n13,354,10,50\n6.5,354,0,80\n6.5,354,10,10\n"
    )
    tracer = chosen_tracer(TracerTable(name="synomag-d", table="slp.csv"), tmp_path, "p.toml")
    at = {"amplitude_t": 0.013, "frequency_hz": 354e3}
    assert float(slp_w_kg(tracer, **at)) == pytest.approx(250e3)
    assert float(slp_w_kg(tracer, **at, along_t=0.005)) == pytest.approx(150e3)  # halfway from 250 to 50
    (tmp_path / "slp.csv").write_text("amplitude_mT,frequency_kHz,slp_W_g\n13,354,oops\n")
    with pytest.raises(InputError, match=r'slp\.csv: row 1, slp_W_g = "oops": expected a number'):
        chosen_tracer(TracerTable(name="synomag-d", table="slp.csv"), tmp_path, "p.toml")
