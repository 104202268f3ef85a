"""Verification of a trajectory with the full model: every dwell, settle and rest is played, nothing averaged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...base.arrays import Array, IntArray
from ...base.errors import InputError
from ...base.progress import Stages
from ...bioheat import (
    Cycle,
    EnergyAudit,
    Segment,
    ThermalSystem,
    active_terms,
    choose_engine,
    cycles,
    play_sequence,
)
from ...bioheat.engines.checkpoint import NO_CHECKPOINT
from ...bioheat.linalg.krylov import ProductCounter, operator
from ...files.run.plan_record import SolverRecord
from ...goals import Resolved
from ...power.heating_basis import Column
from ...trajectory import Trajectory
from ..case.heating_model import HeatingModel
from .outcome import Outcome, OutcomeRecorder
from .resume import Checkpoints, model_digest

if TYPE_CHECKING:
    from ...bioheat.ranks.crew import Crew  # loads MPI

SAFE_C = 39.0
"""Highest temperature at which a cool-down may end early: below it a dose grows by less than a second a minute."""
BOILING_C = 100.0
"""Temperature above which a run warns: the model knows no steam."""
HOTTEST_C = 150.0
"""Temperature above which a run ends, as only a slip of units gets there."""
LONGEST_COOL_DOWN_S = 1200.0
"""Longest cool-down where the protocol gives none; twice as long is played only where tissue stays above `SAFE_C`."""
BURSTS = 40
"""Places in a long sequence where the ends of dwells are looked at; each adds `BURST` outputs."""
BURST = 6
"""Neighbouring dwells that are looked at together: the stops of a short cycle."""
COOL_DOWN_PARTS_S = (120.0, 360.0)
"""Ends of the parts that the cool-down is played in, so that one that ends early is not computed to its end."""

_NEVER = np.zeros(0)


def columns_of(trajectory: Trajectory) -> tuple[tuple[Column, ...], IntArray]:
    """The distinct columns of a trajectory, and which one each stop plays; -1 where its amplitude is zero."""
    number: dict[Column, int] = {}
    which = np.full(len(trajectory), -1, np.int64)
    for i, stop in enumerate(trajectory.stops):
        if stop.amplitude_t > 0.0:
            column = Column(stop.center_m, stop.amplitude_t, stop.gradient_t_m, stop.direction)
            which[i] = number.setdefault(column, len(number))
    return tuple(number), which


def segments_of(trajectory: Trajectory, load_w: Array, which: IntArray) -> list[Segment]:
    """Dwells of loads ``(k, n)`` and the rests between them, in order, up to the end of heating."""
    rest = np.zeros(load_w.shape[1])
    found, clock = [], 0.0
    for stop, column in zip(trajectory.stops, which, strict=True):
        gap = stop.start_s - clock
        if gap > 1e-9:
            found.append(Segment(rest, gap))
        found.append(Segment(load_w[column] if column >= 0 else rest, stop.dwell_s))
        clock = stop.start_s + stop.dwell_s
    if trajectory.duration_s - clock > 1e-9:
        found.append(Segment(rest, trajectory.duration_s - clock))
    return found


def output_times_s(heating_s: float, cool_down_s: float, step_s: float | None = None) -> Array:
    """When the full model is looked at: every ``step_s``; where that is None about 300 times while heating, then
    sparser."""
    if step_s is not None:
        heating, cooling = (np.append(np.arange(0.0, end - 1e-6, step_s), end) for end in (heating_s, cool_down_s))
        return np.concatenate([heating, heating_s + cooling[1:]])
    heating = np.linspace(0.0, heating_s, max(31, min(361, round(heating_s / 5.0) + 1)))
    if cool_down_s <= 0.0:
        return heating
    fast = np.arange(5.0, min(cool_down_s, 120.0), 5.0)
    slow = np.arange(120.0, cool_down_s, 20.0)
    return np.concatenate([heating, heating_s + np.concatenate([fast, slow, [cool_down_s]])])


def dwell_ends_s(trajectory: Trajectory) -> Array:
    """Ends of dwells, where temperature peaks: all of a short sequence, bursts of neighbours of a long one."""
    ends = trajectory.start_s + trajectory.dwell_s
    if len(ends) <= BURSTS * BURST:
        return ends
    first = np.linspace(0, len(ends) - BURST, BURSTS).astype(int)
    return ends[np.unique(first[:, None] + np.arange(BURST))]


def verify(
    engine: HeatingModel,
    trajectory: Trajectory,
    resolved: Resolved | None,
    stages: Stages,
    *,
    also_s: Array = _NEVER,
    watchers: Sequence[Callable[[float, Array], None]] = (),
    checkpoints: Checkpoints | None = None,
    crew: Crew | None = None,
) -> Outcome:
    """Play a trajectory with the full model and measure its outcome, at the times ``also_s`` too; ``watchers`` are told
    every time and temperature, ``checkpoints`` save it on the way, and a ``crew`` of ranks shares the work."""
    protocol, full = engine.case.protocol, engine.finer or engine
    system = full.system
    columns, which = columns_of(trajectory)
    if not columns:
        raise InputError("the trajectory has no stop with a field: nothing is heated")
    basis = engine.basis(columns)
    heating = trajectory.duration_s
    longest = LONGEST_COOL_DOWN_S if protocol.session.cool_down_s is None else protocol.session.cool_down_s
    pieces = cycles(segments_of(trajectory, engine.played_w(basis), which))
    rest = np.zeros(system.n_nodes)
    edges = [t for t in COOL_DOWN_PARTS_S if t < longest]
    pieces += [Segment(rest, part) for part in np.diff([0.0, *edges, longest]) if part > 0.0]
    audit = EnergyAudit(system, pieces)
    end = heating + longest
    looked_at = output_times_s(heating, longest, protocol.session.output_step_s)
    times = np.concatenate([looked_at, dwell_ends_s(trajectory), also_s])
    times = np.unique(np.where(np.abs(times - heating) < 1e-6, heating, times))  # of two ends of heating the exact one
    watch = OutcomeRecorder(engine, resolved, heating, times)
    counter = ProductCounter()
    if crew is None:
        op = operator(system.stiffness, system.scale_j_k, counter=counter)
    else:
        op = crew.operator(system, counter=counter)
    choice = choose_engine(op, pieces, lumped=system.mass_j_k is None, feedback=full.feedback is not None)
    stages.note(
        f"spectral radius {choice.spectral_radius_1_s:.3g} 1/s: {choice.engine} engine in time"
        + (f" on {crew.size} ranks" if crew else "")
        + (f", {system.n_dof} unknowns of quadratic elements" if engine.finer else "")
    )
    keeping = (
        NO_CHECKPOINT
        if checkpoints is None
        else checkpoints.policy(
            model_digest(protocol, _made_of(system, pieces, times)), {**watch.consumers(), "audit": audit}
        )
    )
    history = (crew.play if crew else play_sequence)(
        system, pieces, times, feedback=full.feedback, ledger=audit, engine=op, keeping=keeping
    )
    if keeping.start is not None:
        begun_s, _ = next(history)  # was taken before the run was stopped
        stages.note(f"goes on from {begun_s:.1f} s, where it was stopped")
    shown = slice(None) if engine.finer is None else engine.finer.shown
    for time_s, everywhere in history:
        temperature = everywhere[shown]
        if not temperature.max() <= HOTTEST_C:
            raise InputError(_burnt(engine, time_s, temperature))
        watch.add(time_s, temperature)
        for tell in watchers:
            tell(time_s, temperature)
        stages.update(time_s / end, f"{time_s / 60:.1f} min, hottest {temperature.max():.2f} C")
        early = protocol.session.cool_down_s is None and time_s > heating + 1.0
        if early and temperature.max() < SAFE_C:
            break
    on = which >= 0
    shares = np.bincount(which[on], trajectory.dwell_s[on], len(columns)) / heating
    solver: SolverRecord = {
        "engine": choice.engine,
        "spectral_radius_1_s": choice.spectral_radius_1_s,
        "exact_products": choice.exact_products,
        "implicit_products": choice.implicit_products,
        "matrix_products": counter.products,
        "feedback": engine.feedback is not None,
        "elements": "linear" if engine.finer is None else "quadratic",
        "unknowns": system.n_dof,
        "terms": [term.phrase for term in active_terms(engine.case.problem()).values()],
    }
    return watch.outcome(basis, shares, audit, solver)


def _burnt(engine: HeatingModel, time_s: float, temperature_c: Array) -> str:
    """What is wrong with a run that leaves the range of any tissue."""
    protocol, anatomy = engine.case.protocol, engine.case.anatomy
    element = (anatomy.tets == temperature_c[: len(anatomy.points_m)].argmax()).any(axis=1).argmax()
    region = anatomy.region_names[anatomy.region[element]]
    return (
        f"{protocol.path.name}: {region}: {temperature_c.max():.3g} degC after {time_s:.3g} s: above "
        f"{HOTTEST_C:g} degC no tissue is left; check the unit of iron.image, tracer.measured_slp, "
        "device.amplitude and the tissues' metabolic_heat"
    )


def boiling_notes(outcome: Outcome) -> list[str]:
    """A warning where tissue boils."""
    peak = float(outcome.dose.peak_c.max())
    said = f"tissue reaches {peak:.0f} degC, where its water boils: the model knows no steam"
    return [said] if peak > BOILING_C else []


def _made_of(system: ThermalSystem, pieces: Sequence[Segment | Cycle], times_s: Array) -> Iterator[Array]:
    """Every array that the full model is made of."""
    yield from (
        system.stiffness.data,
        system.stiffness.indices,
        system.stiffness.indptr,
        system.capacity_j_k,
        system.base_c,
        times_s,
    )
    if system.mass_j_k is not None:
        yield system.mass_j_k.data
    for piece in pieces:
        parts = piece.segments if isinstance(piece, Cycle) else (piece,)
        yield np.array([piece.duration_s, *(part.duration_s for part in parts)])
        yield from (part.load_w for part in parts)
