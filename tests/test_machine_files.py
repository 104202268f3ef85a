"""Machines of one's own, in a TOML file: coils and magnets, measured drives, points of any shape."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small_case import PROTOCOL, write_case

from thermoplan.base.errors import InputError
from thermoplan.protocol import read_protocol
from thermoplan.protocol.library import chosen_device
from thermoplan.protocol.toml_tables import DeviceTable

MU0 = 4e-7 * np.pi
DRIVEN = 'amplitude = "13 mT"\nfrequency = "354 kHz"\n'
PAIR = """\
kind = "coils"
coils = [
  { center = "0 0 173.205 mm", axis = "0 0 1", radius = "200 mm", ampere_turns = "1e5 A" },
  { center = "0 0 -173.205 mm", axis = "0 0 1", radius = "200 mm", ampere_turns = "-1e5 A" },
]
"""


def device(folder, text: str, **changes):
    (folder / "own.toml").write_text(text)
    return chosen_device(DeviceTable(file="own.toml", **changes), folder, "p.toml", [])


def test_two_coils_in_a_file_are_a_field_free_point_of_their_own_gradient(tmp_path):
    # a Maxwell pair: (48/49) sqrt(3/7) mu0 I / R^2 along the axis, half of it across
    found = device(tmp_path, PAIR + DRIVEN)
    gradient = 48 / 49 * np.sqrt(3 / 7) * MU0 * 1e5 / 0.2**2
    assert (found.kind, found.gradient_t_m) == ("coils", pytest.approx(gradient, rel=1e-4))
    along, across = found.bias_t(np.array([[0, 0, 1e-3], [1e-3, 0, 0]]), (0, 0, 0))
    assert (along[0], across[1]) == pytest.approx((gradient * 1e-3, gradient * 0.5e-3), rel=1e-4)
    # the ball: half of hypot(200, 173.2) mm, the way to the nearest turn
    assert found.selection.radius_m == pytest.approx(0.5 * np.hypot(0.2, 0.173205), rel=1e-2)
    assert found.reachable([[0.1, 0, 0], [0.2, 0, 0]]).tolist() == [True, False]


def test_a_protocol_may_ask_for_another_current_of_the_same_coils(tmp_path):
    found = device(tmp_path, PAIR + DRIVEN, gradient="2.35 T/m")
    along, _ = found.bias_t(np.array([[0, 0, 1e-3]]), (0, 0, 0))
    assert along[0] == pytest.approx(2.35e-3, rel=1e-4)


def test_magnets_are_a_selection_field_too(tmp_path):
    magnets = "".join(
        f'[[magnets]]\ncenter = "0 0 {z} mm"\naxis = "0 0 {s}"\nradius = "30 mm"\nheight = "20 mm"\n'
        'remanence = "1.3 T"\n'
        for z, s in ((80, 1), (-80, -1))
    )
    found = device(tmp_path, f'kind = "coils"\nball = "30 mm"\n{DRIVEN}{magnets}')
    tensor = found.gradient_tensor()
    assert np.diag(tensor) == pytest.approx([-0.5, -0.5, 1.0], abs=1e-3)

    # on the axis of a cylinder: B = (Br / 2) (far / hypot(far, R) - near / hypot(near, R)), faces at 70 and 90 mm
    def on_axis(z):
        return 0.65 * sum(
            s * (s * z + 0.09) / np.hypot(s * z + 0.09, 0.03) - s * (s * z + 0.07) / np.hypot(s * z + 0.07, 0.03)
            for s in (1, -1)
        )

    assert found.gradient_t_m == pytest.approx(abs(on_axis(1e-4) - on_axis(-1e-4)) / 2e-4, rel=1e-3)


def test_a_drive_coil_states_its_own_amplitude_axis_and_profile(tmp_path):
    coil = '[[drive_coils]]\ncenter = "0 0 0 mm"\naxis = "0 0 1"\nradius = "60 mm"\nampere_turns = "1000 A"\n'
    found = device(tmp_path, f'kind = "uniform"\nfrequency = "354 kHz"\n{coil}')
    assert found.amplitude_t == pytest.approx(MU0 * 1000 / (2 * 0.06), rel=1e-4)
    assert found.drive_axis == pytest.approx([0, 0, 1], abs=1e-5)
    z = np.array([0.0, 0.01, 0.02])
    relative, _ = found.drive_at(np.outer(z, [0, 0, 1]))
    assert relative == pytest.approx((1 + (z / 0.06) ** 2) ** -1.5, rel=1e-3)  # a loop's field on its axis


def test_a_drive_that_was_measured_lies_beside_the_device_file_wherever_one_calls_from(tmp_path, monkeypatch):
    points = np.random.default_rng(2).normal(size=(60, 3))
    points *= 0.04 / np.linalg.norm(points, axis=1)[:, None]
    x, y, z = points.T
    fields = 5e-3 * np.stack([300 * x * z, 300 * y * z, 1 - 300 * (z * z - (x * x + y * y) / 2)], axis=1)
    (tmp_path / "bench").mkdir()
    np.savetxt(
        tmp_path / "bench" / "drive.csv",
        1e3 * np.hstack([points, fields]),
        delimiter=",",
        header="x_mm,y_mm,z_mm,bx_mT,by_mT,bz_mT",
        comments="",
    )
    (tmp_path / "bench" / "own.toml").write_text(f'kind = "ffp"\ngradient = "2 T/m"\ndrive = "drive.csv"\n{DRIVEN}')
    monkeypatch.chdir(tmp_path)
    found = chosen_device(DeviceTable(file="own.toml"), Path("bench"), "p.toml", [])
    relative, axis = found.drive_at([[0, 0, 0], [0, 0, 0.02], [0, 0, 0.08]])
    assert relative[:2] == pytest.approx([1.0, 1 - 300 * 0.02**2], abs=1e-6)
    x, y, z = found.drive.nearest_inside([[0, 0, 0.08]])[0]  # beyond the ball it is that of its edge
    edge = [300 * x * z, 300 * y * z, 1 - 300 * (z * z - (x * x + y * y) / 2)]
    assert 0.035 < z < 0.042 and relative[2] == pytest.approx(np.linalg.norm(edge), rel=1e-6)
    assert axis[0] == pytest.approx([0, 0, 1], abs=1e-6)


def test_a_point_of_any_shape_is_one_line_of_text(tmp_path):
    found = device(tmp_path, f'kind = "ffp"\ngradient_tensor = "-1 0 0; 0 -1.5 0; 0 0 2.5 T/m"\n{DRIVEN}')
    assert found.gradient_t_m == pytest.approx(2.5)
    assert np.diag(found.gradient_tensor()) == pytest.approx([-0.4, -0.6, 1.0])


def test_a_line_of_ones_own_may_turn(tmp_path):
    text = f'kind = "ffl"\ngradient = "5.7 T/m"\nline_axis = "A"\nrotating = true\nturn_axis = "S"\n{DRIVEN}'
    assert len(device(tmp_path, text).line_directions()) == 6


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            'kind = "ffp"\ngradient_tensor = "-1 0 0; 0 -1 0; 0 0 2.5 T/m"\n',
            r"own.*gradient_tensor: .*trace is 0\.5 T/m",
        ),
        ('kind = "ffp"\ngradient_tensor = "-1 0 0; 0 0 2.5 T/m"\n', r"gradient_tensor = .*expected three rows"),
        ('kind = "coils"\n', r"coils: missing"),
        (PAIR + 'ball = "300 mm"\n', r"a coil reaches into the ball of 300 mm"),
        (PAIR + 'selection = "f.csv"\n', r"selection and coils or magnets: expected one of them"),
        (PAIR.replace('radius = "200 mm", ', ""), r"own\.toml: coils\[0\]\.radius: missing"),
        ('kind = "ffp"\ngradient = "2 T/m"\nrotating = true\n', r"only a line turns"),
    ],
)
def test_what_no_machine_can_be_is_named(tmp_path, text, words):
    with pytest.raises(InputError, match=words):
        device(tmp_path, text + DRIVEN)


def test_the_files_of_a_machine_of_ones_own_are_among_a_plans_inputs(tmp_path):
    points = np.random.default_rng(2).normal(size=(60, 3))
    points *= 0.04 / np.linalg.norm(points, axis=1)[:, None]
    np.savetxt(
        tmp_path / "map.csv",
        1e3 * np.hstack([points, points * [-1, -1, 2]]),
        delimiter=",",
        header="x_mm,y_mm,z_mm,bx_mT,by_mT,bz_mT",
        comments="",
    )
    (tmp_path / "own.toml").write_text(f'kind = "measured"\nselection = "map.csv"\n{DRIVEN}')
    own = PROTOCOL.replace('name = "berkeley-ffp"', 'file = "own.toml"')
    files = read_protocol(write_case(tmp_path, protocol=own)).files
    assert {"own.toml", "map.csv"} <= {path.name for path in files}
    (tmp_path / "own.toml").write_text("kind = measured")
    with pytest.raises(InputError, match=r"own\.toml: cannot be read as TOML"):
        read_protocol(tmp_path / "protocol.toml")
