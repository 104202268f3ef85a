"""A protocol is read whole, in SI, and every mistake in it is named at once."""

from __future__ import annotations

import contextlib
import copy
import json
import subprocess
import sys
import tomllib
from importlib.resources import files
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from thermoplan.base.errors import InputError
from thermoplan.protocol import Protocol, Surface, read_protocol
from thermoplan.protocol.complaints import protocol_schema

PROTOCOL = """
schema = 1
name = "mouse-flank"

[iron]
image = "mouse-mpi.mdf"
unit = "mmol/L"
fwhm = "2 mm"
uptake = ["liver"]
registration = "mpi-to-anatomy.txt"
scanned_at = "2026-05-04 10:30"

[anatomy]
labels = "mouse-labels.nii.gz"
label_table = "mouse-labels.csv"
species = "mouse"

[[anatomy.add]]
region = "tumour"
tissue = "tumour"
sphere = "4.1 -2.0 31.5 mm, 4 mm"

[tracer]
file = "tracer.toml"
measured_slp = { value = "250 W/g", basis = "iron", medium = "tissue", amplitude = "13 mT", frequency = "354 kHz" }

[device]
file = "device.toml"
pose = "prone, head first"
gradient = "2.35 T/m"
amplitude = "13 mT"
to_device = [[1, 0, 0, 5], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]

[physiology]
arterial = "36.5 degC"
body_mass = "24 g"

[boundary]
skin = { heat_transfer = "10 W/m^2/K", ambient = "25 degC" }
bed = { temperature = "37 degC", normal = "0 -1 0" }

[tissues.tumour]
perfusion = "300 mL/min/kg"
conductivity = "0.55 W/m/K"
metabolic_heat = "0.7 W/kg"

[mesh]
target_size = "0.8 mm"

[steering]
windows = 3
amplitudes = ["6.5 mT", "13 mT"]

[session]
duration = "30 min"
cool_down = "0 min"

[[goals]]
region = "tumour"
metric = "CEM43T90"
at_least = "10 min"
window = "20 min to 30 min"

[[limits]]
region = ["liver", "spleen"]
metric = "CEM43max"
at_most = "2 min"

[[limits]]
region = "everywhere-else"
margin = "3 mm"
metric = "Tmax"
at_most = "42 degC"

[[probes]]
name = "tumour-centre"
position = "4.1 -2.0 31.5 mm"
"""
TRACER = """
schema = 1
name = "my-tracer"
core_diameter = "20 nm"
saturation_magnetization = "446 kA/m"
density = "5180 kg/m^3"
iron_fraction = 0.7236
temperature = "37 degC"
relaxation_time = "1.3488 us"
"""
DEVICE = """
schema = 1
name = "my-device"
kind = "ffp"
gradient = "2 T/m"
amplitude = "10 mT"
frequency = "354 kHz"
drive_axis = "S"
settle = "0.1 s"
max_duty = 0.9
position_range = [["-20 mm", "20 mm"], ["-20 mm", "20 mm"], ["-40 mm", "40 mm"]]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in {
        "mouse.toml": PROTOCOL,
        "tracer.toml": TRACER,
        "device.toml": DEVICE,
        "mouse-labels.csv": "label,region,tissue\n1,body,muscle\n2,liver,liver\n3,spleen,spleen\n",
        "mpi-to-anatomy.txt": "1 0 0 7\n0 1 0 0\n0 0 1 0\n0 0 0 1\n",
        "mouse-mpi.mdf": "x",
        "mouse-labels.nii.gz": "x",
    }.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def changed(folder: Path, *changes: tuple[str, str]) -> Path:
    """The protocol with pieces of its text replaced; each must be there."""
    text = PROTOCOL
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    (folder / "mouse.toml").write_text(text)
    return folder / "mouse.toml"


def complaints(path: Path) -> tuple[str, ...]:
    with pytest.raises(InputError) as caught:
        read_protocol(path)
    return caught.value.complaints


def test_every_key_of_the_example_arrives_in_si(folder):
    p = read_protocol(folder / "mouse.toml")
    assert isinstance(p, Protocol) and p.name == "mouse-flank" and p.text == PROTOCOL
    assert p.iron.kg_m3_per_unit == 0.055845 and p.iron.fwhm_m == 2e-3 and p.iron.confine
    np.testing.assert_allclose(p.iron.registration.matrix_m[:3, 3], [7e-3, 0, 0])
    assert p.iron.scanned_at.hour == 10 and p.iron.uptake == ("liver",)
    assert p.anatomy.label_table[2].region == "liver"
    (tumour,) = p.anatomy.added
    assert tumour.center_m == (0.0041, -0.002, 0.0315) and tumour.radius_m == 0.004
    assert (p.device.gradient_t_m, p.device.amplitude_t, p.device.settle_s) == (2.35, 0.013, 0.1)
    np.testing.assert_allclose(p.device.to_device[:3, 3], [5e-3, 0, 0])
    np.testing.assert_allclose(p.device.position_range_m[2], [-0.04, 0.04])
    assert p.pose == "prone, head first" and p.physiology.body_mass_kg == 0.024
    assert p.skin == Surface("robin", 10.0, 25.0)
    assert p.bed == Surface("dirichlet", None, 37.0, (0.0, -1.0, 0.0))
    assert p.mesh.target_size_m == 8e-4 and p.steering.amplitudes_t == (0.0065, 0.013)
    assert p.session.duration_s == 1800.0 and p.session.cool_down_s == 0.0
    assert [(g.kind, g.region, g.bound, g.sense) for g in p.goals] == [
        ("goal", ("tumour",), 10.0, "at_least"),
        ("limit", ("liver", "spleen"), 2.0, "at_most"),
        ("limit", ("everywhere-else",), 42.0, "at_most"),
    ]
    assert p.goals[0].window == (1200.0, 1800.0) and p.goals[2].margin_m == 3e-3
    assert p.probes[0].position_m == (0.0041, -0.002, 0.0315)


def test_an_image_of_iron_may_state_its_uncertainty_and_one_of_signal_names_its_calibration(folder):
    stated = read_protocol(changed(folder, ('fwhm = "2 mm"', 'fwhm = "2 mm"\nuncertainty = "6 %"'))).iron
    assert (stated.uncertainty, stated.calibration) == (pytest.approx(0.06), None)
    text = 'calibration = "mouse-labels.csv"\nroi = "Half-maximum,  grown 2 mm"'
    signal = read_protocol(changed(folder, ('unit = "mmol/L"', text)))
    assert signal.iron.calibration == folder / "mouse-labels.csv"
    assert (signal.iron.roi, signal.iron.unit) == ("half-maximum, grown 2 mm", None)
    assert signal.iron.calibration in signal.files


def test_a_measured_slp_sets_the_heating_efficiency(folder):
    from thermoplan.tracer.tracer import slp_w_kg

    tracer = read_protocol(folder / "mouse.toml").tracer
    assert tracer.name == "my-tracer"
    # in tissue, per iron: no factor is due, so the model must say 250 W/g at the measured drive
    assert float(slp_w_kg(tracer, amplitude_t=0.013, frequency_hz=354e3)) == pytest.approx(250e3, rel=1e-6)


def test_what_is_left_out_takes_the_design_s_defaults(folder):
    kept = PROTOCOL.split("[physiology]")[0] + '[session]\nduration = "30 min"\n'
    (folder / "mouse.toml").write_text(kept)
    p = read_protocol(folder / "mouse.toml")
    assert (p.physiology.arterial_c, p.physiology.core, p.skin.temperature_c) == (36.5, "pool", 25.0)
    assert p.session.cool_down_s is None and p.bed is None and p.goals == ()


def test_tissue_values_follow_the_density_that_the_protocol_gives(folder):
    path = changed(folder, ("[tissues.tumour]", '[tissues.tumour]\ndensity = "1100 kg/m^3"'))
    given = read_protocol(path).tissues["tumour"]
    tumour = given.values(1000.0)
    assert tumour["perfusion_w_m3_k"] == pytest.approx(300e-6 / 60 * 1100 * 1049.75 * 3617)
    assert tumour["metabolic_w_m3"] == pytest.approx(0.7 * 1100) and tumour["conductivity_w_m_k"] == 0.55


def test_files_that_count_are_listed_for_provenance(folder):
    names = [path.name for path in read_protocol(folder / "mouse.toml").files]
    assert names[0] == "mouse.toml" and {"mouse-mpi.mdf", "tracer.toml", "mpi-to-anatomy.txt"} <= set(names)


def test_an_override_of_how_the_tracer_relaxes_is_not_shadowed_by_the_file(folder):
    path = changed(
        folder, ('file = "tracer.toml"', 'file = "tracer.toml"\nhydrodynamic_diameter = "50 nm"\nviscosity = "1 mPa*s"')
    )
    tracer = read_protocol(path).tracer
    assert tracer.relaxation_time_s is None and tracer.viscosity_pa_s == 1e-3


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (
            ('amplitude = "13 mT"\nto_device', 'frequency = "354 mT"\nto_device'),
            'mouse.toml: device.frequency = "354 mT": expected a frequency, such as "354 kHz"',
        ),
        (
            ("[device]\nfile", '[device]\nfrequncy = "354 kHz"\nfile'),
            'mouse.toml: device.frequncy: unknown key; did you mean "frequency"?',
        ),
        (
            ('duration = "30 min"', "duration = 30"),
            'mouse.toml: session.duration = 30: expected a duration, such as "30 min"',
        ),
        (
            ('duration = "30 min"', 'duration = "0 min"'),
            'session.duration = "0 min": expected a duration, such as "30 min"; it must be more than zero',
        ),
        (('duration = "30 min"\n', ""), 'mouse.toml: session.duration: missing: expected a duration, such as "30 min"'),
        (
            ('unit = "mmol/L"', 'unit = "mT"'),
            'mouse.toml: iron.unit = "mT": expected a unit of iron concentration, such as "mg/mL" or "mmol/L"',
        ),
        (('unit = "mmol/L"\n', ""), 'mouse.toml: iron.unit: missing: expected the unit of the image, such as "mg/mL"'),
        (
            ('at_least = "10 min"', 'at_least = "10 degC"'),
            'mouse.toml: goals[0].at_least = "10 degC": expected a duration, such as "10 min"',
        ),
        (
            ('at_most = "42 degC"', "at_most = 42"),
            'mouse.toml: limits[1].at_most = 42: expected a temperature, such as "42 degC"',
        ),
        (
            ('at_most = "42 degC"', 'at_most = "42 degC"\nat_least = "3 degC"'),
            'mouse.toml: limits[1]: has at_least and at_most; expected exactly one, such as at_most = "42 degC"',
        ),
        (
            ('basis = "iron"', 'basis = "fe"'),
            'mouse.toml: tracer.measured_slp.basis = "fe": expected "iron" or "oxide"',
        ),
        (('metric = "Tmax"', 'metric = "Tmaximum"'), 'mouse.toml: limits[1].metric = "Tmaximum": expected one of Tmin'),
        (
            ('region = ["liver", "spleen"]', 'region = ["liver", "splen"]'),
            'mouse.toml: limits[0].region = "splen": not a region of mouse-labels.csv; did you mean "spleen"?',
        ),
        (
            ("[tissues.tumour]", "[tissues.granite]"),
            'mouse.toml: tissues.granite: tissue "granite" is not in the table',
        ),
        (('species = "mouse"', 'species = "unicorn"'), 'mouse.toml: anatomy.species = "unicorn": expected one of'),
        (('image = "mouse-mpi.mdf"', 'image = "mouse-mip.mdf"'), 'did you mean "mouse-mpi.mdf"?'),
        (
            ('bed = { temperature = "37 degC", normal', 'bed = { temperature = "37 degC", insulated = true, normal'),
            "mouse.toml: boundary.bed: expected exactly one of heat_transfer with ambient, or temperature, or",
        ),
        (
            ('perfusion = "300 mL/min/kg"', 'perfusion = "lang-moon"'),
            'mouse.toml: tissues.tumour.perfusion = "lang-moon": expected a perfusion, such as "300 mL/min/kg"'
            ", or a law",
        ),
        (
            ('perfusion = "300 mL/min/kg"', 'perfusion = { law = "lang-tumour", rst = "1e4 W/m^3/K" }'),
            "expected law and rest, such as",
        ),
        (
            ('perfusion = "300 mL/min/kg"', 'perfusion = { temperature = ["9 degC", "8 degC"], perfusion = ["1/s"] }'),
            "as many perfusions as temperatures",
        ),
        (
            (
                'perfusion = "300 mL/min/kg"',
                'perfusion = { temperature = ["9 degC", "8 degC"], perfusion = ["1 1/s", "2 1/s"] }',
            ),
            "expected temperatures that rise",
        ),
        (
            (
                'perfusion = "300 mL/min/kg"',
                'perfusion = { temperature = ["37 degC"], perfusion = ["1 1/s", "2 1/s"] }',
            ),
            "expected as many perfusions as temperatures, two or more of each",
        ),
        (
            ('fwhm = "2 mm"', 'fwhm = "2 mm"\ncalibration = "mouse-labels.csv"'),
            "mouse.toml: iron: has calibration and unit: a signal image has none; leave unit out",
        ),
        (
            ('unit = "mmol/L"', 'calibration = "mouse-labels.csv"\nuncertainty = "5 %"'),
            "mouse.toml: iron: has calibration and uncertainty: the calibration tells it; leave uncertainty out",
        ),
        (
            ('unit = "mmol/L"', 'calibration = "mouse-label.csv"'),
            'mouse.toml: iron.calibration = "mouse-label.csv": no such file',
        ),
        (
            ('fwhm = "2 mm"', 'fwhm = "2 mm"\nroi = "half-maximum"'),
            'mouse.toml: iron.roi = "half-maximum": marks voxels of a signal image',
        ),
        (
            ('unit = "mmol/L"', 'calibration = "mouse-labels.csv"\nroi = "half the maximum"'),
            'mouse.toml: iron.roi = "half the maximum": expected a rule for a region of interest, such as',
        ),
        (
            ('fwhm = "2 mm"', 'fwhm = "2 mm"\nuncertainty = "120 %"'),
            'mouse.toml: iron.uncertainty = "120 %": expected a relative standard uncertainty',
        ),
        (
            ('arterial = "36.5 degC"', 'anaesthesia = "ether"'),
            'mouse.toml: physiology.anaesthesia = "ether": expected one of isoflurane',
        ),
        (
            ('arterial = "36.5 degC"', 'core = "pool"\ncore_course = "mouse-labels.csv"'),
            "mouse.toml: physiology: has core and core_course; expected one of them",
        ),
        (
            ('arterial = "36.5 degC"', 'core_course = "nowhere.csv"'),
            'mouse.toml: physiology.core_course = "nowhere.csv": no such file',
        ),
        (
            ('arterial = "36.5 degC"', 'core_course = "mouse-labels.csv"'),
            "mouse-labels.csv: has no column time_s, temperature_C",
        ),
        (
            ('duration = "30 min"', 'duration = "30 min"\noutput_step = "40 min"'),
            'session.output_step = "2400 s": longer than the session; '
            'expected no more than session.duration = "1800 s"',
        ),
        (
            ('duration = "30 min"', 'duration = "30 min"\noutput_step = "0 s"'),
            'session.output_step = "0 s": expected a',
        ),
        (
            ('duration = "30 min"', 'duration = "30 min"\noutput_step = "-5 s"'),
            'session.output_step = "-5 s": expected a',
        ),
        (
            ('conductivity = "0.55 W/m/K"', 'conductivity = "-0.55 W/m/K"'),
            'mouse.toml: tissues.tumour.conductivity = "-0.55 W/m/K": expected a',
        ),
        (("schema = 1\nname", "schema = 2\nname"), "mouse.toml: schema = 2: this thermoplan reads schema = 1"),
        (("schema = 1\nname", "name"), "mouse.toml: schema: missing: the first line of a protocol is schema = 1"),
        (
            ("[[probes]]", '[[probes]]\nname = "tumour-centre"\nposition = "0 0 0 mm"\n\n[[probes]]'),
            'mouse.toml: probes[1].name = "tumour-centre": used twice',
        ),
        (
            ('window = "20 min to 30 min"', 'window = "20 min to 40 min"'),
            "mouse.toml: goals[0].window: ends after the session of 30 min",
        ),
        (
            ('metric = "Tmax"\n', 'metric = "Tmax"\nshell = "6 mm to 3 mm"\n'),
            'mouse.toml: limits[1].shell = "6 mm to 3 mm": expected distances from the surface, such as "3 mm"',
        ),
        (
            ('metric = "Tmax"\nat_most = "42 degC"', 'metric = "V43C"\nat_most = "42 degC"'),
            'mouse.toml: limits[1].at_most = "42 degC": expected a part of the volume, such as "90 %"',
        ),
        (
            ("[[probes]]", '[[goals]]\nregion = "tumour"\ntemplate = "abblation"\n\n[[probes]]'),
            'mouse.toml: goals[1].template = "abblation": expected "mild-hyperthermia"',
        ),
        (
            ("[[probes]]", '[[goals]]\nregion = "tumour"\ntemplate = "ablation"\nweight = 2.0\n\n[[probes]]'),
            "mouse.toml: goals[1]: a template takes no weight; write its goals out instead",
        ),
        (
            ("[[probes]]", '[[goals]]\nregion = "tumour"\ntemplate = "ablation"\nmetric = "T90"\n\n[[probes]]'),
            "mouse.toml: goals[1]: has metric and template; expected exactly one",
        ),
        (
            ("[[probes]]", '[[goals]]\nregion = "tumour"\ntemplate = "salloum"\nspared = "livre"\n\n[[probes]]'),
            'mouse.toml: goals[1].spared = "livre": not a region of mouse-labels.csv; did you mean "liver"?',
        ),
        (
            ('[tracer]\nfile = "tracer.toml"', '[tracer]\nname = "synomagd"'),
            'mouse.toml: tracer.name = "synomagd": not in the library; did you mean "synomag-d"?',
        ),
        (("windows = 3", "windows = 0"), "mouse.toml: steering.windows = 0: expected a whole number of 1 or more"),
        (("[mesh]\ntarget", "[mesh]\norder = 3\ntarget"), "mouse.toml: mesh.order = 3: expected 1 (linear"),
        (("to_device = [[1, 0, 0, 5]", "to_device = [[0, 0, 0, 5]"), "singular"),
        (
            ('sphere = "4.1 -2.0 31.5 mm, 4 mm"', 'sphere = "4.1 -2.0 31.5 mm"'),
            'mouse.toml: anatomy.add[0].sphere = "4.1 -2.0 31.5 mm": expected centre and radius',
        ),
        (
            ('sphere = "4.1 -2.0 31.5 mm, 4 mm"\n', ""),
            "mouse.toml: anatomy.add[0]: has none of sphere, mask, iron_above",
        ),
    ],
)
def test_a_mistake_is_named_with_file_key_value_and_remedy(folder, change, complaint):
    found = complaints(changed(folder, change))
    assert any(complaint in text for text in found), found
    assert len(found) == 1, found


def test_a_template_stands_for_its_goals_and_limits_beside_those_written_out(folder):
    path = changed(
        folder, ("[[probes]]", '[[goals]]\nregion = "tumour"\ntemplate = "ablation"\nspared = "liver"\n\n[[probes]]')
    )
    goals = read_protocol(path).goals
    assert [goal.kind for goal in goals] == ["goal"] * 2 + ["limit"] * (len(goals) - 2)
    ablation = [goal for goal in goals if goal.source.startswith("template ablation")]
    assert [goal.places[0] for goal in ablation] == [
        "tumour, deeper than 1 mm",
        "tumour, shell of 3 to 6 mm",
        "tumour",
        "liver",
    ]


@pytest.mark.parametrize(
    ("text", "shell_m"),
    [
        ("3 mm", (0.0, 3e-3)),
        ("3 mm to 6 mm", (3e-3, 6e-3)),
        ("-1 mm to 0 mm", (-1e-3, 0.0)),
        ("deeper than 2 mm", (-np.inf, -2e-3)),
    ],
)
def test_a_shell_is_read_in_metres_from_the_surface(folder, text, shell_m):
    path = changed(
        folder,
        ('metric = "Tmax"\n', f'metric = "V43C"\nshell = "{text}"\nas_one = true\n'),
        ('at_most = "42 degC"', 'at_most = "10 %"'),
    )
    goal = read_protocol(path).goals[2]
    assert goal.shell_m == pytest.approx(shell_m) and goal.bound == 10.0 and goal.as_one


def test_all_mistakes_are_reported_at_once(folder):
    path = changed(
        folder,
        ('duration = "30 min"', "duration = 0"),
        ('gradient = "2.35 T/m"', 'gradient = "2.35 mT"'),
        ('image = "mouse-mpi.mdf"', 'image = "nowhere.mdf"'),
        ('region = ["liver", "spleen"]', 'region = "gizzard"'),
        ("[steering]", "[stearing]"),
        ("[tissues.tumour]", "[tissues.granite]"),
    )
    text = "\n".join(complaints(path))
    for part in ("session.duration", "device.gradient", "iron.image", "gizzard", "stearing", "granite"):
        assert part in text


def test_text_that_is_not_toml_is_refused_by_name(tmp_path):
    (tmp_path / "p.toml").write_text("schema = 1\n[iron\n")
    assert complaints(tmp_path / "p.toml")[0].startswith("p.toml: cannot be read as TOML")
    assert "no such file" in complaints(tmp_path / "absent.toml")[0]


def test_the_shipped_json_schema_is_the_one_of_the_models():
    shipped = json.loads(files("thermoplan.data").joinpath("schemas/protocol.schema.json").read_text())
    assert shipped == protocol_schema()


def test_the_json_schema_takes_the_example_and_refuses_an_unknown_key():
    schema, example = protocol_schema(), tomllib.loads(PROTOCOL)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(example, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(example | {"stearing": {}}, schema)


def test_pydantic_and_pint_load_only_when_a_protocol_is_read():
    heavy = "{'pydantic', 'pint', 'h5py', 'nibabel', 'numba'}"
    code = f"import sys, thermoplan.protocol; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def places(part: object, path: tuple = ()) -> list[tuple]:
    """Every key and index of a TOML document, as paths."""
    inside = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
    return [found for key, value in inside for found in [(*path, key), *places(value, (*path, key))]]


ODD = [0, True, "", "../..", "a" * 5000, [1], {"a": 1}]


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
def test_no_value_in_any_place_makes_anything_but_a_complaint(folder, monkeypatch, odd):
    example = tomllib.loads(PROTOCOL)
    for path in places(example):
        changed_copy = copy.deepcopy(example)
        owner = changed_copy
        for key in path[:-1]:
            owner = owner[key]
        owner[path[-1]] = odd
        with monkeypatch.context() as patch, contextlib.suppress(InputError):
            patch.setattr("tomllib.loads", _document_of(PROTOCOL, changed_copy))
            read_protocol(folder / "mouse.toml")


def _document_of(protocol: str, document: dict):
    """The document for the protocol's own text; real TOML for the files that it names."""
    loads = tomllib.loads
    return lambda text: copy.deepcopy(document) if text == protocol else loads(text)
