"""What others open is harmless: no formula in a spreadsheet, no path in DICOM, no free page in a notebook."""

from __future__ import annotations

import csv
import json
import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pydicom
import pytest
from report_sample import write_sample

from thermoplan.base.image import Image
from thermoplan.device.device import Device
from thermoplan.export import export
from thermoplan.export.exported_maps import QUANTITIES
from thermoplan.files.images.dicom_write import Study
from thermoplan.files.images.parametric import write_parametric_map
from thermoplan.files.images.rtdose import write_rtdose
from thermoplan.files.run.result_tables import write_front, write_rows, write_shot
from thermoplan.files.run.trajectories import header, read_trajectory, write_trajectory
from thermoplan.files.tables.harmless_text import harmless, harmless_comment
from thermoplan.plan.result import Page
from thermoplan.scene import Embedded
from thermoplan.trajectory import Stop, Trajectory

FORMULAS = ('=HYPERLINK("http://x.example";"liver")', "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(1)", "\t=1", " =1")
EVALUATED = re.compile(r"\s*[=+\-@]")


def cells(path: Path) -> list[str]:
    """Every cell as a spreadsheet cuts the lines, comment lines too, that is no number."""
    with path.open(encoding="utf-8", newline="") as stream:
        found = [cell for row in csv.reader(stream) for cell in row]
    return [cell for cell in found if not re.fullmatch(r"[+-]?[\d.]+([eE][+-]?\d+)?|-?nan", cell)]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_as_a_cell_is_text_and_numbers_and_names_stay(text):
    assert harmless(text) == f"'{text}"
    assert [harmless(plain) for plain in ("liver", "-1.5", "+2e3", "a=b", "")] == ["liver", "-1.5", "+2e3", "a=b", ""]
    assert not EVALUATED.match(harmless_comment(f"tracer: synomag,{text.strip()}").split(",")[1])
    assert harmless_comment("mm: -1, -2.5e-3,+4") == "mm: -1, -2.5e-3,+4"


@pytest.mark.parametrize("evil", FORMULAS)
def test_no_exported_table_has_a_cell_that_a_spreadsheet_evaluates(tmp_path, evil):
    run = write_sample(tmp_path / "run")
    text = (run / "plan.json").read_text().replace('"tumour"', json.dumps(evil))
    plan = json.loads(text)
    plan["summary"]["tumour"] = plan["summary"].pop(evil)
    plan["probes"] = {evil: next(iter(plan["probes"].values()))}
    plan["expected"] = [{"minute": 1.0, evil: 38.0}]
    plan["parameters"].append({"name": evil, "value": evil, "unit": evil, "source": evil})
    (run / "plan.json").write_text(json.dumps(plan))
    tables = export(run, "csv", tmp_path / "out")
    assert len(tables) >= 9
    assert [(path.name, cell) for path in tables for cell in cells(path) if EVALUATED.match(cell)] == []
    with (tmp_path / "out" / "dose.csv").open(newline="") as stream:
        assert f"'{evil}" in [row["region"] for row in csv.DictReader(stream)]


@pytest.mark.parametrize("evil", FORMULAS)
def test_no_other_table_has_one_either(tmp_path, evil):
    write_rows(tmp_path / "rows.csv", [{evil: evil}], [evil], [f"name, {evil}"])
    point = {"bound": 1.0, "limit_value": 1.0, "goal_value": 1.0, "t90_c": 1.0, "cem43t90_min": 1.0}
    point |= {"core_c": 1.0, "duty": 1.0, "others_at_bound": [evil]}
    front = {"goal": evil, "goal_unit": "min", "limit": evil, "limit_unit": "min", "points": [point]}
    write_front(tmp_path / "front.csv", front)
    settings = dict.fromkeys(("amplitude_mt", "gradient_t_m", "frequency_khz", "duration_s"), 1.0)
    write_shot(tmp_path / "shot.csv", {"position_mm": [-1, -2, -3], "rows": [{evil: 1.0}], **settings})
    device = Device("m,=1+1", "uniform", gradient_t_m=0.0, drive_axis=(0, 0, 1), amplitude_t=1e-3, frequency_hz=1e5)
    stops = Trajectory.of_stops(
        [Stop(0.0, 60.0, (0.0, 0.0, 0.0), 1e-3, 0.0)], frequency_hz=device.frequency_hz, duration_s=60.0
    )
    lines = header(device, plan_hash="x", pose="p", tracer=f"t,{evil}", duration_s=60.0)
    write_trajectory(tmp_path / "trajectory.csv", stops, lines, {f"{evil}_C": np.array([37.0])})
    tables = [tmp_path / f"{name}.csv" for name in ("rows", "front", "shot", "trajectory")]
    assert [(path.name, cell) for path in tables for cell in cells(path) if EVALUATED.match(cell)] == []
    assert read_trajectory(tmp_path / "trajectory.csv", device, 60.0).dwell_s.tolist() == [60.0]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("/home/anna/mice/seven.toml", "seven.toml"),
        ("~/mice/seven", "seven"),
        ("../mice/seven/", "seven"),
        ("C:\\mice\\seven", "seven"),
        ("anna\\seven", "seven"),
        ("mouse 3/4", "mouse 3-4"),
        ("a^b=c", "a-b-c"),
        ("mouse-flank", "mouse-flank"),
        ("/", "plan"),
    ],
)
def test_dicom_carries_no_path_and_no_separator_of_its_own(tmp_path, name, told):
    study = Study(name, datetime(2026, 1, 1, tzinfo=UTC), "ab" * 32, "0.2.0")
    image = Image(np.ones((2, 3, 4), np.float32), np.diag([1e-3, 1e-3, 1e-3, 1.0]))
    for write in (write_parametric_map, write_rtdose):
        write(tmp_path / "x.dcm", image, QUANTITIES[0], study)
        found = pydicom.dcmread(tmp_path / "x.dcm")
        assert (str(found.PatientName), found.PatientID) == (told, told)
        assert found.StudyDescription == f"hyperthermia plan {told}"
        texts = [str(e.value) for e in found.iterall() if e.VR in ("LO", "SH", "PN", "LT", "ST", "UT", "UC")]
        assert [text for text in texts if re.search(r"[/\\]", text.replace("W/m3", ""))] == []


def test_a_notebook_shows_pages_in_a_sandbox_that_is_not_of_its_own_origin(tmp_path):
    (tmp_path / "report.html").write_text("<script>parent.document.title = 1</script>")
    for frame in (Page(tmp_path / "report.html")._repr_html_(), Embedded("<p>x</p>")._repr_html_()):
        assert re.findall(r'sandbox="([^"]*)"', frame) == ["allow-scripts"]
