"""Contract of the table of device kinds: what every kind promises to heating, search, imaging, scene and report.

A new kind needs a line in `EXAMPLES`: the keys of its smallest device file.
"""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from thermoplan.anatomy.anatomy import Anatomy
from thermoplan.base.errors import InputError
from thermoplan.commands.scan import IDEAL_KINDS, ScanRequest, lag_m
from thermoplan.device import DEVICE_KINDS, Device, FreeRegion, device_from_dict
from thermoplan.device.fields.coils import Loop, coil_selection
from thermoplan.device.fields.selection import selection_field
from thermoplan.device.kinds import OWNED_KEYS, free_region, limitation
from thermoplan.imaging.psf import device_psf, fwhm_m
from thermoplan.power.ffr import ffr_widths_m
from thermoplan.protocol.complaints import protocol_schema
from thermoplan.protocol.library import library_tracers
from thermoplan.protocol.toml_tables import DeviceTable
from thermoplan.report.methods import validity_limits
from thermoplan.trajectory.positions import candidate_positions
from thermoplan.trajectory.stops import Stop, move_s
from thermoplan.validate.bodies import box

PACKAGE = Path(__file__).parents[1] / "thermoplan"
X, Y, Z = np.eye(3)
CORNERS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) * 20e-3
PLACES = np.vstack([CORNERS, 0.5 * CORNERS, np.diag([1, 2, 3]) * 5e-3])


def point_map():
    """A field map of a point that is steepest along S: 1, 1, -2 T/m."""
    return selection_field(PLACES, PLACES @ np.diag([1.0, 1.0, -2.0]), center_m=np.zeros(3), degree=2)


def facing_coils():
    """Two coils whose currents run against each other: a point on their axis, S, between them."""
    loops = [Loop((0.0, 0.0, side * 0.1), (0.0, 0.0, side), 0.08, 5e4) for side in (-1.0, 1.0)]
    return coil_selection(loops, ball_m=0.04)


EXAMPLES = {
    "ffp": lambda: {"gradient": 2.0},
    "ffl": lambda: {"gradient": 2.0, "line_axis": "A"},
    "uniform": lambda: {},
    "measured": lambda: {"selection": point_map()},
    "coils": lambda: {"selection": facing_coils()},
}
FOREIGN = {"rotating": True, "gradient_tensor": np.diag([1.0, 1.0, -2.0]), "selection": point_map()}
KINDS = tuple(DEVICE_KINDS)


def keys(kind: str) -> dict[str, object]:
    common = {"name": "example", "kind": kind, "amplitude": 13e-3, "frequency": 354e3, "slew": 0.1}
    return common | EXAMPLES[kind]()


def machine(kind: str, **more: object) -> Device:
    return device_from_dict(keys(kind) | more, "example.toml")


def turned_pose(degrees: float) -> np.ndarray:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[1, 0, 0, 0.002], [0, c, -s, -0.003], [0, s, c, 0.005], [0, 0, 0, 1]])


def body() -> Anatomy:
    """A tumour of 8 mm in the middle of a box of muscle of 20 mm."""
    middle_m = 10e-3
    return box(
        (10, 10, 10),
        (2 * middle_m,) * 3,
        lambda c: (np.abs(c - middle_m).max(axis=1) < 4e-3).astype(int),
        ("body", "tumour"),
    )


def test_every_line_of_the_table_has_an_example():
    assert set(EXAMPLES) == set(DEVICE_KINDS)
    assert set(FOREIGN) == set(OWNED_KEYS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_protocol_and_a_record_take_every_kind_and_no_other(kind):
    assert DeviceTable(kind=kind).kind == kind
    with pytest.raises(ValidationError):
        DeviceTable(kind=f"{kind}?")
    with pytest.raises(InputError, match=f"expected one of .*{kind}"):
        device_from_dict(keys(kind) | {"kind": f"{kind}?"}, "example.toml")
    assert protocol_schema()["$defs"]["DeviceTable"]["properties"]["kind"]["enum"] == list(DEVICE_KINDS)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("key", OWNED_KEYS)
def test_a_key_of_another_kind_is_refused_with_the_kind_that_takes_it(kind, key):
    if key in DEVICE_KINDS[kind].own_keys:
        machine(kind, **({key: FOREIGN[key]} if key not in EXAMPLES[kind]() else {}))
        return
    with pytest.raises(InputError, match=rf'{key}.*expected kind = "(\w+)"') as refused:
        machine(kind, **{key: FOREIGN[key]})
    owner = str(refused.value).rpartition('kind = "')[2].rstrip('"')
    assert key in DEVICE_KINDS[owner].own_keys


@pytest.mark.parametrize("kind", KINDS)
def test_a_device_file_without_what_the_kind_needs_is_refused_by_key(kind):
    for key in EXAMPLES[kind]():
        with pytest.raises(InputError, match=f"{'coils' if kind == 'coils' else key}.*missing"):
            device_from_dict({k: v for k, v in keys(kind).items() if k != key}, "example.toml")


@pytest.mark.parametrize("kind", KINDS)
def test_the_selection_field_obeys_maxwell_and_is_one_tesla_per_metre_at_its_steepest(kind):
    tensor = machine(kind, to_device=turned_pose(30)).gradient_tensor()
    assert abs(np.trace(tensor)) < 1e-9 and np.abs(tensor - tensor.T).max() < 1e-12
    steepest = 0.0 if DEVICE_KINDS[kind].region is FreeRegion.EVERYWHERE else 1.0
    assert np.abs(np.linalg.eigvalsh(tensor)).max() == pytest.approx(steepest, abs=1e-6)


@pytest.mark.parametrize("kind, key", [(k, key) for k in KINDS for key in ("selection", "gradient_tensor")])
def test_a_field_that_is_given_in_the_machines_frame_turns_with_the_machine(kind, key):
    if key not in DEVICE_KINDS[kind].own_keys:
        return
    pose, given = turned_pose(30), {key: FOREIGN[key]}
    there, here = machine(kind, **given, to_device=pose).gradient_tensor(), machine(kind, **given).gradient_tensor()
    assert there == pytest.approx(pose[:3, :3].T @ here @ pose[:3, :3], abs=1e-9)
    assert np.abs(there - here).max() > 0.1


@pytest.mark.parametrize("kind", KINDS)
def test_the_field_is_zero_along_as_many_directions_as_the_region_has(kind):
    device = machine(kind)
    sizes = np.linalg.svd(device.gradient_tensor(), compute_uv=False)
    assert int((sizes < 1e-6).sum()) == device.region == free_region(kind)
    widths = ffr_widths_m(library_tracers()["synomag-d"], device)
    assert np.isfinite(widths).all() == device.focuses  # the example's drive and steepest axes lie across a line


@pytest.mark.parametrize("kind", KINDS)
def test_candidate_positions_lie_in_reach_and_only_across_the_region(kind):
    device, anatomy = machine(kind), body()
    places = candidate_positions(anatomy, ["tumour"], device=device, spacing_m=2e-3)
    assert device.reachable(places).all()
    assert machine(kind, position_range=np.zeros((3, 2))).reachable(places).any() != device.focuses
    spread = np.linalg.matrix_rank(places - places.mean(axis=0), tol=1e-9)
    assert spread == 3 - device.region
    assert (len(places) == 1) != device.focuses


@pytest.mark.parametrize("kind", KINDS)
def test_a_move_takes_time_where_a_region_moves(kind):
    a, b = Stop(0.0, 1.0, (0.0, 0.0, 0.0), 13e-3, 0.0), Stop(2.0, 1.0, (0.01, 0.0, 0.0), 13e-3, 0.0)
    device = machine(kind)
    assert move_s(device, a, b) == pytest.approx(0.1 if device.focuses else 0.0)  # 10 mm at 0.1 m/s


@pytest.mark.parametrize("kind", KINDS)
def test_a_direction_is_refused_unless_the_field_can_take_it(kind):
    device = machine(kind)
    taken = device.line_directions()
    assert not device.violations(directions=[d for d in taken if d is not None])
    own = Y if device.region is FreeRegion.LINE else Z
    assert not device.violations(directions=[own])
    refused = device.violations(directions=[X])
    assert bool(refused) == (not np.allclose(device.gradient_tensor(X), device.gradient_tensor(), atol=0.02))


@pytest.mark.parametrize("kind", [k for k in KINDS if "rotating" in DEVICE_KINDS[k].own_keys])
def test_what_turns_has_directions_across_its_axis_that_it_takes(kind):
    device = machine(kind, rotating=True)
    taken = np.array(device.line_directions())
    assert len(np.unique(np.round(taken, 9), axis=0)) == len(taken) > 1
    assert np.abs(taken @ device.turns_about).max() < 1e-12 and not device.violations(directions=taken)


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_of_a_kind_that_focuses_has_a_width_in_every_direction_and_any_other_none(kind):
    device, tracer = machine(kind), library_tracers()["synomag-d"]
    if device.focuses:
        psf = device_psf(tracer, device)
        assert all(0.0 < fwhm_m(psf, axis) < 0.05 for axis in np.eye(3))
        assert np.isfinite(lag_m(tracer, device)).all()
    else:
        with pytest.raises(InputError, match="no gradient"):
            device_psf(tracer, device)


def test_a_scan_without_a_machine_offers_the_ideal_kinds_and_help_names_them():
    assert set(IDEAL_KINDS) == {kind for kind in KINDS if DEVICE_KINDS[kind].ideal}
    assert f"Without a machine: {' or '.join(IDEAL_KINDS)}." in (PACKAGE / "cli" / "imaging.py").read_text()
    assert ScanRequest().kind is None


@pytest.mark.parametrize("kind", KINDS)
def test_the_scene_draws_the_region_by_its_dimension(kind):
    pv = pytest.importorskip("pyvista")
    from thermoplan.scene.ffr_path import half_power_surface

    device = {"kind": kind, "drive_axis": [0, 0, 1], "line_axis": [0, 1, 0]}
    surface = half_power_surface(pv, {"device": device, "ffr": {"fwhm_along_mm": 4.0, "fwhm_across_mm": 6.0}})
    if free_region(kind) is FreeRegion.EVERYWHERE:
        assert surface is None
        return
    x, y, z = np.ptp(surface.points, axis=0)
    assert z == pytest.approx(4.0, rel=0.02) and x == pytest.approx(6.0, rel=0.02)
    assert y > 20.0 if free_region(kind) is FreeRegion.LINE else y == pytest.approx(6.0, rel=0.02)


@pytest.mark.parametrize("kind", KINDS)
def test_the_report_tells_the_limits_of_a_kind_where_it_has_one(kind):
    told = validity_limits({"device": {"kind": kind}})
    assert (limitation(kind) in told) == bool(limitation(kind))
    assert bool(limitation(kind)) == (free_region(kind) is FreeRegion.EVERYWHERE)


def test_no_module_branches_on_the_name_of_a_kind():
    """A comparison with a kind's name belongs into the table: `Device.region`, `Device.focuses`, or the kind itself."""
    branches = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Compare)
        for part in ast.walk(node)
        if isinstance(part, ast.Constant) and part.value in DEVICE_KINDS
    ]
    assert branches == []
