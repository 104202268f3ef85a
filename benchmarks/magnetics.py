"""Tracer response, response tables and the power of field-free regions: what they cost, and how far off they are.

    python benchmarks/magnetics.py

One core, processor time; each row is a JSON line in results.jsonl with the machine. Counts and errors do not depend on
it.
"""

from __future__ import annotations

import json
import os
import platform
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from thermoplan.device import Device
from thermoplan.power.heating_basis import Column, iron_power_w
from thermoplan.tracer import response, tabulate
from thermoplan.tracer.magnetization import energy_kt, mrsh
from thermoplan.tracer.response import ResponseTable, response_table
from thermoplan.tracer.tracer import Population, Tracer, slp_w_kg

HERE = Path(__file__).parent
LEVELS, FREQUENCY_HZ = np.array([3.25e-3, 6.5e-3, 13e-3]), 354e3
NODES, POSITIONS = 100_000, 100
ONE = Tracer(
    "one size", (Population(1.0, 20e-9),), 446e3, 5180.0, 0.7236, relaxation_time_s=3.0 / (2 * np.pi * FREQUENCY_HZ)
)
TWO = Tracer(
    "bimodal",
    (Population(0.5, 8.2e-9, 0.2), Population(0.5, 19.3e-9, 0.15)),
    446e3,
    5180.0,
    0.7236,
    viscosity_pa_s=0.69e-3,
    hydrodynamic_diameter_m=50e-9,
    anisotropy_j_m3=11e3,
)


def timed(action: Callable[[], object]) -> tuple[float, object]:
    """Seconds of processor time, which a busy machine does not stretch as it does wall time."""
    start = time.process_time()
    result = action()
    return time.process_time() - start, result


def miss_of_peak(tracer: Tracer, table: ResponseTable, count: int) -> float:
    """Largest interpolation error at random biases, over the peak."""
    rng = np.random.default_rng(7)
    along, across = rng.uniform(-60e-3, 60e-3, (2, count))
    worst = 0.0
    for level, amplitude in enumerate(LEVELS):
        drive = {"amplitude_t": amplitude, "frequency_hz": FREQUENCY_HZ}
        direct = slp_w_kg(tracer, **drive, along_t=along, across_t=across)
        off = np.abs(table.slp_w_kg(level, along, across) - direct).max()
        worst = max(worst, off / float(slp_w_kg(tracer, **drive)))
    return worst


def forget() -> None:
    response._MEMORY.clear()


def table_rows(tracer: Tracer, count: int):
    """Made, read from the cache folder, and how far off."""
    forget()
    solved = [0, 0]
    plain = tabulate.energy_kt

    def counted(*args, **options):
        found = plain(*args, **options)
        solved[0] += 1
        solved[1] += found.size
        return found

    tabulate.energy_kt = counted
    seconds, table = timed(lambda: response_table(tracer, FREQUENCY_HZ, LEVELS))
    tabulate.energy_kt = plain
    yield {
        "row": f"response table, {tracer.name}, {len(LEVELS)} amplitudes",
        "s": seconds,
        "sizes": len(tracer.sizes()[0]),
        "points": solved[1],
        "calls": solved[0],
        "miss_of_peak": miss_of_peak(tracer, table, count),
    }
    forget()
    seconds, _ = timed(lambda: response_table(tracer, FREQUENCY_HZ, LEVELS))
    yield {"row": f"the same, {tracer.name}, from the cache folder", "s": seconds}


def power_row():
    """A hundred positions of a field-free point over a hundred thousand points of iron."""
    rng = np.random.default_rng(1)
    iron = SimpleNamespace(points_m=rng.uniform(-20e-3, 20e-3, (NODES, 3)), mass_kg=rng.uniform(0.0, 1e-9, NODES))
    device = Device("ideal", "ffp", 2.35, 13e-3, FREQUENCY_HZ, (0.0, 0.0, 1.0))
    columns = [Column(tuple(p), 13e-3, 2.35) for p in rng.uniform(-10e-3, 10e-3, (POSITIONS, 3))]
    table = response_table(ONE, FREQUENCY_HZ, LEVELS)
    seconds, power = timed(lambda: iron_power_w(iron, table, device, columns))
    return {"row": f"power of {POSITIONS} positions at {NODES} nodes", "s": seconds, "watts": float(power.sum())}


def model_rows():
    """One point of each model, and MRSh against the exact solution there."""
    point = (6.0, 3.0, 4.0, 5.0)
    many = tuple(np.full(1000, v) for v in point)
    seconds, closed = timed(lambda: mrsh.mrsh_energy_kt(*many))
    yield {"row": "MRSh, a point of a thousand", "s": seconds / 1000}
    seconds, exact = timed(lambda: energy_kt(*point, model="fokker-planck"))
    yield {"row": "Fokker-Planck, the same point, off axis", "s": seconds, "mrsh_off": float(closed[0] / exact - 1.0)}
    seconds, _ = timed(lambda: energy_kt(*point[:3], 0.0, model="fokker-planck"))
    yield {"row": "Fokker-Planck, bias along the drive", "s": seconds}


def rows():
    with tempfile.TemporaryDirectory() as folder:
        os.environ["THERMOPLAN_CACHE"] = folder
        for tracer, count in ((ONE, 2000), (TWO, 100)):
            yield from table_rows(tracer, count)
        yield power_row()
    yield from model_rows()


def main() -> None:
    machine = {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "suite": "magnetics",
    }
    with (HERE / "results.jsonl").open("a", encoding="utf-8") as stream:
        for row in rows():
            print("  ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{v}" for k, v in row.items()), flush=True)
            stream.write(json.dumps(machine | row) + "\n")


if __name__ == "__main__":
    main()
