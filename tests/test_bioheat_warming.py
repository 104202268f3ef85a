"""Warming of the animal: a regulated source against closed forms, its switches, its energy, and its start."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from scipy.linalg import expm
from scipy.optimize import brentq
from scipy.sparse import csr_array

from thermoplan.bioheat import CheckpointPolicy, EnergyAudit, FeedbackSum, Segment, ThermalSystem
from thermoplan.bioheat.engines.regulated import play_with_warming
from thermoplan.bioheat.equilibrium import settle_warming
from thermoplan.bioheat.warming_law import WarmingFeedback

TISSUE_J_K, BLOOD_J_K = 80.0, 4.5
TO_AIR_W_K, TO_BLOOD_W_K = 0.05, 0.6
HELD_C = 36.5
NEEDED_W = 0.43


def body(thermoregulation_w=NEEDED_W):
    """One node of tissue in air and one of blood, at the set point while the blood is given some power."""
    stiffness = csr_array(np.array([[TO_AIR_W_K + TO_BLOOD_W_K, -TO_BLOOD_W_K], [-TO_BLOOD_W_K, TO_BLOOD_W_K]]))
    return ThermalSystem(
        capacity_j_k=np.array([TISSUE_J_K, BLOOD_J_K]),
        stiffness=stiffness,
        base_c=np.array([HELD_C - thermoregulation_w / TO_BLOOD_W_K, HELD_C]),
        thermoregulation_w=thermoregulation_w,
        perfused_w_k=np.array([TO_BLOOD_W_K, -TO_BLOOD_W_K]),
        boundary_w_k=np.array([TO_AIR_W_K, 0.0]),
        n_nodes=1,
        held=np.zeros(0, np.int64),
    )


def pad(max_power_w, band_k=0.2, held_c=HELD_C):
    return WarmingFeedback(np.array([1.0, 0.0]), np.array([0.0, 1.0]), held_c, band_k, max_power_w)


def closed_form(system, warming, loads, step_s=0.05):
    """States at whole seconds and the moments at which the power reaches or leaves an end of its range.

    Each regime is linear: its state is a matrix exponential, the switch a root; no step of time is taken but to look
    for a change of sign.
    """
    before, most, _ = warming.limits_w
    gain = most / warming.band_k
    c, k = system.capacity_j_k, system.stiffness.toarray()
    state, switches, shown = system.base_c.copy(), [], [system.base_c.copy()]
    reference = system.base_c
    clock = 0.0
    outside = k @ reference  # heat that leaves in the steady state is balanced by what the load column holds

    def wanted(now):
        return before - gain * (now[1] - warming.set_point_c)

    def regime(now):
        return 0.0 if wanted(now) < 0.0 or most <= 0.0 else most if wanted(now) > most else None

    def flow(held, load):
        """Matrix and constant of dT/dt."""
        source = np.array([load, 0.0]) + outside - np.array([warming.limits_w[2], 0.0]) * warming.load[0]
        source[1] -= warming.limits_w[2] * warming.load[1]
        matrix = -k.copy()
        if held is None:
            source = source + warming.load * (before + gain * warming.set_point_c)
            matrix -= gain * np.outer(warming.load, warming.probe)
        else:
            source = source + warming.load * held
        return matrix / c[:, None], source / c

    def after(now, held, load, seconds):
        matrix, source = flow(held, load)
        whole = np.zeros((3, 3))
        whole[:2, :2], whole[:2, 2] = matrix, source
        return (expm(whole * seconds) @ np.append(now, 1.0))[:2]

    def leaves(held, now):
        if most <= 0.0:
            return None
        if held is None:
            return 0.0 if wanted(now) < 0.0 else most if wanted(now) > most else None
        return held if (wanted(now) > 0.0 if held == 0.0 else wanted(now) < most) else None

    def gap(start, kind, load, bound, seconds):
        return wanted(after(start, kind, load, seconds)) - bound

    held = regime(state)
    for load, seconds in loads:
        for _ in range(round(seconds / step_s)):
            then = after(state, held, load, step_s)
            bound = leaves(held, then)
            if bound is not None:
                at = brentq(partial(gap, state, held, load, bound), 0.0, step_s, xtol=1e-12)
                switches.append(clock + at)
                middle = after(state, held, load, at)
                held = bound if held is None else None
                then = after(middle, held, load, step_s - at)
            state, clock = then, clock + step_s
            if abs(clock - round(clock)) < 1e-6:
                shown.append(state.copy())
    return np.array(shown), switches


def played(system, feedback, loads, step_s=1.0):
    pieces = [Segment(np.array([load]), seconds) for load, seconds in loads]
    audit = EnergyAudit(system, pieces)
    end = sum(seconds for _, seconds in loads)
    history = list(
        play_with_warming(system, pieces, np.arange(0.0, end + 1e-9, step_s), feedback=feedback, ledger=audit)
    )
    return np.array([t for t, _ in history]), np.array([state for _, state in history]), audit.balance_rel


HEATED = [(0.9, 600.0), (0.0, 900.0)]


@pytest.mark.parametrize(("max_power_w", "band_k"), [(0.86, 0.2), (0.6, 2.0), (3.0, 0.05)])
def test_a_proportional_pad_follows_its_closed_form(max_power_w, band_k):
    """Off while the tumour heats, on again in the cool-down, between them within the band: three regimes."""
    system, feedback = settle_warming(body(), pad(max_power_w, band_k))
    (warming,) = feedback.parts
    exact, switches = closed_form(system, warming, HEATED)
    _, states, balance = played(system, feedback, HEATED)
    print("switches", switches, "apart", np.abs(states - exact).max(), "energy", balance)
    assert len(switches) >= 2
    assert np.abs(states - exact).max() < 1e-6
    assert balance < 1e-6


def test_a_pad_that_holds_the_animal_starts_in_its_steady_state():
    system, feedback = settle_warming(body(), pad(None))
    needed, most, start = feedback.parts[0].limits_w
    # all heat that leaves goes to the air from tissue, which at a steady state is as warm as its blood
    leaves = TO_AIR_W_K * (HELD_C - (HELD_C - NEEDED_W / TO_BLOOD_W_K)) + NEEDED_W
    assert system.base_c == pytest.approx([HELD_C, HELD_C], abs=1e-9)
    assert needed == pytest.approx(leaves) == pytest.approx(start) == pytest.approx(system.warming_w)
    assert most == pytest.approx(2.0 * needed)
    assert system.thermoregulation_w == 0.0
    _, states, _ = played(system, feedback, [(0.0, 900.0)], 90.0)
    assert np.abs(states - HELD_C).max() < 1e-9


def test_a_pad_too_weak_to_hold_the_animal_gives_all_it_has_and_leaves_it_cool():
    system, feedback = settle_warming(body(), pad(0.2))
    needed, most, start = feedback.parts[0].limits_w
    assert start == most == 0.2 < needed
    assert system.base_c == pytest.approx(np.full(2, HELD_C - (needed - 0.2) / TO_AIR_W_K))
    _, states, _ = played(system, feedback, [(0.0, 900.0)], 90.0)
    assert np.abs(states - system.base_c).max() < 1e-9


def test_an_animal_that_is_too_warm_is_not_cooled_by_its_pad():
    system, feedback = settle_warming(body(-0.1), pad(None))
    assert feedback.parts[0].limits_w[1:] == (0.0, 0.0)
    assert system.base_c.min() > HELD_C


def test_a_source_that_is_switched_off_lets_the_animal_cool_as_two_exponentials():
    warming = WarmingFeedback(np.array([0.0, 1.0]), np.array([0.0, 1.0]), HELD_C, 0.2, 0.0, is_regulated=False)
    system, feedback = settle_warming(body(), warming)
    assert (system.base_c == body().base_c).all()
    times, states, balance = played(system, feedback, [(0.0, 1200.0)], 10.0)
    matrix = -system.stiffness.toarray() / system.capacity_j_k[:, None]
    lost = np.linalg.solve(matrix, [0.0, -NEEDED_W / BLOOD_J_K])  # steady rise under the missing power, with its sign
    exact = np.array([system.base_c + (np.eye(2) - expm(matrix * t)) @ -lost for t in times])
    assert np.abs(states - exact).max() < 1e-8
    assert states[-1].max() < HELD_C - 2.0
    assert balance < 1e-6


def test_the_power_is_never_below_zero_or_above_its_maximum():
    system, feedback = settle_warming(body(), pad(0.6))
    (warming,) = feedback.parts
    _, states, _ = played(system, feedback, [(3.0, 300.0), (0.0, 900.0), (-1.0, 300.0)])
    power = warming.law_w(states[:, 1])
    assert power.min() == 0.0
    assert power.max() == 0.6


def test_switches_are_found_wherever_outputs_are():
    """One output at the end gives the state that outputs each second do: nothing is stepped over."""
    system, feedback = settle_warming(body(), pad(0.86))
    fine = played(system, feedback, HEATED)[1][-1]
    coarse = played(system, feedback, HEATED, 1500.0)[1][-1]
    assert np.abs(fine - coarse).max() < 1e-6


@pytest.mark.parametrize(("max_power_w", "band_k"), [(0.86, 0.2), (0.6, 2.0), (3.0, 0.05)])
def test_however_steep_the_law_readings_are_close_enough_for_it(max_power_w, band_k):
    """Outputs every half minute: the readings between them are chosen by the swing of the closed loop."""
    system, feedback = settle_warming(body(), pad(max_power_w, band_k))
    exact, _ = closed_form(system, feedback.parts[0], HEATED)
    times, states, _ = played(system, feedback, HEATED, 30.0)
    apart = np.abs(states - exact[np.rint(times).astype(int)]).max()
    print("apart", apart)
    assert apart < 1e-6


def test_a_run_that_was_left_at_any_mark_goes_on_as_it_would_have():
    system, feedback = settle_warming(body(), pad(0.86))
    pieces = [Segment(np.array([load]), seconds) for load, seconds in HEATED]
    times, marks = np.arange(0.0, 1500.0, 7.0), []
    history = play_with_warming(system, pieces, times, feedback=feedback, keeping=CheckpointPolicy(mark=marks.append))
    whole = {round(t, 6): state for t, state in history}
    assert len(marks) > 200
    for mark in (marks[0], marks[3], marks[85], marks[146], marks[-1]):
        begun, *left = play_with_warming(system, pieces, times, feedback=feedback, keeping=CheckpointPolicy(start=mark))
        assert begun[0] == mark.time_s and len(left) == sum(t > mark.time_s + 1e-5 for t in whole)
        assert max(np.abs(state - whole[round(t, 6)]).max() for t, state in left) < 1e-6


def test_beside_other_feedback_the_warming_is_stepped_to_the_same_temperatures():
    """A feedback that is nothing sends the run through the stepped engine, which knows nothing of the closed form."""
    system, feedback = settle_warming(body(), pad(0.86))

    class Nothing:
        def power_w(self, time_s, temperature_c):
            return np.zeros(len(temperature_c))

        slope_w_k = power_w

    both = FeedbackSum((*feedback.parts, Nothing()))
    exact = played(system, feedback, HEATED, 10.0)[1]
    _, stepped, balance = played(system, both, HEATED, 10.0)
    print("apart", np.abs(exact - stepped).max(), "energy", balance)
    assert np.abs(exact - stepped).max() < 0.02
    assert balance < 1e-5
