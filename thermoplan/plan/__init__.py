"""A plan, from a protocol to a run folder; the whole flow is on this page.

inputs -> case on a mesh -> engine -> search -> sequence -> full model -> record -> run folder
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from ..base.errors import InputError, MissingPart
from ..base.progress import Listener, Stages, silent
from ..base.threads import one_thread
from ..files.run.run_folder import RUNS, free_folder, refuse_full, refuse_stopped, refuse_unwritable
from ..protocol import Protocol, read_protocol
from .result import Plan, Run
from .verification.resume import EVERY_S, Checkpoints, describe_checkpoint, resumable, resumed

__all__ = ["Plan", "Run", "make_plan", "plan_and_write", "resume_and_write", "simulate", "simulate_and_write"]


@one_thread
def make_plan(
    protocol: Protocol | Path | str,
    *,
    quick: bool = False,
    pareto: str | None = None,
    estimate_error: bool = False,
    listener: Listener = silent,
) -> Plan:
    """Optimize, sequence and verify; nothing is written.

    The reported numbers are those of the full model over exactly the sequence that a machine would play. ``pareto``
    names a limit, such as "liver CEM43max": what the first goal could have for more or less of it is found too; ""
    leaves the choice to the plan. With ``estimate_error`` the mesh is held against quadratic elements.
    """
    from .case import safety_limits
    from .case.second_order import refuse_planning
    from .record.record import Subject, full_record, plain
    from .record.run_writer import Products
    from .steering import position_error, steer, trade_off
    from .steering.alternatives import alternatives, bound_on_t90_c, comparison_sentence
    from .steering.feasible import refuse_impossible_goals
    from .steering.reasons import explanation
    from .steering.rounds import plan_until_agreed
    from .steering.search_setup import prepare_search
    from .verification.full_model import boiling_notes
    from .verification.shot_forecast import low_power_shot, shot_notes

    stages = Stages(listener)
    protocol = protocol if isinstance(protocol, Protocol) else read_protocol(protocol)
    position_error.refuse_unnoticed(protocol)
    refuse_planning(protocol)
    inputs = _inputs(protocol, stages, estimate_error=estimate_error)
    refuse_impossible_goals(inputs)
    engine = _engine(inputs, stages, quick)
    resolved = steer.resolved_goals(engine)
    against = None if pareto is None else trade_off.chosen_limit(resolved, pareto)
    setup = prepare_search(engine, resolved, stages)
    engine, plan = setup.engine, plan_until_agreed(setup, stages)
    found, outcome, trajectory = plan.steering, plan.outcome, plan.steering.sequenced.trajectory
    with stages.stage("compare with planning by hand"):
        others, astray = alternatives(engine, found), position_error.off_target(engine, found)
        bound = bound_on_t90_c(found)
    checks = _checks(engine, outcome) | {"prediction_k": plan.gap_k}
    notes = resolved.notes, found.sequenced.notes, safety_limits.field_notes(engine.case), boiling_notes(outcome)
    with stages.stage("explain"):
        why = explanation(found, outcome)
    with stages.stage("test shot"):
        shot = low_power_shot(engine, outcome)
    front = None if pareto is None else trade_off.trade_off(engine, found, stages, limit=against)
    record = full_record(
        Subject(engine, outcome, resolved, stages, "plan", quick),
        {
            "checks": checks,
            "trajectory": _trajectory_record(trajectory, outcome),
            "optimizer": steer.optimizer_record(found, plan.rounds),
            "alternatives": others,
            "comparison": comparison_sentence(others, bound),
            "explanation": why,
            "pareto": front,
            "test_shot": shot,
            "warnings": _warnings(engine, *notes, shot_notes(shot), quick=quick),
        },
    ) | {"placement": plain(astray)}
    record["accuracy"] = _accuracy(engine, outcome, stages) if estimate_error else None
    if found.shares.status == "interrupted":
        record["status"] = "interrupted"
        record["warnings"].insert(0, "the search was interrupted: this is the best plan it had found")
    return Plan(record, Products(record, engine, outcome, trajectory), stages)


@one_thread
def simulate(
    protocol: Protocol | Path | str,
    trajectory: Path | str | None = None,
    *,
    quick: bool = False,
    estimate_error: bool = False,
    checkpoints: Checkpoints | None = None,
    listener: Listener = silent,
) -> Plan:
    """The full model over a given trajectory (``trajectory.csv``), else the one that the protocol names; without
    either, a uniform device heats throughout. With ``estimate_error`` the mesh is held against quadratic elements;
    with ``checkpoints`` the run is saved on the way."""
    from ..trajectory import limit_violations
    from .case.second_order import refuse_unfit
    from .record.record import Subject, full_record
    from .record.run_writer import Products
    from .steering.steer import resolved_goals
    from .verification.full_model import boiling_notes, verify
    from .verification.shot_forecast import low_power_shot, shot_notes

    stages = Stages(listener)
    protocol = protocol if isinstance(protocol, Protocol) else read_protocol(protocol)
    refuse_unfit(protocol, estimate_error=estimate_error)
    notes: list[str] = []
    played = _given(protocol, trajectory, notes)
    notes += limit_violations(played, protocol.device)
    engine = _engine(_inputs(protocol, stages, estimate_error=estimate_error), stages, quick)
    resolved = resolved_goals(engine) if protocol.goals else None
    with stages.stage("full model"):
        outcome = verify(engine, played, resolved, stages, checkpoints=checkpoints)
    with stages.stage("test shot"):
        shot = low_power_shot(engine, outcome)
    notes += checkpoints.complaints if checkpoints else ()
    notes += boiling_notes(outcome)
    warnings = _warnings(engine, resolved.notes if resolved else (), notes, shot_notes(shot), quick=quick)
    record = full_record(
        Subject(engine, outcome, resolved, stages, "simulate", quick),
        {
            "checks": _checks(engine, outcome) | {"prediction_k": None},
            "alternatives": [],
            "trajectory": _trajectory_record(played, outcome),
            "warnings": warnings,
            "test_shot": shot,
        },
    )
    record["accuracy"] = _accuracy(engine, outcome, stages) if estimate_error else None
    return Plan(record, Products(record, engine, outcome, played), stages)


def plan_and_write(protocol: Protocol | Path, *, output: Path | None = None, force: bool = False, **wanted: Any) -> Run:
    """Plan and write the run folder; a target that cannot be written is refused before anything is computed.

    ``wanted`` is what `make_plan` takes.
    """
    if output is not None:
        refuse_full(output, force=force)
        refuse_stopped(output, force=force)
    refuse_unwritable(RUNS / "plan" if output is None else output)
    result: Run = make_plan(protocol, **wanted).write(output, force=force)
    return result


def simulate_and_write(
    protocol: Protocol | Path,
    trajectory: Path | None = None,
    *,
    output: Path | None = None,
    force: bool = False,
    checkpoint_s: float = EVERY_S,
    listener: Listener = silent,
    **wanted: Any,
) -> Run:
    """Simulate and write the run folder; ``wanted`` is what `simulate` takes.

    A simulation that takes longer than ``checkpoint_s`` is saved that often, and `resume_and_write` goes on with it.
    """
    protocol = protocol if isinstance(protocol, Protocol) else read_protocol(protocol)
    final = free_folder(protocol.name) if output is None else Path(output)
    refuse_full(final, force=force)
    refuse_stopped(final, force=force)
    refuse_unwritable(final)
    saved = Checkpoints(final, describe_checkpoint(protocol, trajectory, **wanted), checkpoint_s)
    with resumable(saved):
        plan = simulate(protocol, trajectory, checkpoints=saved, listener=listener, **wanted)
    result: Run = plan.write(final, force=force)
    return result


def resume_and_write(run: Path, *, checkpoint_s: float = EVERY_S, listener: Listener = silent) -> Run:
    """Go on with a simulation that was stopped, and write its run folder."""
    refuse_full(run)
    refuse_unwritable(run)
    protocol, trajectory, wanted = resumed(run)
    saved = Checkpoints(run, describe_checkpoint(protocol, trajectory, **wanted), checkpoint_s, resuming=True)
    with resumable(saved):
        plan = simulate(protocol, trajectory, checkpoints=saved, listener=listener, **wanted)
    result: Run = plan.write(run)
    return result


def _inputs(protocol: Protocol | Path | str, stages: Stages, *, estimate_error: bool) -> Any:
    from .case.inputs import read_inputs
    from .case.steady_state import refuse_unbounded, refuse_unreachable

    if find_spec("dolfinx") is None:
        raise MissingPart("solving the bioheat equation needs DOLFINx: pip install 'thermoplan[fem]'")
    with stages.stage("read protocol and inputs"):
        inputs = read_inputs(protocol if isinstance(protocol, Protocol) else read_protocol(protocol))
    refuse_unreachable(inputs)
    if estimate_error:
        refuse_unbounded(inputs)
    return inputs


def _engine(inputs: Any, stages: Stages, quick: bool) -> Any:
    from .case.case import build_case
    from .case.heating_model import build_heating_model
    from .case.safety_limits import refuse_impossible

    engine = build_heating_model(build_case(inputs, stages, quick=quick), stages)
    refuse_impossible(engine)
    return engine


def _given(protocol: Protocol, path: Path | str | None, notes: list[str]) -> Any:
    from ..files.run.trajectories import read_trajectory
    from ..trajectory import Stop, Trajectory
    from .steering.position_error import as_it_lies

    device, duration = protocol.device, protocol.session.duration_s
    path = protocol.session.trajectory if path is None else path
    if path is not None:
        played = as_it_lies(read_trajectory(Path(path), device, duration, notes=notes), protocol)
        if out := device.violations(centers_m=played.center_m):
            raise InputError([f"{Path(path).name}: {text}" for text in out])
        return played
    if device.kind != "uniform":
        raise InputError(
            f'{protocol.path.name}: device.kind = "{device.kind}": a device with a gradient needs '
            "--trajectory T.csv; only a uniform device can heat without one"
        )
    stop = Stop(0.0, duration, (0.0, 0.0, 0.0), device.amplitude_t, 0.0)
    return Trajectory.of_stops([stop], frequency_hz=device.frequency_hz, duration_s=duration)


def _accuracy(engine: Any, outcome: Any, stages: Stages) -> dict[str, Any]:
    from .record.record import plain
    from .verification.mesh_error import mesh_error

    result: dict[str, Any] = plain(mesh_error(engine, outcome, stages))
    return result


def _checks(engine: Any, outcome: Any) -> dict[str, float | None]:
    from .case.heating_model import power_rel

    return {
        "iron_mass_rel": engine.case.iron.mass_rel,
        "power_rel": power_rel(engine, outcome.basis, outcome.shares),
        "energy_balance_rel": outcome.energy_balance_rel,
    }


def _warnings(engine: Any, *more: Any, quick: bool) -> list[str]:
    from ..device import unknown_field
    from ..power.ffr import focus_warnings
    from .steering.position_error import shift_notes

    case = engine.case
    tracer, physiology = case.protocol.tracer, case.protocol.physiology
    found = ["quick: a coarse mesh; temperatures are a first look"] if quick else []
    found += [*shift_notes(case.protocol), *unknown_field(case.protocol.device, case.anatomy.points_m)]
    if tracer.effective:
        found.append(f"{tracer.name} is an effective tracer: {tracer.effective}")
    found += focus_warnings(tracer, case.protocol.device)
    if physiology.core == "fixed" and physiology.core_course is None and case.species.is_alive:
        found.append(
            'core = "fixed": blood stays at its temperature whatever is absorbed, an infinite heat sink; '
            "core temperature and organ limits look better than they are"
        )
    found += [*case.notes, *(note for notes in more for note in notes)]
    return list(dict.fromkeys(found))


def _trajectory_record(trajectory: Any, outcome: Any) -> dict[str, Any]:
    places = list(dict.fromkeys(c.center_m for c in outcome.basis.columns))
    share = np.zeros(len(places))
    for column, part in zip(outcome.basis.columns, outcome.shares, strict=True):
        share[places.index(column.center_m)] += part
    windows = [_window_record(block, places) for block in trajectory.windows]
    periods = [block.period_s for block in trajectory.windows if block.repeats]
    return {
        "stops": len(trajectory),
        "positions": len(places),
        "duty": float(outcome.shares.sum()),
        "cycle_s": max(periods) if periods else None,
        "path_mm": 1e3 * np.array(places),
        "share": share,
        "windows": windows,
    }


def _window_record(block: Any, places: list) -> dict[str, Any]:
    share = np.zeros(len(places))
    length = block.end_s - block.start_s
    for stop in block.stops:
        share[places.index(tuple(stop.center_m))] += stop.dwell_s * block.repeats / length
    amplitudes = [stop.amplitude_t * 1e3 for stop in block.stops]
    return {
        "start_s": block.start_s,
        "end_s": block.end_s,
        "duty": float(share.sum()),
        "share": share,
        "amplitude_mt": max(amplitudes) if amplitudes else 0.0,
        "period_s": block.period_s,
    }
