"""What a test of ranks has mpiexec run: a small body played by rank 0 alone and by all, and how far apart they end."""

from __future__ import annotations

import json
import sys

import numpy as np
from heat_cases import box, problem, rising_law

from thermoplan.base.mpi_launch import under_mpiexec
from thermoplan.bioheat import (
    Boundary,
    CheckpointPolicy,
    Cycle,
    EnergyAudit,
    Segment,
    TemperatureCourse,
    Warming,
    feedback_of,
    play_sequence,
    play_with_warming,
    settle,
    steady_system,
    thermal_system,
)
from thermoplan.bioheat.linalg.krylov import operator

ENGINES = sys.modules[play_sequence.__module__]


def body():
    """A perfused block with a pool of blood, air that warms up, a held side and a perfusion law."""
    air = TemperatureCourse([0.0, 400.0], [25.0, 31.0])
    sides = (Boundary("robin", 10.0, 25.0, course=air), Boundary("dirichlet", temperature_c=36.0, normal=[0, 0, -1]))
    case = problem(
        box((6, 6, 8), (0.012, 0.012, 0.016)),
        perfusion=1e4,
        metabolic=1e3,
        core="pool",
        blood_j_k=4.0,
        boundaries=sides,
        laws={"tissue": rising_law},
    )
    linear = thermal_system(case)
    return linear, feedback_of(case, linear)


def sequence(n_nodes):
    one, two = np.zeros((2, n_nodes))
    one[[221, 222]], two[169] = 0.06, 0.12
    rest, lengths = 0.0 * one, np.random.default_rng(3).uniform(0.4, 2.0, 6)
    return [
        Segment(one, 20.0),
        Cycle((Segment(one, 1.5), Segment(two, 2.0), Segment(rest, 0.5)), 10),
        *(Segment((one, two)[i % 2], t) for i, t in enumerate(lengths)),
        Cycle((Segment(two, 1.0),), 2),
        Segment(rest, 40.0),
    ]


def compared(crew, system, feedback):
    """Play it alone, then by all ranks: left after a few outputs, then whole, then from a mark in its middle."""
    pieces = sequence(system.n_nodes)
    times = np.arange(0.0, sum(p.duration_s for p in pieces), 5.0)
    alone, shared = operator(system.stiffness, system.capacity_j_k), crew.operator(system)
    audits = [EnergyAudit(system, pieces) for _ in range(2)]
    before = [op.counter.products for op in (alone, shared) if op.radius_1_s]
    wanted = list(play_with_warming(system, pieces, times, feedback=feedback, ledger=audits[0], engine=alone))
    products = [alone.counter.products - before[0]]
    left = play_with_warming(system, pieces, times, feedback=feedback, engine=shared, player=crew.play)
    for _ in range(3):
        next(left)
    before, marks = shared.counter.products, []
    found = list(
        play_with_warming(
            system,
            pieces,
            times,
            player=crew.play,
            feedback=feedback,
            ledger=audits[1],
            engine=shared,
            keeping=CheckpointPolicy(mark=marks.append),
        )
    )
    left.close()
    products.append(shared.counter.products - before)
    start = marks[len(marks) // 2]
    again = list(
        play_with_warming(
            system,
            pieces,
            times,
            player=crew.play,
            feedback=feedback,
            engine=shared,
            keeping=CheckpointPolicy(start=start),
        )
    )
    return {
        "outputs": [len(wanted), len(found)],
        "apart_k": apart(wanted, found),
        "products": products,
        "after_mark_k": apart(wanted, again[1:]),
        "left": len(again) - 1,
        "rise_k": rise(wanted),
        "balance": [audit.balance_rel for audit in audits],
    }


def apart(first, second):
    by_time = {round(t, 6): c for t, c in first}
    return max(float(np.abs(by_time[round(t, 6)] - c).max()) for t, c in second)


def rise(history):
    return float(max((c - history[0][1]).max() for _, c in history))


def all_engines(crew):
    linear, feedback = body()
    found = {"exact": compared(crew, linear, None), "coupled": compared(crew, settle(linear, feedback), feedback)}
    return found


def warmed(crew):
    """A block that a pad keeps at its temperature, and nothing else feeds back."""
    pad = Warming("regulated", normal=[0, -1, 0])
    skin = (Boundary("robin", 10.0, 25.0),)
    mesh = box((6, 6, 8), (0.012, 0.012, 0.016))
    case = problem(mesh, perfusion=1e4, metabolic=1e3, core="pool", blood_j_k=4.0, boundaries=skin, warming=pad)
    return {"warmed": compared(crew, *steady_system(case))}


def implicit(crew):
    linear, feedback = body()
    return {"implicit": compared(crew, settle(linear, feedback), feedback)}


def main():
    from thermoplan.bioheat.ranks import crew, halo

    what = sys.argv[1]
    if what == "implicit":
        ENGINES.EXACT_AT_LEAST = np.inf
    if what == "broken" and under_mpiexec()[0]:

        def fails(*_, **__):
            raise ValueError("this rank cannot multiply")

        halo.HaloExchange.product = fails
    found = crew.among_ranks({"implicit": implicit, "warmed": warmed}.get(what, all_engines))
    if found:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
