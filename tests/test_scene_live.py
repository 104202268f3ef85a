"""The scene over time: what it shows at a moment is what the session has there, the right way round."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from report_sample import TUMOUR_M, sample_anatomy, sample_fields, write_sample, write_sample_fields

from thermoplan import scene
from thermoplan.base.errors import InputError, MissingPart
from thermoplan.files.meshes.mesh_files import write_history
from thermoplan.files.meshes.vtkhdf import Steps
from thermoplan.scene.body import FACES_PER_SURFACE, ISOTHERMS, draw_isosurfaces
from thermoplan.scene.film import film_pictures
from thermoplan.scene.live_scene import LiveScene
from thermoplan.scene.stage import ViewOptions
from thermoplan.scene.window import add_controls, open_window

if TYPE_CHECKING:
    import pyvista as pv

STORED = Path(__file__).parent / "pictures" / "moment.png"
TUMOUR_MM = 1e3 * TUMOUR_M
SMALL = ViewOptions(size=(480, 360))


def write_run(run: Path, times_s: np.ndarray, temperature_c: np.ndarray, cem43_min: np.ndarray) -> Path:
    """The sample with these fields over time, ``(k, n)``."""
    write_sample(run)
    anatomy = sample_anatomy()
    fields = sample_fields(anatomy)
    write_sample_fields(run, anatomy, fields)
    steps = Steps(times_s, {"temperature_c": temperature_c, "cem43_min": cem43_min})
    write_history(run / "fields.vtkhdf", anatomy, steps, fields)
    return run


@pytest.fixture(scope="module")
def ramp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """T = 43 + S - 1 mm/s t and a dose of twice the distance from R = 0 per 10 s: linear, so exact on any mesh."""
    p = 1e3 * sample_anatomy().points_m
    times = np.array([0.0, 10.0])
    temperature = np.array([43.0 + p[:, 2] - t for t in times])
    dose = np.array([np.abs(p[:, 0]) * 0.0 + 2.0 * t / 10.0 * (p[:, 0] + 20.0) for t in times])
    return write_run(tmp_path_factory.mktemp("ramp") / "run", times, temperature, dose)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample's fields coming up over 30 min and going down."""
    fields = sample_fields(sample_anatomy())
    times, rise = np.array([0.0, 900.0, 1800.0, 2700.0]), np.array([0.0, 0.8, 1.0, 0.2])
    temperature = np.array([36.0 + r * (fields["temperature_peak_c"] - 36.0) for r in rise])
    dose = np.array([0.0, 0.4, 0.95, 1.0])[:, None] * fields["cem43_min"]
    return write_run(tmp_path_factory.mktemp("session") / "run", times, temperature, dose)


@pytest.fixture
def live(ramp: Path):
    live = LiveScene(ramp, SMALL)
    yield live
    live.close()


def bounds_of(live: LiveScene, name: str) -> np.ndarray:
    """Low and high end along R, A, S."""
    return np.array(live.plotter.actors[name].bounds).reshape(3, 2)


@pytest.mark.parametrize("time_s", [0.0, 2.5, 10.0])
def test_an_isotherm_lies_where_the_temperature_is_at_that_moment(live: LiveScene, time_s: float) -> None:
    """43 + S - t = 45 at S = 2 + t."""
    live.to(time_s)
    assert bounds_of(live, "isotherm 45")[2] == pytest.approx([2.0 + time_s] * 2, abs=0.01)
    assert bounds_of(live, "isotherm 41")[2] == pytest.approx([time_s - 2.0] * 2, abs=0.01)


def test_a_reading_is_the_field_at_the_point(live: LiveScene) -> None:
    live.to(5.0)
    point = np.array([6.31, -1.7, -9.2])
    reading = live.read(point)
    assert reading.region == "tumour"
    assert reading.temperature_c == pytest.approx(43.0 - 9.2 - 5.0, abs=0.005)
    assert reading.cem43_min == pytest.approx(2.0 * 0.5 * (6.31 + 20.0), rel=1e-3)
    assert "tumour: 28.8 °C, CEM43 26 min" in str(reading)


def test_a_reading_beside_the_body_is_that_of_its_nearest_point(live: LiveScene) -> None:
    live.to(0.0)
    far = live.read(np.array([0.0, 0.0, 40.0]))
    assert far.temperature_c == pytest.approx(43.0 + 26.0, abs=1.6)  # the body ends at S = 26, on a lattice of 1.5 mm


def test_a_probe_that_stays_follows_the_clock(live: LiveScene) -> None:
    live.to(0.0)
    live.read(TUMOUR_MM)
    live.to(4.0)
    assert "29.0 °C" in live.plotter.actors["reading words"].input  # 43 - 10 - 4


def test_the_focus_goes_from_stop_to_stop_and_rests_after_heating(session: Path) -> None:
    """The sample plays nine stops, one a second, in the order of its path."""
    live = LiveScene(session, SMALL)
    path = np.array(live.stage.plan["trajectory"]["path_mm"])
    for k in (0, 4, 8):
        live.to(float(k))
        assert bounds_of(live, "FFR half power").mean(axis=1) == pytest.approx(path[k], abs=1e-3)
    live.to(2000.0)
    assert "FFR half power" not in live.plotter.actors
    live.close()


def test_a_plane_cuts_what_lies_in_front_and_shows_the_field_there(live: LiveScene) -> None:
    live.to(0.0)
    live.clip("A", 1.0)
    assert bounds_of(live, "cut")[1] == pytest.approx([1.0, 1.0])
    assert np.ptp(bounds_of(live, "cut")[2]) == pytest.approx(52.0, rel=0.1)  # the body's length
    cut = live.plotter.actors["cut"].mapper.dataset
    assert cut["temperature_c"] == pytest.approx(43.0 + cut.points[:, 2], abs=0.005)
    planes = live.plotter.actors["region liver"].mapper.GetClippingPlanes()
    keeps = [planes.GetItem(0).EvaluateFunction(point) > 0 for point in ([0, 5, 0], [0, -5, 0])]
    assert keeps == [False, True]
    assert not live.plotter.actors["drive axis"].mapper.GetClippingPlanes()  # the machine stays whole
    live.unclip()
    assert "cut" not in live.plotter.actors
    assert not live.plotter.actors["region liver"].mapper.GetClippingPlanes()


def test_a_cut_hides_the_liver_in_front_of_it(session: Path) -> None:
    """The liver reaches from A = -4.5 to 8.5 mm: cut at -8, it is gone from the picture."""
    live = LiveScene(session, SMALL)
    blue = lambda picture: ((picture[..., 2].astype(int) - picture[..., 0]) > 50).sum()  # noqa: E731
    before = blue(live.picture()[:, 120:])
    live.clip("A", -8.0)
    after = blue(live.picture()[:, 120:])
    live.close()
    assert before > 500
    assert after < 0.1 * before


def test_dose_takes_the_place_of_temperature_and_goes_again(session: Path) -> None:
    live = LiveScene(session, SMALL)
    live.show_dose(True)
    assert {name.split()[0] for name in live.plotter.actors if name.startswith("iso")} == {"isodose"}
    live.to(0.0)  # no dose yet
    assert not any(name.startswith("iso") for name in live.plotter.actors)
    live.to(1800.0)
    live.show_dose(False)
    assert {name.split()[0] for name in live.plotter.actors if name.startswith("iso")} == {"isotherm"}
    live.close()


def test_what_lies_under_the_mouse_is_the_organ_not_the_skin(session: Path) -> None:
    live = LiveScene(session, SMALL)
    live.picture()
    live.plotter.renderer.SetWorldPoint(*TUMOUR_MM, 1.0)
    live.plotter.renderer.WorldToDisplay()
    x, y, _ = live.plotter.renderer.GetDisplayPoint()
    point = live.pick(x, y)
    assert np.linalg.norm(point - TUMOUR_MM) == pytest.approx(4.0, abs=1.5)  # on the ball of 4 mm
    assert live.pick(2, 2) is None
    live.close()


def test_a_part_is_hidden_and_shown(session: Path) -> None:
    live = LiveScene(session, SMALL)
    live.show("region", False)
    assert not live.plotter.actors["region liver"].visibility
    assert live.plotter.actors["iron"].visibility
    live.show("region", True)
    assert live.plotter.actors["region liver"].visibility
    live.close()


def test_the_picture_of_a_moment_is_the_stored_one(session: Path, tmp_path: Path) -> None:
    """Means over blocks of 25 pixels, so that a renderer's edges do not matter."""
    from PIL import Image

    path = scene.write_png(session, tmp_path / "moment.png", minute=15.0, cut="A")
    picture = np.asarray(Image.open(path).convert("RGB"), float)
    small = picture.reshape(44, 25, 60, 25, 3).mean(axis=(1, 3))
    if not STORED.exists():
        Image.fromarray(small.astype(np.uint8)).save(STORED)
        pytest.fail(f"{STORED.name} was missing and has been written: look at the picture, then commit it")
    difference = np.abs(small - np.asarray(Image.open(STORED), float))
    assert difference.mean() < 3.0
    assert (difference.max(axis=2) > 40).mean() < 0.01


def test_the_iron_as_a_volume_is_darkest_where_the_image_has_most(session: Path) -> None:
    from thermoplan.base.image import Image
    from thermoplan.files.images.nifti import write_nifti

    affine = np.diag([1e-3, 1e-3, 1e-3, 1.0])
    affine[:3, 3] = [-11.5e-3, -9.5e-3, -25.5e-3]
    image = Image(np.zeros((24, 20, 52), np.float32), affine)
    index = np.argwhere(np.ones(image.shape, bool))
    near = np.linalg.norm(image.positions_m(index) - TUMOUR_M, axis=1) < 3e-3
    (session / "maps").mkdir(exist_ok=True)
    write_nifti(
        session / "maps" / "iron.nii.gz",
        image.with_data(np.where(near, 6.0, 0.0).reshape(image.shape).astype(np.float32)),
    )
    live = LiveScene(session, ViewOptions(iron_volume=True, size=(480, 360)))
    bounds = bounds_of(live, "iron")
    assert bounds.mean(axis=1) == pytest.approx(TUMOUR_MM, abs=0.6)
    assert np.ptp(bounds, axis=1) == pytest.approx([7.0] * 3, abs=1.1)  # a ball of 3 mm and a voxel around it
    with_iron = live.picture().astype(float)
    live.show("iron", False)
    without = live.picture().astype(float)
    live.close()
    assert (without - with_iron).sum(axis=2).max() > 60


@pytest.mark.parametrize("name", ["film.mp4", "film.gif"])
def test_a_film_plays_the_session(session: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import imageio.v2 as imageio

    from thermoplan.scene import film

    monkeypatch.setattr(film, "SIZE", (320, 240))
    told: list[float] = []
    path = film.write_film(
        session, tmp_path / name, seconds=1.0, rate_hz=6.0, listener=lambda stage, share, text: told.append(share)
    )
    pictures = [np.asarray(picture)[..., :3] for picture in imageio.get_reader(path)]
    assert len(pictures) == 6
    assert pictures[0].shape == (240, 320, 3)
    assert np.abs(pictures[0].astype(int) - pictures[3]).max() > 100
    assert told == pytest.approx(np.arange(1, 7) / 6)


def test_a_film_goes_through_all_of_the_session_while_the_camera_turns(session: Path) -> None:
    live = LiveScene(session, SMALL)
    seen = []
    before = np.array(live.plotter.camera.position)
    for _ in film_pictures(live, 4):
        seen.append((live.time_s, np.array(live.plotter.camera.position)))
    live.close()
    assert [time for time, _ in seen] == pytest.approx([0.0, 900.0, 1800.0, 2700.0])
    first, last = (np.arctan2(*(place - live.plotter.camera.focal_point)[:2]) for place in (seen[0][1], seen[-1][1]))
    middle = np.arctan2(*(before - live.plotter.camera.focal_point)[:2])
    assert np.degrees(first - middle) == pytest.approx(np.degrees(middle - last), abs=0.5)
    assert abs(np.degrees(first - last)) == pytest.approx(40.0, abs=0.5)


def test_a_film_of_another_kind_is_refused_before_anything_is_drawn(session: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"film\.avi: .*expected \.mp4 or \.gif"):
        scene.write_film(session, tmp_path / "film.avi")


def test_slider_and_keys_of_the_window_move_the_scene(session: Path) -> None:
    live = LiveScene(session, SMALL, both=True)
    add_controls(live)
    slider = live.plotter.widgets.slider_widgets[0]
    slider.GetRepresentation().SetValue(15.0)
    slider.InvokeEvent("EndInteractionEvent")
    press = live.plotter.iren._key_press_event_callbacks
    assert live.time_s == pytest.approx(900.0)
    for key, seen in (
        ("d", lambda: live.dose),
        ("c", lambda: live.plane is not None),
        ("1", lambda: not live.plotter.actors["region liver"].visibility),
        ("4", lambda: not live.plotter.actors["bore"].visibility),
    ):
        assert not seen()
        press[key][0]()
        assert seen()
        press[key][0]()
        assert not seen()
    live.close()


def test_a_window_without_a_display_names_what_works_without(session: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(MissingPart, match=r"--png.*--film.*--web"):
        open_window(session)


def test_a_run_without_its_history_says_what_to_do(session: Path, tmp_path: Path) -> None:
    for name in ("plan.json", "fields.vtu"):
        (tmp_path / name).write_bytes((session / name).read_bytes())
    with pytest.raises(InputError, match=r"fields\.vtkhdf: not found.*plan again"):
        LiveScene(tmp_path)


def test_a_notebook_gets_a_frame_that_carries_its_own_page(session: Path) -> None:
    shown = scene.embed(session)
    html = shown._repr_html_()
    assert html.startswith("<iframe ")
    assert "<script" not in html  # the page inside is escaped
    assert len(html) < 6e6
    assert "MB" in repr(shown)


def lattice(steps: int) -> pv.UnstructuredGrid:
    """A cube of tetrahedra with nodes at the whole numbers from 0 to ``steps``."""
    import pyvista

    nodes = pyvista.ImageData(dimensions=(steps + 1,) * 3)
    return nodes.to_tetrahedra(5)


def test_a_surface_through_the_nodes_of_a_fine_mesh_is_drawn() -> None:
    """Elements that touch the level with a corner or an edge give faces of no area, which no decimation takes."""
    import pyvista

    body = lattice(40)
    body.point_data["temperature_c"] = 41.0 + 0.5 * np.abs(body.points - 20.0).max(axis=1) - 4.0
    contour = body.contour([43.0], scalars="temperature_c")
    assert contour.n_cells > FACES_PER_SURFACE
    assert not contour.triangulate().clean().is_all_triangles  # else this mesh shows nothing
    plotter = pyvista.Plotter(off_screen=True)
    drawn = draw_isosurfaces(plotter, body, "temperature_c", ISOTHERMS)
    surface = plotter.actors["isotherm 43"].mapper.dataset
    plotter.close()
    assert drawn == [41.0, 43.0, 45.0]
    assert surface.is_all_triangles
    assert surface.n_cells <= FACES_PER_SURFACE
    assert surface.bounds == pytest.approx([8.0, 32.0] * 3, abs=0.1)  # 0.5 |x - 20| = 6


def test_a_surface_that_is_only_a_point_is_not_drawn() -> None:
    """The level is that of one node to the last bit of a contour's single precision."""
    import pyvista

    body = lattice(2)
    body.point_data["temperature_c"] = np.where((body.points == 1.0).all(axis=1), np.nextafter(43.0, 44.0), 40.0)
    plotter = pyvista.Plotter(off_screen=True)
    plotter.add_mesh(pyvista.Sphere(), name="isotherm 43")  # of the moment before
    assert draw_isosurfaces(plotter, body, "temperature_c", ISOTHERMS) == [41.0]
    assert "isotherm 43" not in plotter.actors
    plotter.close()
