"""A simulation, from a protocol and its trajectory to a run folder; a long one can be stopped and resumed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from ..base.errors import InputError
from ..base.progress import Listener, Stages, silent
from ..base.threads import one_thread
from ..files.run.run_folder import free_folder, refuse_full, refuse_stopped, refuse_unwritable
from ..protocol import Protocol
from ..trajectory import Stop, Trajectory
from .case.preparation import load_protocol, read_heatable_inputs
from .case.prepared_model import prepare_model
from .case.second_order import refuse_unfit
from .conclusion import conclude
from .result import Plan, Run
from .steering.steer import resolve_goals
from .verification.full_model import PlayOptions, verify
from .verification.resume import (
    EVERY_S,
    Checkpoints,
    SimulationOptions,
    describe_checkpoint,
    read_checkpoint,
    resumable,
)
from .verification.verified_run import VerifiedRun

if TYPE_CHECKING:
    from ..bioheat.ranks.crew import Crew  # loads MPI


class WatchedSimulation(SimulationOptions, total=False):
    """Options of `simulate`, with the ranks that share its work and the listener to its progress."""

    crew: Crew | None
    listener: Listener


@one_thread
def simulate(
    protocol: Protocol | Path | str,
    trajectory: Path | str | None = None,
    *,
    checkpoints: Checkpoints | None = None,
    crew: Crew | None = None,
    listener: Listener = silent,
    **options: Unpack[SimulationOptions],
) -> Plan:
    """The full model over a given trajectory (``trajectory.csv``), else the one that the protocol names; without
    either, a uniform device heats throughout. With ``estimate_error`` the mesh is held against quadratic elements;
    with ``checkpoints`` the run is saved on the way; a ``crew`` of ranks shares the work."""
    quick, estimate_error = options.get("quick", False), options.get("estimate_error", False)
    stages, protocol = Stages(listener), load_protocol(protocol)
    refuse_unfit(protocol, estimate_error=estimate_error, among_ranks=crew is not None)
    path = protocol.session.trajectory if trajectory is None else Path(trajectory)
    if path is None:
        _refuse_unled(protocol)
    inputs = read_heatable_inputs(protocol, stages, estimate_error=estimate_error, trajectory=path)
    played = _heat_throughout(protocol) if inputs.trajectory is None else inputs.trajectory
    heating_model = prepare_model(inputs, stages, quick=quick)
    resolved = resolve_goals(heating_model) if protocol.goals else None
    with stages.stage("full model"):
        outcome = verify(heating_model, played, resolved, stages, PlayOptions(checkpoints=checkpoints, crew=crew))
    notes = [*(resolved.notes if resolved else ()), *(checkpoints.complaints if checkpoints else ())]
    run = VerifiedRun("simulate", quick, heating_model, played, outcome, resolved, notes, crew=crew)
    return conclude(run, stages, estimate_error=estimate_error)


def _refuse_unled(protocol: Protocol) -> None:
    """Refuse a machine that has to be led and is given no trajectory."""
    if protocol.device.focuses:
        raise InputError(
            f'{protocol.path.name}: device.kind = "{protocol.device.kind}": a device with a gradient needs '
            "--trajectory T.csv; only a uniform device can heat without one"
        )


def _heat_throughout(protocol: Protocol) -> Trajectory:
    """The trajectory of a uniform device that is given none: it heats throughout."""
    device, duration = protocol.device, protocol.session.duration_s
    stop = Stop(0.0, duration, (0.0, 0.0, 0.0), device.amplitude_t, 0.0)
    return Trajectory.of_stops([stop], frequency_hz=device.frequency_hz, duration_s=duration)


def simulate_and_write(
    protocol: Protocol | Path,
    trajectory: Path | None = None,
    *,
    output: Path | None = None,
    force: bool = False,
    checkpoint_s: float = EVERY_S,
    **options: Unpack[WatchedSimulation],
) -> Run:
    """Simulate and write the run folder; ``options`` are those of `simulate`.

    A simulation that takes longer than ``checkpoint_s`` is saved that often, and `resume_and_write` goes on with it.
    """
    crew, listener = options.get("crew"), options.get("listener", silent)
    simulated: SimulationOptions = {
        "quick": options.get("quick", False),
        "estimate_error": options.get("estimate_error", False),
    }
    protocol = load_protocol(protocol)
    final = free_folder(protocol.name) if output is None else Path(output)
    refuse_full(final, force=force)
    refuse_stopped(final, force=force)
    refuse_unwritable(final)
    saved = Checkpoints(final, describe_checkpoint(protocol, trajectory, simulated), checkpoint_s)
    with resumable(saved):
        plan = simulate(protocol, trajectory, checkpoints=saved, crew=crew, listener=listener, **simulated)
    return plan.write(final, force=force)


def resume_and_write(
    run: Path, *, checkpoint_s: float = EVERY_S, crew: Crew | None = None, listener: Listener = silent
) -> Run:
    """Go on with a simulation that was stopped, and write its run folder."""
    refuse_full(run)
    refuse_unwritable(run)
    protocol, trajectory, options = read_checkpoint(run)
    saved = Checkpoints(run, describe_checkpoint(protocol, trajectory, options), checkpoint_s, resuming=True)
    with resumable(saved):
        plan = simulate(protocol, trajectory, checkpoints=saved, crew=crew, listener=listener, **options)
    return plan.write(run)
