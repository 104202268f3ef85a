"""A calorimeter's record is read whole: its clock, its rest and its cooling, and a zero that is given."""

from __future__ import annotations

import ast
import itertools
import re
from pathlib import Path

import numpy as np
import pytest

import thermoplan
from thermoplan.base.errors import InputError
from thermoplan.commands.tracer_fits import calorimetry_answer
from thermoplan.tracer.heated_part import find_heated_part

PACKAGE = Path(thermoplan.__file__).parent
DRIVE = {"amplitude": "13 mT", "frequency": "354 kHz"}
SAMPLE = {"iron": "2 mg", "heat_capacity": "4.2 J/K"}
POWER_K_S = 2e-6 * 250e3 / 4.2  # 250 W/g on 2 mg in 4.2 J/K


def record(
    rest_s: float, heated_s: float, cooling_s: float, *, step_s: float = 2.0, loss_s: float = 0.003, noise: float = 0
):
    """Exact rise of a sample of 250 W/g that rests, is heated, and cools, from 25 degrees C."""
    t = np.arange(0.0, rest_s + heated_s + cooling_s + 0.5 * step_s, step_s)
    on = POWER_K_S / loss_s * -np.expm1(-loss_s * np.clip(t - rest_s, 0.0, heated_s))
    rise = on * np.exp(-loss_s * np.maximum(t - rest_s - heated_s, 0.0))
    return t, 25.0 + rise + np.random.default_rng(len(t)).normal(0.0, noise, t.shape)


def write(path: Path, t: np.ndarray, temperature: np.ndarray) -> Path:
    rows = "".join(f"{a:g},{b:.4f}\n" for a, b in zip(t, temperature, strict=True))
    path.write_text("time_s,temperature_C\n" + rows)
    return path


def slp(path: Path, **options: str) -> dict:
    return calorimetry_answer(path, SAMPLE | options, DRIVE)


@pytest.mark.parametrize("options", [{}, {"from": "60 s"}, {"to": "360 s"}, {"from": "60 s", "to": "360 s"}])
def test_a_whole_record_gives_the_slp_of_its_heated_part_and_says_so(tmp_path, options):
    answer = slp(write(tmp_path / "c.csv", *record(60, 300, 240)), **options)
    assert answer["slp_w_per_g_fe"]["value"] == pytest.approx(250.0, rel=2e-3)
    assert (answer["from_s"], answer["to_s"]) == (60.0, 360.0)
    told = [words for words in answer["warnings"] if "by the curve itself" in words]
    parts = [*([] if "from" in options else ["on at 60 s"]), *([] if "to" in options else ["off at 360 s"])]
    assert len(told) == bool(parts) and all(part in told[0] for part in parts)


def test_a_start_of_zero_is_a_start(tmp_path):
    t, temperature = record(60, 300, 0)
    shifted, plain = write(tmp_path / "a.csv", t - 60.0, temperature), write(tmp_path / "b.csv", t, temperature)
    first, second = slp(shifted, **{"from": "0 s"}), slp(plain, **{"from": "60 s"})
    assert first["slp_w_per_g_fe"] == second["slp_w_per_g_fe"] and first["from_s"] == 0.0
    assert first["slp_w_per_g_fe"]["value"] == pytest.approx(250.0, rel=2e-3)


@pytest.mark.parametrize("options", [{}, {"from": "0 s", "to": "140 s"}, {"from": "160 s"}])
def test_a_clock_that_jumps_is_refused_whatever_part_is_used(tmp_path, options):
    t, temperature = record(0, 300, 0)
    t[76:] -= 3600.0
    with pytest.raises(InputError, match=r"^c\.csv: row 77, time_s = -3448: not after the 150 s of the row above it"):
        slp(write(tmp_path / "c.csv", t, temperature), **options)


def test_a_reversed_record_is_refused(tmp_path):
    t, temperature = record(0, 300, 0)
    with pytest.raises(InputError, match=r"row 2, .*\(150 such rows\): times must rise through the whole record"):
        slp(write(tmp_path / "c.csv", t[::-1], temperature[::-1]))


def test_a_part_without_readings_is_refused(tmp_path):
    with pytest.raises(InputError, match="no reading lies in this part; the record runs from 0 s to 300 s"):
        slp(write(tmp_path / "c.csv", *record(0, 300, 0)), **{"from": "400 s", "to": "500 s"})


@pytest.mark.parametrize("loss_s", [0.0005, 0.003, 0.02])
def test_rest_and_cooling_are_found_where_they_are_and_nowhere_else(loss_s):
    """Over a loss of 0.02/s the sample stays on a plateau, which is neither."""
    for rest, cooling, noise in itertools.product((0, 40, 120), (0, 60, 300), (0.0, 0.05)):
        t, temperature = record(rest, 300, cooling, loss_s=loss_s, noise=noise)
        part = find_heated_part(t, temperature)
        assert (part.rests, part.cools) == (rest > 0, cooling > 0), (rest, cooling, noise)
        assert t[part.first] == pytest.approx(rest, abs=4.0) and t[part.last] == pytest.approx(rest + 300, abs=4.0)


def test_a_record_of_a_hundred_thousand_readings_is_scanned_by_a_part_of_them():
    t, temperature = record(60, 300, 240, step_s=0.006)
    part = find_heated_part(t, temperature)
    assert t[part.first] == pytest.approx(60, abs=1.0) and t[part.last] == pytest.approx(360, abs=1.0)


NUMBER = re.compile(r"_(m|mm|s|t|mt|c|k|kg|mg|ug|g|hz|khz|w|j|pa|min|rel|t_m|m2|m3|mm3)$")
NO_NUMBERS = {  # lists, tables and true or false, whose names end like a unit
    *("amplitudes_t", "gradients_t_m", "focus_c", "per_mm3", "below_43_c", "magnetic_diameters_m", "position_mm"),
    *("time_s", "t50_c", "t_max_c", "temperature_c", "volume_fraction"),
}


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get" and node.args:
        node = node.args[0]
    if isinstance(node, ast.Subscript):
        node = node.slice
    found = {ast.Name: "id", ast.Attribute: "attr", ast.Constant: "value"}.get(type(node))
    return str(getattr(node, found)) if found else ""


def _is_zero(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value in (0, None, "") and node.value is not False


def _taken_for_true() -> list[str]:
    """Numbers, by the unit at the end of their names, that are asked if they are true; a number other than zero after
    ``or`` tells that the value before it is one. ``x or 0.0`` is well: it gives zero for zero."""
    found = []
    for file in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            asked: list[ast.expr] = []
            if isinstance(node, ast.BoolOp):
                last = node.values[-1]
                plain = isinstance(node.op, ast.Or) and (_is_zero(last) or isinstance(last, ast.List | ast.Tuple))
                asked = [] if plain else node.values[:-1]
                if (
                    isinstance(node.op, ast.Or)
                    and isinstance(last, ast.Constant)
                    and isinstance(last.value, int | float)
                ):
                    found += [] if plain or isinstance(last.value, bool) else [f"{file.name}: {ast.unparse(node)}"]
            elif isinstance(node, ast.If | ast.While | ast.IfExp):
                asked = [node.test]
            elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
                asked = [node.operand]
            wrong = [part for part in asked if NUMBER.search(_name(part)) and _name(part) not in NO_NUMBERS]
            found += [f"{file.relative_to(PACKAGE)}:{node.lineno}: {ast.unparse(part)}" for part in wrong]
    return found


def test_zero_is_a_number_and_only_none_is_not_given():
    assert _taken_for_true() == []
