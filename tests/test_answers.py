"""The verbs that answer without a plan, through the command line."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from thermoplan.base.errors import InputError
from thermoplan.cli import app
from thermoplan.commands.point_queries import ffr_answer, library_answer, slp_answer
from thermoplan.files.run.starter import write_starter
from thermoplan.power.ffr import ffr_widths_m
from thermoplan.power.heating_warnings import focus_remarks, focus_warnings
from thermoplan.protocol.library import library_devices, library_tracers

DRIVE = ["--amplitude", "13 mT", "--frequency", "354 kHz"]


def said(*words: str) -> dict:
    result = CliRunner().invoke(app, [*words, "--json"], catch_exceptions=False)
    assert result.exit_code == 0
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def protocol(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mouse")
    write_starter(folder)
    return folder / "protocol.toml"


def test_one_point_is_the_published_one():
    point = said("slp", "--tracer", "synomag-d", *DRIVE)
    assert point["slp_w_per_g_fe"] == pytest.approx(901.7, rel=2e-3)
    assert point["omega_tau"] == pytest.approx(3.0, rel=1e-4)
    assert point["valid"] is True and point["model"] == "mrsh"
    biased = said("slp", "--tracer", "synomag-d", *DRIVE, "--along", "-20 mT")
    assert biased["slp_w_per_g_fe"] / point["slp_w_per_g_fe"] == pytest.approx(0.072, abs=1e-3)


def test_models_are_named_and_say_when_they_do_not_hold():
    assert said("slp", "--tracer", "synomag-d", *DRIVE, "--model", "linear")["valid"] is False
    exact = said("slp", "--tracer", "synomag-d", *DRIVE, "--across", "5 mT", "--model", "fokker-planck")
    closed = said("slp", "--tracer", "synomag-d", *DRIVE, "--across", "5 mT")
    assert exact["energy_kt"] == pytest.approx(closed["energy_kt"], rel=0.05)
    assert "within 7 %" in closed["validity"] and "exact" in exact["validity"]
    with pytest.raises(InputError, match=r'--model = "rosen": expected one of mrsh, .*table'):
        slp_answer("synomag-d", amplitude="13 mT", frequency="354 kHz", model="rosen")


def test_a_tracer_that_cannot_be_is_refused_with_its_file_and_key(tmp_path):
    for key, value, words in (
        ("core_diameter", "-20 nm", r'own\.toml: core_diameter = "-20 nm"'),
        ("saturation_magnetization", "1.8 MA/m", r"own\.toml: .*saturation_magnetization.*bulk iron"),
    ):
        keys = {
            "core_diameter": "20 nm",
            "saturation_magnetization": "446 kA/m",
            "density": "5180 kg/m^3",
            "relaxation_time": "1 us",
        } | {key: value}
        text = "".join(f'{name} = "{quantity}"\n' for name, quantity in keys.items())
        (tmp_path / "own.toml").write_text(f'schema = 1\nname = "own"\niron_fraction = 0.7236\n{text}')
        with pytest.raises(InputError, match=words):
            slp_answer(str(tmp_path / "own.toml"), amplitude="13 mT", frequency="354 kHz")


def test_a_measured_table_says_how_far_it_goes(tmp_path):
    (tmp_path / "slp.csv").write_text("amplitude_mT,frequency_kHz,slp_W_g\n5,354,60\n13,354,250\n")
    (tmp_path / "own.toml").write_text(
        'schema = 1\nname = "own"\ncore_diameter = "18 nm"\nsaturation_magnetization = "446 kA/m"\n'
        'density = "5180 kg/m^3"\niron_fraction = 0.7236\nrelaxation_time = "1 us"\n'
        'table = "slp.csv"\n'
    )
    point = said("slp", "--tracer", str(tmp_path / "own.toml"), *DRIVE)
    assert (point["slp_w_per_g_fe"], point["model"]) == (pytest.approx(250.0), "table")
    assert point["validity"].startswith("5 to 13 mT, 354 kHz, 0 mT along, 0 mT across; ")


def test_the_library_says_where_each_model_holds():
    rows = {row["name"]: row for row in said("library", "models")["rows"]}
    assert {"mrsh", "linear", "fokker-planck", "blocked", "neel", "table"} <= rows.keys()
    assert all(row["validity"] and row["what"] for row in rows.values())
    tracers = said("library", "tracers")["rows"]
    assert all(row["validity"] == rows[row["model"]]["validity"] for row in tracers)
    shown = " ".join(CliRunner().invoke(app, ["library", "models"]).stdout.split())
    assert "within 7 % of the exact solution" in shown


def test_a_tracer_of_ones_own_is_a_file(tmp_path):
    (tmp_path / "own.toml").write_text(
        'schema = 1\nname = "own"\ncore_diameter = "18 nm"\nsaturation_magnetization = "446 kA/m"\n'
        'density = "5180 kg/m^3"\niron_fraction = 0.7236\ntemperature = "37 degC"\nanisotropy = "11 kJ/m^3"\n'
        'hydrodynamic_diameter = "22 nm"\nviscosity = "1 mPa*s"\n'
    )
    point = said("slp", "--tracer", str(tmp_path / "own.toml"), *DRIVE, "--model", "linear")
    assert point["slp_w_per_g_fe"] * 0.7236 == pytest.approx(437.21, abs=0.005)
    assert point["omega_tau"] == pytest.approx(1.4880, abs=5e-5)


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"tracer": "synomag"}, "synomag-d"),
        ({"amplitude": "13"}, "--amplitude"),
        ({"across": "5 kHz"}, "--across"),
        ({"frequency": "354 mT"}, "--frequency"),
        ({"frequency": "0 kHz"}, "more than zero"),
        ({"model": "rosen"}, "expected one of"),
    ],
)
def test_questions_that_make_no_sense_name_the_option(changes, words):
    question = {"tracer": "synomag-d", "amplitude": "13 mT", "frequency": "354 kHz"} | changes
    with pytest.raises(InputError, match=words):
        slp_answer(question.pop("tracer"), **question)


def test_the_size_of_the_field_free_region_of_a_protocol(protocol, tmp_path):
    picture = tmp_path / "ffr.png"
    answer = said("ffr", str(protocol), "--png", str(picture))
    assert answer["fwhm_along_mm"] == pytest.approx(7.03, rel=0.01)
    assert answer["fwhm_across_mm"] == pytest.approx(31.6, rel=0.01)
    assert answer["widths_if_mm"]["3"][0] == pytest.approx(answer["fwhm_along_mm"], rel=1e-3)
    assert answer["gradient_for_lesion_t_m"] == pytest.approx(2.35 * answer["fwhm_across_mm"] / 8.0, rel=1e-6)
    assert 0 < answer["off_target_along"] < answer["off_target_across"] < 1
    assert answer["slp_imaging_w_per_g_fe"] < answer["slp_w_per_g_fe"]
    assert picture.read_bytes()[:4] == b"\x89PNG"
    with pytest.raises(InputError, match="--lesion"):
        ffr_answer(protocol, lesion="0 mm")


def test_a_machine_without_gradient_has_no_size(protocol):
    text = protocol.read_text()
    bare = protocol.with_name("bare.toml")
    start = text.index("[device]")
    rest = text.index("\n[", start)
    bare.write_text(text[:start] + '[device]\nname = "uniform"\n' + text[rest:])
    answer = said("ffr", str(bare))
    assert answer["fwhm_along_mm"] is None and answer["gradient_for_lesion_t_m"] is None


@pytest.mark.parametrize("what, known", [("tracers", "synomag-d"), ("devices", "berkeley-ffp")])
def test_libraries_are_listed_with_their_sources(what, known):
    rows = {row["name"]: row for row in said("library", what)["rows"]}
    assert known in rows and all(row["source"] for row in rows.values())
    with pytest.raises(InputError, match="expected tracers, devices, models"):
        library_answer("animals")


def test_a_machine_is_listed_with_all_that_it_can_do():
    rows = {row["name"]: row for row in said("library", "devices")["rows"]}
    hyper, uniform = rows["hyper"], rows["uniform"]
    assert hyper["gradient_range_t_m"] == [0.5, 2.6] and hyper["frequency_range_khz"] == [335, 345]
    assert (hyper["slew_mm_s"], hyper["settle_s"], hyper["max_duty"], hyper["moves_stage"]) == (2.0, 20.0, 0.9, True)
    assert hyper["position_range_mm"] == [[-30, 30], [-30, 30], [-100, 100]]
    assert uniform["position_range_mm"] == [[None, None]] * 3 and uniform["slew_mm_s"] is None


def test_a_person_reads_range_source_and_pose_of_a_machine():
    shown = CliRunner().invoke(app, ["library", "devices"], catch_exceptions=False).stdout
    for words in (
        "2.6 T/m, 0.5 to 2.6",
        "2 mm/s, a stage",
        "z -100 to 100",
        "line along (RAS)",
        "[Tay2018]",
        "5.7 T/m only",
    ):
        assert words in shown


@pytest.mark.parametrize(
    "words",
    [["slp", "--tracer", "synomag-d", *DRIVE, "--model", "linear"], ["library", "tracers"], ["library", "devices"]],
)
def test_answers_are_shown_to_people_too(words):
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert result.exit_code == 0
    assert "synomag" in result.stdout or "ffp" in result.stdout


def test_a_field_free_region_is_shown_to_people_too(protocol):
    result = CliRunner().invoke(app, ["ffr", str(protocol)], catch_exceptions=False)
    assert "full width at half maximum" in result.stdout


def test_a_focus_that_no_machine_has_is_remarked_on(protocol):
    """2 mm would take 37 T/m, where the machine has 2.35; perimag's region is metres wide, where the bore is 60 mm."""
    small = said("ffr", str(protocol), "--lesion", "2 mm")
    beyond = (
        f"{small['gradient_for_lesion_t_m']:.3g} T/m is beyond the 2.35 T/m of berkeley-ffp: it cannot be had there"
    )
    assert small["gradient_for_lesion_t_m"] > 30.0 and beyond in small["warnings"]
    assert not any("beyond" in text for text in said("ffr", str(protocol), "--lesion", "40 mm")["warnings"])
    machine, tracers = library_devices()["berkeley-ffp"], library_tracers()
    (remark,) = focus_remarks(machine, widths_m=ffr_widths_m(tracers["perimag"], machine))
    assert remark == "2.71 m is wider than the bore of 60 mm: in that direction there is no focus"
    assert focus_remarks(machine, widths_m=ffr_widths_m(tracers["synomag-d"], machine), gradient_t_m=2.35) == []
    assert remark in focus_warnings(tracers["perimag"], machine)
