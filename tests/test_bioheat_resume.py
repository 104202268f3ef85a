"""A run that is left at any mark and gone on with does what it would have done."""

from __future__ import annotations

import numpy as np
import pytest
from heat_cases import box, problem, rising_law

from thermoplan.bioheat import (
    Boundary,
    CheckpointPolicy,
    Cycle,
    EnergyAudit,
    Segment,
    TemperatureCourse,
    evolve,
    evolve_coupled,
    evolve_implicit,
    feedback_of,
    play_sequence,
    settle,
    thermal_system,
)


@pytest.fixture(scope="module")
def body():
    air = TemperatureCourse([0.0, 400.0], [25.0, 31.0])
    case = problem(
        box((6, 6, 6), (0.012, 0.012, 0.012)),
        perfusion=1e4,
        metabolic=1e3,
        core="pool",
        blood_j_k=4.0,
        boundaries=(Boundary("robin", 10.0, 25.0, course=air),),
        laws={"tissue": rising_law},
    )
    linear = thermal_system(case)
    feedback = feedback_of(case, linear)
    one, two = np.zeros((2, linear.n_nodes))
    one[[171, 172]], two[129] = 0.06, 0.12
    rest = 0.0 * one
    lengths = np.random.default_rng(3).uniform(0.4, 2.0, 12)
    pieces = [
        Segment(one, 40.0),
        Cycle((Segment(one, 1.5), Segment(two, 2.0), Segment(rest, 0.5)), 30),
        *(Segment((one, two)[i % 2], t) for i, t in enumerate(lengths)),
        Cycle((Segment(two, 1.0),), 2),
        Segment(rest, 150.0),
    ]
    return linear, settle(linear, feedback), feedback, pieces


ENGINES = {
    "exact": lambda body, **more: evolve(body[0], body[3], **more),
    "coupled": lambda body, **more: evolve_coupled(body[1], body[3], feedback=body[2], **more),
    "implicit": lambda body, **more: evolve_implicit(body[1], body[3], feedback=body[2], **more),
}


@pytest.mark.parametrize("name", ENGINES)
def test_every_mark_leads_to_the_same_temperatures_and_the_same_energy(body, name):
    play_it, pieces = ENGINES[name], body[3]
    times = np.arange(0.0, sum(p.duration_s for p in pieces), 7.0)
    marks, audit = [], EnergyAudit(body[0], pieces)
    history = play_it(body, output_times_s=times, ledger=audit, keeping=CheckpointPolicy(mark=marks.append))
    whole = {round(t, 6): T for t, T in history}
    assert len(marks) > 10 and np.all(np.diff([m.time_s for m in marks]) > 0.0)
    chosen = {0, len(marks) - 1, *np.random.default_rng(7).integers(len(marks), size=6).tolist()}
    for number in sorted(chosen):
        again = EnergyAudit(body[0], pieces)
        begun, *left = play_it(body, output_times_s=times, ledger=again, keeping=CheckpointPolicy(start=marks[number]))
        assert begun[0] == marks[number].time_s and (begun[1] == marks[number].temperature_c).all()
        assert [round(t, 6) for t, _ in left] == [t for t in whole if t > marks[number].time_s + 1e-5]
        apart = max((abs(T - whole[round(t, 6)]).max() for t, T in left), default=0.0)
        print(f"{name}: left at {marks[number].time_s:.3f} s, {len(left)} outputs, {apart:.1e} K apart")
        assert apart < 1e-9
        assert again.balance_rel < 1e-4


def test_all_outputs_up_to_a_mark_were_taken_before_it_and_none_after(body):
    asked = np.arange(0.0, 300.0, 5.0)
    for feedback in (None, body[2]):
        taken, marks = [], []

        def note(mark, taken=taken, marks=marks):
            marks.append((mark.time_s, len(taken)))

        for time, _ in play_sequence(body[1], body[3], asked, feedback=feedback, keeping=CheckpointPolicy(mark=note)):
            taken.append(time)
        assert len(marks) > 10
        for time, count in marks:
            assert count == (asked <= time + 1e-6).sum()
        assert marks[-1][0] < taken[-1]
