"""The same block on other machines: a field-free line, a stage that moves slowly, coils that drive unevenly; and a
stop without a field."""

from __future__ import annotations

import numpy as np
import pytest
from small_case import PROTOCOL, write_case

from thermoplan.plan import make_plan
from thermoplan.plan.verification.playback import columns_of
from thermoplan.trajectory import Stop, Trajectory, limit_violations

FFP = 'name = "berkeley-ffp"\ngradient = "2.35 T/m"\namplitude = "13 mT"\nfrequency = "354 kHz"'
LINE = 'name = "berkeley-ffl"\nline_axis = "A"\ngradient = "2.35 T/m"\namplitude = "13 mT"\nfrequency = "354 kHz"'

COIL = '{ center = "0 0 %d mm", axis = "0 0 1", radius = "40 mm", ampere_turns = "900 A" }'
UNEVEN = f"{FFP}\ndrive_coils = [ {COIL % 15}, {COIL % -15} ]"


@pytest.mark.parametrize(
    ("device", "positions"),
    [(LINE, None), (f"{LINE}\nrotating = true", None), ('name = "hyper"', 1), (UNEVEN, None)],
    ids=["line", "turning line", "stage", "uneven drive"],
)
def test_a_plan_for_another_machine_holds_and_stays_inside_it(tmp_path, device, positions):
    assert FFP in PROTOCOL
    plan = make_plan(write_case(tmp_path, protocol=PROTOCOL.replace(FFP, device)))
    record = plan.record
    assert record["status"] == "ok"
    assert record["checks"]["power_rel"] < 3e-4
    assert max(record["optimizer"]["ripple_k"]) <= 0.25 * (1.0 + 1e-6)
    assert limit_violations(plan.products.trajectory, plan.products.heating_model.case.protocol.device) == []
    lines = {column.direction for column in plan.products.outcome.basis.columns}
    assert (None not in lines) == ("rotating" in device)
    if positions:  # moving takes the stage 20 s and more: it parks
        assert record["trajectory"]["positions"] == positions


def test_a_stop_without_amplitude_is_a_rest():
    stops = [Stop(0.0, 1.0, (0.0, 0.0, 0.0), 13e-3, 2.35), Stop(1.0, 1.0, (0.0, 0.0, 0.0), 0.0, 2.35)]
    columns, which = columns_of(Trajectory.of_stops(stops, frequency_hz=354e3, duration_s=3.0))
    assert len(columns) == 1
    assert np.array_equal(which, [0, -1])
