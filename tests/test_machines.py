"""The same block on other machines: a field-free line, a stage that moves slowly; and a stop without a field."""

from __future__ import annotations

import numpy as np
import pytest
from small_case import PROTOCOL, write_case

from thermoplan.plan import make_plan
from thermoplan.plan.outcome import columns_of
from thermoplan.trajectory import Stop, Trajectory, limit_violations

FFP = 'name = "berkeley-ffp"\ngradient = "2.35 T/m"\namplitude = "13 mT"\nfrequency = "354 kHz"'
LINE = 'name = "berkeley-ffl"\nline_axis = "A"\ngradient = "2.35 T/m"\namplitude = "13 mT"\nfrequency = "354 kHz"'


@pytest.mark.parametrize(("device", "positions"), [(LINE, None), ('name = "hyper"', 1)], ids=["line", "stage"])
def test_a_plan_for_another_machine_holds_and_stays_inside_it(tmp_path, device, positions):
    assert FFP in PROTOCOL
    plan = make_plan(write_case(tmp_path, protocol=PROTOCOL.replace(FFP, device)))
    record = plan.record
    assert record["status"] == "ok"
    assert max(record["optimizer"]["ripple_k"]) <= 0.25 * (1.0 + 1e-6)
    assert limit_violations(plan.products.trajectory, plan.products.engine.case.protocol.device) == []
    if positions:  # moving takes the stage 20 s and more: it parks
        assert record["trajectory"]["positions"] == positions


def test_a_stop_without_amplitude_is_a_rest():
    stops = [Stop(0.0, 1.0, (0.0, 0.0, 0.0), 13e-3, 2.35), Stop(1.0, 1.0, (0.0, 0.0, 0.0), 0.0, 2.35)]
    columns, which = columns_of(Trajectory.of_stops(stops, frequency_hz=354e3, duration_s=3.0))
    assert len(columns) == 1
    assert np.array_equal(which, [0, -1])
