"""VTK itself reads the history of a run: its times, its fields at each of them, its regions and their names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from report_sample import REGIONS, sample_anatomy, sample_fields

from thermoplan.anatomy.anatomy import Anatomy
from thermoplan.base.errors import InputError
from thermoplan.files.meshes.mesh_files import write_history
from thermoplan.files.meshes.vtkhdf import Steps, read_steps
from thermoplan.plan.verification.frames import FRAMES, LIMIT_BYTES, FrameKeeper, frame_times_s

TIMES_S = np.array([0.0, 60.0, 300.0, 1800.0])


@pytest.fixture(scope="module")
def anatomy() -> Anatomy:
    return sample_anatomy()


@pytest.fixture(scope="module")
def steps(anatomy: Anatomy) -> Steps:
    """Heating in proportion to time, from 30 degrees C and no dose."""
    fields, share = sample_fields(anatomy), TIMES_S[:, None] / TIMES_S[-1]
    rise = fields["temperature_peak_c"] - 30.0
    return Steps(TIMES_S, {"temperature_c": 30.0 + share * rise, "cem43_min": share * fields["cem43_min"]})


@pytest.fixture(scope="module")
def file(anatomy: Anatomy, steps: Steps, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("vtkhdf") / "fields.vtkhdf"
    write_history(path, anatomy, steps, sample_fields(anatomy))
    return path


def seen_by_vtk(path: Path, time_s: float):
    import pyvista
    from vtkmodules.vtkCommonExecutionModel import vtkStreamingDemandDrivenPipeline
    from vtkmodules.vtkIOHDF import vtkHDFReader

    reader = vtkHDFReader()
    reader.SetFileName(str(path))
    reader.UpdateInformation()
    key = vtkStreamingDemandDrivenPipeline.TIME_STEPS()
    information = reader.GetOutputInformation(0)
    times = [information.Get(key, k) for k in range(information.Length(key))]
    reader.UpdateTimeStep(time_s)
    return times, pyvista.wrap(reader.GetOutput())


@pytest.mark.parametrize("k", range(len(TIMES_S)))
def test_vtk_reads_each_time_with_its_own_fields(file: Path, steps: Steps, k: int) -> None:
    times, body = seen_by_vtk(file, float(TIMES_S[k]))
    assert times == pytest.approx(TIMES_S)
    # 13 bits of fraction: half of 2^-13 of 32, which is the last power of two below 32 to 64 degrees C
    assert body["temperature_c"] == pytest.approx(steps.fields["temperature_c"][k], abs=32 * 2**-14 * 1.001)
    assert body["cem43_min"] == pytest.approx(steps.fields["cem43_min"][k], rel=2**-14 * 1.001)


def test_the_mesh_is_in_metres_with_its_regions_by_name(file: Path, anatomy: Anatomy) -> None:
    _, body = seen_by_vtk(file, 300.0)
    assert body.points == pytest.approx(anatomy.points_m, abs=1e-8)
    assert np.array_equal(body.cells_dict[10], anatomy.tets)
    assert np.issubdtype(body.cell_data["region"].dtype, np.integer)
    assert np.array_equal(body.cell_data["region"], anatomy.region)
    assert tuple(body.field_data["region_names"]) == REGIONS
    assert body.field_data["liver"].tolist() == [[REGIONS.index("liver"), 3]]
    assert body.field_data["metres_per_unit"].tolist() == [1.0]


def test_what_does_not_change_is_there_at_every_time(file: Path, anatomy: Anatomy) -> None:
    iron = sample_fields(anatomy)["iron_mg_ml"]
    for time_s in (0.0, 1800.0):
        assert seen_by_vtk(file, time_s)[1]["iron_mg_ml"] == pytest.approx(iron, rel=1e-4)


def test_our_own_reader_finds_the_same(file: Path, steps: Steps) -> None:
    again = read_steps(file)
    assert again.time_s == pytest.approx(TIMES_S)
    assert again.fields["temperature_c"] == pytest.approx(steps.fields["temperature_c"], abs=2.1e-3)


def test_a_file_cut_short_is_refused_by_name(file: Path, tmp_path: Path) -> None:
    cut = tmp_path / "fields.vtkhdf"
    cut.write_bytes(file.read_bytes()[:5000])
    with pytest.raises(InputError, match=r"fields\.vtkhdf: cannot be read as VTKHDF"):
        read_steps(cut)


def test_the_frames_are_output_times_from_start_over_the_end_of_heating_to_the_end() -> None:
    times = np.arange(0.0, 3001.0, 5.0)
    kept = frame_times_s(times, 1800.0, 80_000)
    assert set(kept) <= set(times)
    assert {0.0, 1800.0, 3000.0} <= set(kept)
    assert len(kept) <= FRAMES
    assert np.diff(kept[kept <= 1800.0]).max() <= 50.0  # 39 steps of 46 s, on a clock of 5 s


def test_a_finer_mesh_has_fewer_frames_and_never_a_larger_file() -> None:
    times = np.arange(0.0, 3001.0, 5.0)
    for nodes in (1_000, 200_000, 1_000_000):
        assert 8 * nodes * len(frame_times_s(times, 1800.0, nodes)) <= max(LIMIT_BYTES, 8 * nodes * 8)


def test_a_heating_without_a_cool_down_ends_with_its_last_frame() -> None:
    kept = frame_times_s(np.linspace(0.0, 600.0, 121), 600.0, 1000)
    assert kept[[0, -1]].tolist() == [0.0, 600.0]


def test_a_history_that_ends_early_keeps_its_last_state() -> None:
    keeper = FrameKeeper(np.array([0.0, 10.0, 50.0]))
    for time_s in (0.0, 5.0, 10.0 - 1e-9, 20.0):
        keeper.add(time_s, np.full(2, 30.0 + time_s), np.zeros(2))
    frames = keeper.frames()
    assert frames.time_s == pytest.approx([0.0, 10.0, 20.0])
    assert frames.temperature_c[:, 0] == pytest.approx([30.0, 40.0, 50.0])
