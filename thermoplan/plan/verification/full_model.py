"""Verification of a trajectory with the full model: every dwell, settle and rest is played, nothing averaged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ...base.arrays import Array
from ...base.errors import InputError
from ...base.progress import Stages
from ...bioheat import (
    Cycle,
    EnergyAudit,
    Segment,
    ThermalSystem,
    active_terms,
    choose_engine,
    play_sequence,
    play_with_warming,
    split_warming,
)
from ...bioheat.engines.checkpoint import NO_CHECKPOINT
from ...bioheat.engines.dispatch import EngineChoice
from ...bioheat.linalg.krylov import ProductCounter, operator
from ...files.run.plan_record import SolverRecord
from ...goals import Resolved
from ...trajectory import Trajectory
from ..case.heating_model import HeatingModel
from .outcome import Outcome, OutcomeRecorder
from .playback import Playback, playback_of
from .resume import Checkpoints, model_digest

if TYPE_CHECKING:
    from ...bioheat.ranks.crew import Crew  # loads MPI

SAFE_C = 39.0
"""Highest temperature at which a cool-down may end early: below it a dose grows by less than a second a minute."""
BOILING_C = 100.0
"""Temperature above which a run warns: the model knows no steam."""
HOTTEST_C = 150.0
"""Temperature above which a run ends, as only a slip of units gets there."""


class HistoryWatcher(Protocol):
    """Consumer of a history that wants to see it at times of its own."""

    @property
    def wanted_s(self) -> Array:
        """Times that it wants."""
        ...

    def add(self, time_s: float, temperature_c: Array) -> None:
        """Take the temperatures at one time."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class PlayOptions:
    """A ``watcher`` of the history, ``checkpoints`` that save the run on its way, a ``crew`` of ranks that share it."""

    watcher: HistoryWatcher | None = None
    checkpoints: Checkpoints | None = None
    crew: Crew | None = None


ALONE = PlayOptions()
"""On this rank, unwatched and unsaved."""


def verify(
    heating_model: HeatingModel,
    trajectory: Trajectory,
    resolved: Resolved | None,
    stages: Stages,
    options: PlayOptions = ALONE,
) -> Outcome:
    """Play a trajectory with the full model and measure its outcome."""
    watcher, crew = options.watcher, options.crew
    playback = playback_of(heating_model, trajectory, np.zeros(0) if watcher is None else watcher.wanted_s)
    full, counter = heating_model.finer or heating_model, ProductCounter()
    system = full.system
    audit = EnergyAudit(system, playback.pieces)
    recorder = OutcomeRecorder(heating_model, resolved, trajectory.duration_s, playback.times_s)
    if crew is None:
        op = operator(system.stiffness, system.scale_j_k, counter=counter)
    else:
        op = crew.operator(system, counter=counter)
    stepped = split_warming(full.feedback)[1] is not None
    choice = choose_engine(op, playback.pieces, lumped=system.mass_j_k is None, feedback=stepped)
    stages.note(_engine_words(heating_model, choice, crew))
    policy = NO_CHECKPOINT
    if options.checkpoints is not None:
        digest = model_digest(heating_model.case.protocol, _arrays_of_model(system, playback.pieces, playback.times_s))
        policy = options.checkpoints.policy(digest, {**recorder.consumers(), "audit": audit})
    history = play_with_warming(
        system,
        playback.pieces,
        playback.times_s,
        feedback=full.feedback,
        ledger=audit,
        engine=op,
        keeping=policy,
        player=crew.play if crew else play_sequence,
    )
    if policy.start is not None:
        begun_s, _ = next(history)  # was taken before the run was stopped
        stages.note(f"goes on from {begun_s:.1f} s, where it was stopped")
    for time_s, temperature in _until_cool(heating_model, playback, history):
        recorder.add(time_s, temperature)
        if watcher is not None:
            watcher.add(time_s, temperature)
        stages.update(time_s / playback.end_s, f"{time_s / 60:.1f} min, hottest {temperature.max():.2f} C")
    return recorder.outcome(
        playback.basis, playback.shares, audit, _solver_record(heating_model, choice, counter.products)
    )


def _until_cool(
    heating_model: HeatingModel, playback: Playback, history: Iterable[tuple[float, Array]]
) -> Iterator[tuple[float, Array]]:
    """Temperatures of nodes and blood, up to the first of the cool-down at which no tissue is warm, unless the protocol
    says how long it lasts."""
    shown = slice(None) if heating_model.finer is None else heating_model.finer.shown
    may_end = heating_model.case.protocol.session.cool_down_s is None
    for time_s, everywhere in history:
        temperature = everywhere[shown]
        if not temperature.max() <= HOTTEST_C:
            raise InputError(_overheating(heating_model, time_s, temperature))
        yield time_s, temperature
        if may_end and time_s > playback.trajectory.duration_s + 1.0 and temperature.max() < SAFE_C:
            return


def _engine_words(heating_model: HeatingModel, choice: EngineChoice, crew: Crew | None) -> str:
    unknowns = f", {heating_model.finer.system.n_dof} unknowns of quadratic elements" if heating_model.finer else ""
    ranks = f" on {crew.size} ranks" if crew else ""
    return f"spectral radius {choice.spectral_radius_1_s:.3g} 1/s: {choice.engine} engine in time{ranks}{unknowns}"


def _solver_record(heating_model: HeatingModel, choice: EngineChoice, products: int) -> SolverRecord:
    return {
        "engine": choice.engine,
        "spectral_radius_1_s": choice.spectral_radius_1_s,
        "exact_products": choice.exact_products,
        "implicit_products": choice.implicit_products,
        "matrix_products": products,
        "feedback": heating_model.feedback is not None,
        "elements": "linear" if heating_model.finer is None else "quadratic",
        "unknowns": (heating_model.finer or heating_model).system.n_dof,
        "terms": [term.phrase for term in active_terms(heating_model.case.problem()).values()],
    }


def _overheating(heating_model: HeatingModel, time_s: float, temperature_c: Array) -> str:
    """Complaint on a run that leaves the range of any tissue."""
    protocol, anatomy = heating_model.case.protocol, heating_model.case.anatomy
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


def _arrays_of_model(system: ThermalSystem, pieces: Sequence[Segment | Cycle], times_s: Array) -> Iterator[Array]:
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
