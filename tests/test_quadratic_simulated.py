"""``[mesh] order = 2``: what a simulation on quadratic elements says, keeps, saves and refuses."""

from __future__ import annotations

import json
from importlib.resources import files

import box_case
import jsonschema
import numpy as np
import pytest
from box_case import PROTOCOL, end, write_body
from heat_cases import box
from test_checkpoint import Stopped, same

from thermoplan.base.errors import InputError
from thermoplan.cli.show_planning import show_run
from thermoplan.commands.check import check_protocol
from thermoplan.plan import make_plan, resume_and_write, simulate, simulate_and_write
from thermoplan.plan.verification import resume
from thermoplan.protocol import read_protocol

PROBES = "".join(
    f'\n[[probes]]\nname = "{name}"\nposition = "{place} mm"\n'
    for name, place in (("middle", "10 11 12"), ("edge", "14 11 12"), ("beside", "16 13.2 12"))
)
ORDER = {"mesh.order": 2, "session.duration": "40 s", "session.cool_down": "10 s"}


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch):
    monkeypatch.setattr("thermoplan.plan.record.run_writer._draw_figures", lambda *_: {})


@pytest.fixture(scope="module")
def body(tmp_path_factory):
    path = write_body(tmp_path_factory.mktemp("box"))
    path.write_text(PROTOCOL + PROBES)
    return path


def at_probes(folder, monkeypatch, n, order):
    """Probes at the end of heating on ``n^3`` bricks; regions are those of the ten bricks a side, whatever n."""
    whole = 1e-3 * box_case.SIDES_MM

    def divided(_, size, region_of, names):
        return box((n, n, n), size, lambda c: region_of((np.floor(10 * c / whole) + 0.5) * whole / 10), names)

    folder.mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(box_case, "box", divided)
        path = write_body(folder)
    path.write_text(PROTOCOL + PROBES)
    record = end(path, mesh__order=order, session__duration="60 s", session__cool_down="0 s")
    now = record["probes"]["middle"]["time_s"].index(60.0)
    return np.array([probe["temperature_c"][now] for probe in record["probes"].values()])


def test_probes_read_what_linear_elements_of_vanishing_size_would_make_them(tmp_path, monkeypatch):
    # order two takes the error of edges of 2 and of 1 mm to none
    coarse, fine = (at_probes(tmp_path / str(n), monkeypatch, n, 1) for n in (10, 20))
    found, best = at_probes(tmp_path / "quadratic", monkeypatch, 10, 2), fine + (fine - coarse) / 3.0
    print("linear", coarse, fine, "quadratic", found, "best", best)
    assert abs(coarse - best).max() > 0.05
    assert abs(found - best).max() < 0.3 * abs(coarse - best).max()


@pytest.fixture(scope="module")
def run(body, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("thermoplan.plan.record.run_writer._draw_figures", lambda *_: {})
        return simulate_and_write(read_protocol(body, ORDER), output=tmp_path_factory.mktemp("runs") / "run")


def test_the_run_says_on_which_elements_and_balances_its_energy(run, capsys):
    record = json.loads((run.folder / "plan.json").read_text())
    jsonschema.validate(
        record, json.loads(files("thermoplan.data").joinpath("schemas", "plan.schema.json").read_text())
    )
    # 11^3 nodes, 3 * 10 * 11^2 + 3 * 10^2 * 11 + 10^3 edges of six tetrahedra a brick, and the blood
    assert record["solver"]["unknowns"] == 11**3 + 3 * 10 * 11**2 + 3 * 10**2 * 11 + 10**3 + 1
    assert (record["solver"]["elements"], record["solver"]["engine"]) == ("quadratic", "exact")
    assert record["checks"]["energy_balance_rel"] < 1e-9
    show_run(record)
    assert "9262 unknowns of quadratic elements" in " ".join(capsys.readouterr().out.split())
    assert "solved with quadratic finite elements" in (run.folder / "report.html").read_text()
    assert record["timing"]["end_s"] == 50.0 and record["history"]["time_s"][-1] == 50.0


def test_iron_and_eddy_currents_put_in_as_much_on_either_elements(body):
    from thermoplan.base.progress import Stages, silent
    from thermoplan.plan.case.preparation import read_heatable_inputs
    from thermoplan.plan.case.prepared_model import prepare_model
    from thermoplan.power.heating_basis import Column

    protocol = read_protocol(body, {**ORDER, "device.eddy_currents": True})
    stages = Stages(silent)
    engine = prepare_model(read_heatable_inputs(protocol, stages), stages)
    basis = engine.basis([Column((0.0, 0.0, 0.0), 13e-3, 0.0)])
    played = engine.played_w(basis)
    assert engine.eddy.power_w > 0.0
    assert played.shape[1] > 5 * basis.load_w.shape[1]
    assert played.sum() == pytest.approx(basis.load_w.sum(), rel=1e-12)


def test_a_simulation_that_was_stopped_goes_on_to_the_same_end(body, tmp_path, monkeypatch):
    law = '\n[tissues.tumour]\nperfusion = { law = "sigmoid-tumour", rest = "3e4 W/m^3/K" }\n'
    path = body.with_name("law.toml")
    path.write_text(PROTOCOL + law)
    protocol = read_protocol(path, ORDER)
    whole, save = simulate(protocol).record, resume.Checkpoints._save
    assert whole["solver"]["feedback"]

    def stopping(self, *state):
        save(self, *state)
        if self.written == 5:
            raise Stopped

    with monkeypatch.context() as patch:
        patch.setattr(resume.Checkpoints, "_save", stopping)
        with pytest.raises(Stopped):
            simulate_and_write(protocol, output=tmp_path / "run", checkpoint_s=0.0)
    assert same(resume_and_write(tmp_path / "run").record, whole)


def test_check_says_it_and_an_order_that_is_none_is_named(body):
    path = body.with_name("order.toml")
    path.write_text(body.read_text() + "\n[mesh]\norder = 2\n")
    assert "1331 nodes, as given, quadratic elements in simulate" in str(check_protocol(path))
    with pytest.raises(InputError, match=r"mesh\.order = 3: expected 1 \(linear elements\) or 2 \(quadratic\)"):
        read_protocol(body, {"mesh.order": 3})


def test_what_only_linear_elements_have_is_refused(body):
    protocol = read_protocol(body, ORDER)
    with pytest.raises(InputError, match=r"mesh\.order = 2: only simulate has .* then simulate its trajectory\.csv"):
        make_plan(protocol)
    with pytest.raises(InputError, match=r"mesh\.order = 2: --estimate-error holds linear elements against"):
        simulate(protocol, estimate_error=True)
    with pytest.raises(InputError, match=r"mesh\.order = 2: several ranks share linear elements only"):
        simulate(protocol, crew=object())
