"""What a notebook shows of an object: a card with values and units, whatever text it holds escaped."""

from __future__ import annotations

import numpy as np
from report_sample import sample_anatomy, sample_fields, sample_plan

from thermoplan.base.display import card
from thermoplan.base.image import Image
from thermoplan.base.progress import Stages
from thermoplan.goals import Goal
from thermoplan.imaging.iron_map import IronMap
from thermoplan.plan import Plan
from thermoplan.plan.result import Page
from thermoplan.protocol.library import library_devices, library_tracers
from thermoplan.report import formats


def test_text_of_a_card_is_shown_not_run():
    shown = card("<b>", [("<script>", "a & b")], ["<i>"])
    assert "<script>" not in shown and "<b>" not in shown and "<i>" not in shown
    assert "&lt;script&gt;" in shown and "a &amp; b" in shown


def test_an_iron_map_shows_its_mass_with_its_uncertainty():
    data = np.zeros((4, 4, 4))
    data[1, 1, 1] = 8.0  # kg/m3 on a voxel of 1 mm3: 8 ug
    iron = IronMap(Image(data, np.diag([1e-3, 1e-3, 1e-3, 1.0])), relative_uncertainty=0.12, name="mpi.nii")
    assert "0.008 mg ± 12 %" in iron._repr_html_()
    assert "not known" in iron._repr_html_()


def test_every_tracer_and_machine_of_the_libraries_has_a_card():
    for name, tracer in library_tracers().items():
        assert name in tracer._repr_html_() and "omega tau" in tracer._repr_html_()
    for name, device in library_devices().items():
        assert name in device._repr_html_() and "T/m" in device._repr_html_()


def test_a_plan_shows_its_verdict_and_its_goals():
    anatomy = sample_anatomy()
    record = sample_plan(anatomy, sample_fields(anatomy))
    shown = Plan(record, None, Stages())._repr_html_()
    assert record["summary"]["verdict"].split(".")[0] in shown
    goal = next(row for row in record["goals"] if row["kind"] == "goal")
    assert f"goal: {goal['region']} {goal['metric']}" in shown


def test_a_page_is_framed_whole_with_its_quotes_escaped(tmp_path):
    path = tmp_path / "report.html"
    path.write_text('<p title="a">x</p>', encoding="utf-8")
    assert 'srcdoc="&lt;p title=&quot;a&quot;&gt;x&lt;/p&gt;"' in Page(path)._repr_html_()


def test_a_near_miss_has_the_digits_that_tell_it_from_its_bound():
    goal = Goal("goal", ("tumour",), "T90", 43.0, "at_least")
    assert [goal.said(t) for t in (42.99, 42.5, 43.0, 43.004)] == ["42.99 degC", "42.5 degC", "43.0 degC", "43.0 degC"]
    limit = Goal("limit", ("liver",), "CEM43max", 2.0, "at_most")
    assert [limit.said(d) for d in (2.004, 2.5, 1.999)] == ["2.004 min", "2.5 min", "2 min"]
    row = {"value": 42.996, "bound": 43.0, "unit": "degC", "met": False, "sense": "at_least"}
    assert (
        formats.reached_value(row) == "42.996\u202f°C" and formats.reached_value(row | {"met": True}) == "43.0\u202f°C"
    )
    assert formats.reached_value(row | {"value": None}) == formats.NONE
