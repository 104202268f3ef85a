"""The search for time shares: what each stage costs, how near verification comes, and two other methods beside it.

    python benchmarks/planner.py [S|M|L [WINDOWS]]

The box of `heat.py`: 64 field-free regions in and about a tumour, 3 mm from a liver, thirty minutes. Processor time of
one core, which a busy machine does not stretch as it does wall time; counts and errors do not depend on it. Each row
is a JSON line in results.jsonl.
"""

from __future__ import annotations

import json
import platform
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from heat import PLAN_S, case, load_of  # noqa: E402

from thermoplan.bioheat import Segment, evolve, reduced_model  # noqa: E402
from thermoplan.bioheat.linalg.krylov import operator  # noqa: E402
from thermoplan.goals import Goal, Meter, Resolved, resolve  # noqa: E402
from thermoplan.optimize import (  # noqa: E402
    Settings,
    Shares,
    TradedLimit,
    ipopt_shares,
    lbfgsb_shares,
    optimize_shares,
    pareto_front,
)
from thermoplan.optimize.program.modal_heat import with_inputs  # noqa: E402

FOCI, DWELLS = 64, 180
POWER_W_M3, SPREAD_M = 1.5e6, np.array([3e-3, 3e-3, 2e-3])
WINDOWS = (10, 30)
STEP_S = 10.0
SETTINGS = Settings(starts=1, limit_margin_k=0.0, dose_margin=0.0, iteration_budget=2000)
OTHERS = {"L-BFGS-B": lbfgsb_shares, "Ipopt": ipopt_shares}
EVALUATIONS = {WINDOWS[0]: (300, 120), WINDOWS[1]: (150, 60)}
"""Of the other methods, by windows: from nothing, and from the plan."""
FRONT_C = np.linspace(38.5, 40.75, 10)


def foci(mesh) -> np.ndarray:
    """Power of each region at full share: 6 mg/mL of iron at 250 W/g, as wide as at 2.35 T/m."""
    centres = np.array([0.015, 0.015, 0.038]) + np.random.default_rng(1).uniform(-4e-3, 4e-3, (FOCI, 3))
    return np.array(
        [load_of(mesh, lambda p, c=c: POWER_W_M3 * np.exp(-0.5 * (((p - c) / SPREAD_M) ** 2).sum(-1))) for c in centres]
    )


def dose(liver_c: float) -> tuple[Goal, ...]:
    """60 CEM43T90 with a liver that must stay cool."""
    return (Goal("goal", ("tumour",), "CEM43T90", 60.0, "at_least"), most("liver", liver_c), most("tumour", 55.0))


def warmth(liver_c: float) -> tuple[Goal, ...]:
    """The coldest spot of the tumour at 43 degrees C: a convex program, whose gap is known."""
    return (Goal("goal", ("tumour",), "Tmin", 43.0, "at_least"), most("liver", liver_c), most("tumour", 50.0))


def most(region: str, bound_c: float) -> Goal:
    return Goal("limit", (region,), "Tmax", bound_c, "at_most")


CASES: dict[str, tuple[float, tuple[Goal, ...]]] = {
    "liver binds": (1.2, dose(40.0)),
    "all can be had": (1.2, dose(43.0)),
    "duty binds": (0.6, dose(43.0)),
    "temperature alone": (1.2, warmth(40.0)),
}
"""By name: power in parts of `foci`, and goals."""


def timed(action: Callable[[], Any]) -> tuple[float, float, Any]:
    """Processor seconds, seconds by the clock, and what came of it."""
    start, clock = time.process_time(), time.perf_counter()
    result = action()
    return time.process_time() - start, time.perf_counter() - clock, result


def dwells_of(shares: np.ndarray, edges_s: np.ndarray) -> list[tuple[int, int, float]]:
    """Window, column (-1 is rest) and length of every dwell: each window's columns in turn, as often as 180 dwells of
    the whole plan allow."""
    most_each, found = DWELLS // len(shares), []
    for w, share in enumerate(shares):
        used = np.flatnonzero(share > 1e-6)
        parts = [(int(c), float(share[c])) for c in used] + [(-1, max(0.0, 1.0 - float(share[used].sum())))]
        parts = [(c, part) for c, part in parts if part > 1e-6]
        times = max(1, most_each // len(parts))
        found += [(w, c, part * float(edges_s[w + 1] - edges_s[w]) / times) for _ in range(times) for c, part in parts]
    return found


def verification(system, loads, model, resolved: Resolved, plan: Shares) -> tuple[float, dict[str, Any]]:
    """Seconds of the full model over the list of dwells; how far the reduced one is from it over the judged tissue on
    the same list, and how far the goal's value is from the one that the search promised for averaged shares."""
    listed = dwells_of(plan.shares, plan.window_edges_s)
    lengths = np.array([length for *_, length in listed])
    edges = np.concatenate([[0.0], np.cumsum(lengths)])
    on = np.array([[column == c for c in range(len(loads))] for _, column, _ in listed], float)
    rest, meter = np.zeros(loads.shape[1]), Meter(resolved, float(edges[-1]))
    pieces = [Segment(loads[c] if c >= 0 else rest, length) for _, c, length in listed]
    nodes = np.unique(np.concatenate([row.nodes for row in resolved.rows]))
    times = np.arange(0.0, edges[-1], STEP_S)
    op, seen = operator(system.stiffness, system.capacity_j_k), {}

    def watch() -> None:
        for time_s, temperature in evolve(system, pieces, times, engine=op):
            meter.add(time_s, temperature)
            seen[time_s] = temperature[nodes]

    seconds, _, _ = timed(watch)
    kept = np.array(sorted(seen))
    predicted = np.concatenate([model.temperature(on, edges, part, rows=nodes) for part in np.array_split(kept, 12)])
    off = max(float(np.abs(predicted[i] - seen[t]).max()) for i, t in enumerate(kept))
    return seconds, {
        "dwells": len(listed),
        "verified_off_k": off,
        "verified": list(meter.values()),
        "products": op.counter.products,
    }


def plan_rows(system, loads, model, anatomy, windows: int) -> Iterator[dict[str, Any]]:
    edges = np.linspace(0.0, PLAN_S, windows + 1)
    for name, (factor, goals) in CASES.items():
        resolved = resolve(goals, anatomy, core=False, defaults=False)
        scaled = with_inputs(model, factor * np.asarray(model.inputs))
        seconds, clock_s, plan = timed(
            lambda s=scaled, r=resolved: optimize_shares(s, r, window_edges_s=edges, settings=SETTINGS)
        )
        full_s, full = verification(system, factor * loads, scaled, resolved, plan)
        row = {
            "row": f"plan: {name}",
            "variables": windows * FOCI,
            "search_s": seconds,
            "clock_s": clock_s,
            "verify_s": full_s,
            "total_s": seconds + full_s,
            "iterations": plan.iterations,
            "objective": plan.objective,
            "broken_k": broken_k(resolved, plan),
            "gap": plan.gap,
            "values": list(plan.values),
            "status": plan.status,
        } | full
        yield row
        yield from second_rows(name, scaled, resolved, plan)


def broken_k(resolved: Resolved, plan: Shares) -> float:
    """By how much the worst limit is broken, K."""
    rows = zip(resolved.rows, plan.values, strict=True)
    return max(max(0.0, row.goal.short_k(value)) for row, value in rows if row.goal.kind == "limit")


def second_rows(name: str, model, resolved: Resolved, plan: Shares) -> Iterator[dict[str, Any]]:
    """Each other method from nothing, and from the plan, which it should not be able to better."""
    starts = zip(("alone", "from the plan"), (None, plan.shares), EVALUATIONS[len(plan.shares)], strict=True)
    for words, start, evaluations in starts:
        for method, ask in OTHERS.items():
            seconds, clock_s, other = timed(
                lambda f=ask, a=start, n=evaluations: f(
                    model, resolved, window_edges_s=plan.window_edges_s, settings=SETTINGS, start=a, evaluations=n
                )
            )
            yield {
                "row": f"{method} {words}: {name}",
                "variables": plan.shares.size,
                "search_s": seconds,
                "clock_s": clock_s,
                "evaluations": other.iterations,
                "objective": other.objective,
                "over_the_plan": other.objective - plan.objective,
                "broken_k": broken_k(resolved, other),
                "values": list(other.values),
            }


def front_row(model, anatomy) -> dict[str, Any]:
    factor, goals = CASES["liver binds"]
    resolved = resolve(goals, anatomy, core=False, defaults=False)
    seconds, _, front = timed(
        lambda: pareto_front(
            with_inputs(model, factor * np.asarray(model.inputs)),
            resolved,
            window_edges_s=np.linspace(0.0, PLAN_S, 11),
            traded=TradedLimit(1, FRONT_C),
            settings=SETTINGS,
        )
    )
    return {
        "row": f"front of {len(FRONT_C)} points: tumour CEM43T90 against liver Tmax",
        "search_s": seconds,
        "bounds_c": front.bounds.tolist(),
        "values": front.goal_values.tolist(),
    }


def rows(size: str, counts: tuple[int, ...]) -> Iterator[dict[str, Any]]:
    mesh, system, _ = case(size)
    loads = foci(mesh)
    seconds, _, model = timed(lambda: reduced_model(system, loads, PLAN_S))
    yield {"row": "reduced model", "nodes": system.n_dof, "s": seconds, "modes": model.size, "error_k": model.error_k}
    for windows in counts:
        yield from plan_rows(system, loads, model, mesh, windows)
    if WINDOWS[0] in counts:
        yield front_row(model, mesh)


def said(value: Any) -> str:
    if isinstance(value, list):
        return "[" + " ".join(said(v) for v in value) + "]"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def main() -> None:
    size = sys.argv[1] if len(sys.argv) > 1 else "S"
    counts = tuple(map(int, sys.argv[2:])) or WINDOWS
    machine = {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "size": size,
    }
    with (HERE / "results.jsonl").open("a", encoding="utf-8") as stream:
        for row in rows(size, counts):
            print("  ".join(f"{key} {said(value)}" for key, value in row.items()), flush=True)
            stream.write(json.dumps(machine | row) + "\n")


if __name__ == "__main__":
    main()
