"""Check of a protocol: its meaning in words, before anything heavy is computed; and a mesh on its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from ..anatomy.body import MeshBody
from ..anatomy.meshing import MeshReport, MeshSizes, mesh_labels
from ..base.arrays import Array
from ..base.errors import InputError
from ..base.plain_data import plain
from ..base.progress import Listener, Stages
from ..files.images.labels import read_label_table, read_labelled
from ..files.meshes.mesh_files import refuse_unknown_mesh, write_mesh
from ..files.run.run_folder import refuse_unwritable
from ..goals import EVERYWHERE_ELSE, Goal, default_limits
from ..plan.case.case import mesh_sizes
from ..plan.case.estimates import MANY_NODES, estimate_plan
from ..plan.case.image_blur import image_blur, recorded_scan
from ..plan.case.input_checks import outside_share
from ..plan.case.inputs import Inputs
from ..plan.case.plannable import planning_faults
from ..plan.case.preparation import load_protocol, read_heatable_inputs
from ..plan.case.scan_registration import registration_rows
from ..plan.case.surrounding_rows import surrounding_rows
from ..plan.steering.feasible import refuse_impossible_goals
from ..power.heating_warnings import model_warnings, slow_warnings
from ..power.safety import QUANTITIES, UNITS
from ..power.slp_point import validity
from ..protocol import Protocol
from ..protocol.spans import value_in_span
from ..tracer.tracer import omega_tau, slp_w_kg
from .answer_types import CheckAnswer, MeshAnswer, MeshRegion


def check_protocol(protocol: Protocol | Path) -> CheckAnswer:
    """Read a protocol and all that it names: rows of (what, understood as), and notes."""
    protocol = load_protocol(protocol)
    inputs = read_heatable_inputs(protocol, Stages())
    notes = list(inputs.notes)
    refuse_impossible_goals(inputs)
    rows = [
        *_iron_rows(inputs),
        *_body_rows(inputs, notes),
        *_machine_rows(protocol),
        *_session_rows(inputs),
        *_use_rows(inputs),
    ]
    return {
        "name": protocol.name,
        "protocol": str(protocol.path),
        "ok": True,
        "understood": [list(row) for row in rows],
        "notes": list(dict.fromkeys(notes)),
    }


def _iron_rows(inputs: Inputs) -> Iterator[tuple[str, str]]:
    iron, source = inputs.iron, inputs.protocol.iron
    spacing = " x ".join(f"{1e3 * s:.3g}" for s in iron.image.spacing_m)
    shape = " x ".join(map(str, iron.image.shape))
    values = f"values in {source.unit}"
    if source.calibration is not None:
        values = f"signal, made iron by {source.calibration.name}"
    yield "iron image", f"{source.image.name}, {shape} voxels of {spacing} mm, {values}"
    if iron.relative_uncertainty > 0.0:
        by = f', voxels by the rule "{source.roi}"' if source.calibration else ""
        yield "uncertainty", f"{iron.relative_uncertainty:.2g} of the iron, one standard deviation{by}"
    recorded = recorded_scan(source.image)
    if recorded:
        yield "recorded scan", recorded
    yield "iron in the image", f"{iron.mass_kg * 1e6:.4g} mg, highest {float(iron.image.data.max()):.3g} mg/mL"
    yield "iron off the skin", f"{outside_share(iron, inputs.body):.1%}"
    yield from registration_rows(inputs.registration_record())
    if iron.fwhm_m is None:
        yield "blur", "not known: the image is used as it is"
    else:
        to = "moved back into regions that take up tracer" if source.confine else "left where it is (confine = false)"
        yield "blur", f"FWHM {iron.fwhm_m * 1e3:.3g} mm, {_blur_source(inputs)}; iron within it is {to}"


def _blur_source(inputs: Inputs) -> str:
    gain = inputs.protocol.iron.deblur
    by = image_blur(inputs.protocol, []).source
    return by if gain is None else f"left of a blur {by} after sharpening ([iron] deblur = {gain:g})"


def _body_rows(inputs: Inputs, notes: list[str]) -> Iterator[tuple[str, str]]:
    source, volumes = inputs.protocol.anatomy, inputs.volumes_mm3()
    index = np.argwhere(inputs.iron.image.data > 0)
    region = inputs.body.region_of(inputs.iron.image.positions_m(index))
    mass = inputs.iron.image.data[tuple(index.T)] * inputs.iron.image.voxel_volume_m3 * 1e6
    held = np.bincount(region[region >= 0], mass[region >= 0], len(volumes))
    file = source.mesh or source.labels
    yield "anatomy", f"{file.name if file else 'none'}, species {source.species}"
    for (name, volume), milligrams in zip(volumes.items(), held, strict=True):
        yield f"  {name}", f"{volume:.4g} mm3 of {inputs.tissues[name]}, {milligrams:.3g} mg iron in the image"
    if isinstance(inputs.body, MeshBody):
        yield "mesh", f"{len(inputs.body.mesh.points_m)} nodes, as given{_elements(inputs)}"
        return
    sizes, nodes = mesh_sizes(inputs, quick=False), estimate_plan(inputs).nodes
    yield (
        "mesh",
        (
            f"edges {sizes.target_m * 1e3:.2g} mm in {', '.join(sizes.target_regions) or 'no target'} and "
            f"{sizes.margin_m * 1e3:.3g} mm around, up to {sizes.size_m * 1e3:.3g} mm elsewhere; "
            f"about {nodes:.1g} nodes".replace("e+0", "e")
            + _elements(inputs)
        ),
    )
    if nodes > MANY_NODES:
        notes.append(f"the mesh will have about {nodes:.0f} nodes, over {MANY_NODES}: raise [mesh] size or target_size")


def _elements(inputs: Inputs) -> str:
    return ", quadratic elements in simulate" if inputs.protocol.mesh.order == 2 else ""


def _machine_rows(protocol: Protocol) -> Iterator[tuple[str, str]]:
    tracer, device = protocol.tracer, protocol.device
    slp = float(slp_w_kg(tracer, amplitude_t=device.amplitude_t, frequency_hz=device.frequency_hz)) * 1e-3
    yield "tracer", f"{tracer.name}, omega tau {omega_tau(tracer, device.frequency_hz):.3g}"
    yield "model", f"{tracer.model}, holds {validity(tracer)}"
    beyond = model_warnings(tracer, amplitude_t=device.amplitude_t, frequency_hz=device.frequency_hz)
    for text in (*beyond, *slow_warnings(tracer)):
        yield "warning", text
    yield "SLP", f"{slp:.4g} W per g of iron at the drive, in tissue; {tracer.slp_source}"
    drive = f"{device.amplitude_t * 1e3:g} mT peak, {device.frequency_hz * 1e-3:g} kHz"
    yield (
        "device",
        (
            f"{device.name} ({device.kind}), {device.gradient_t_m:g} T/m, {drive}, "
            f"drive along {_axis(device.drive_axis)} (RAS)"
        ),
    )
    yield "pose", _pose(protocol)
    yield "eddy currents", "heat" if device.eddy_currents else "are left out (eddy_currents = false)"


def _pose(protocol: Protocol) -> str:
    """Pose of the animal in the machine, and the place of the machine's origin in it."""
    device, shift = protocol.device, 1e3 * np.array(protocol.heater_shift_m)
    words = [
        protocol.pose or "not stated",
        f"the machine's origin is at {_axis(1e3 * device.origin_m)} mm (RAS)",
        f"its bore along {_axis(device.to_device[2, :3])}",
    ]
    if shift.any():
        words.append(
            f"{_axis(shift)} mm further on than imaged"
            + ("" if protocol.heater_shift_noticed else ", which the machine is not told")
        )
    return ", ".join(words)


def _axis(vector: Array) -> str:
    return " ".join(f"{v + 0.0:.3g}" for v in vector)


def _session_rows(inputs: Inputs) -> Iterator[tuple[str, str]]:
    protocol = inputs.protocol
    session = protocol.session
    cool = "until every node is under 39 degC" if session.cool_down_s is None else f"{session.cool_down_s / 60:g} min"
    yield "session", f"{session.duration_s / 60:g} min of heating, cool-down {cool}"
    yield from surrounding_rows(protocol)
    pool = protocol.physiology.core == "pool"
    defaults = default_limits(protocol.goals, inputs.tissues, core=pool) if protocol.goals else ()
    ranked = len({goal.priority for goal in protocol.goals if goal.kind == "goal"}) > 1
    for goal in (*protocol.goals, *defaults):
        by = " (default)" if goal.default else ""
        yield goal.kind + by, _goal_words(goal, ranked=ranked)
    for wish in protocol.safety:
        bound = f"the limit of {wish.source}" if wish.at_most is None else f"{wish.at_most:.3g} {UNITS[wish.quantity]}"
        yield "hard limit", f"{QUANTITIES[wish.quantity]} <= {bound}"
    for probe in protocol.probes:
        yield "probe", f"{probe.name} at {_axis(1e3 * np.array(probe.position_m))} mm"


def _goal_words(goal: Goal, *, ranked: bool) -> str:
    """A goal or limit with its shell, window, priority and weight, where it has them."""
    sign = ">=" if goal.sense == "at_least" else "<="
    words = [f"{', '.join(goal.places)}: {goal.metric} {sign} {goal.bound:g} {goal.unit}"]
    if goal.window is not None:
        start, end = (f"{t / 60.0:g}" for t in goal.window)
        words.append(f"judged from {start} to {end} min")
    if EVERYWHERE_ELSE in goal.region:
        words.append(f"farther than {1e3 * goal.margin_m:g} mm from a target")
    if goal.kind == "goal" and (ranked or goal.priority != 1):
        words.append(f"priority {goal.priority}")
    if goal.kind == "goal" and goal.weight != 1.0:
        words.append(f"weight {goal.weight:g}")
    return ", ".join(words)


def _use_rows(inputs: Inputs) -> Iterator[tuple[str, str]]:
    """Verbs that take the protocol as it is, and what they cost."""
    protocol = inputs.protocol
    reasons = planning_faults(protocol)
    yield "plan", estimate_plan(inputs).words() if not reasons else f"refused: {'; '.join(reasons)}"
    if inputs.trajectory is not None and protocol.session.trajectory is not None:
        yield "simulate", f"{protocol.session.trajectory.name}, {len(inputs.trajectory)} stops"
    elif protocol.device.focuses:
        yield "simulate", "with a trajectory that is given with it"
    else:
        yield "simulate", "heats throughout, unless a trajectory is given"


def mesh_file(
    labels: Path, table: Path | None, out: Path, *, sizes: tuple[str, str, tuple[str, ...]], listener: Listener
) -> MeshAnswer:
    """Mesh a label volume or a segmentation; sizes are edge lengths far away and in the targets, and the targets."""
    refuse_unknown_mesh(out)
    refuse_unwritable(out)
    stages, notes = Stages(listener), list[str]()
    volume, entries = read_labelled(labels, None if table is None else read_label_table(table), notes=notes)
    size, target, regions = sizes
    unknown = [name for name in regions if name not in {region for region, _ in entries.values()}]
    if unknown:
        raise InputError(
            f"--target {unknown[0]}: not a region of {(table or labels).name}; it has "
            f"{', '.join(dict.fromkeys(region for region, _ in entries.values()))}"
        )
    with stages.stage("mesh"):
        anatomy, report = mesh_labels(
            volume,
            entries,
            MeshSizes(value_in_span(target, "edge", "--target-size"), value_in_span(size, "edge", "--size"), regions),
        )
    with stages.stage("write"):
        out.parent.mkdir(parents=True, exist_ok=True)
        write_mesh(out, anatomy)
    return mesh_answer(report, out, [*notes, *report.warnings])


def mesh_answer(report: MeshReport, out: Path, notes: list[str]) -> MeshAnswer:
    """Size and quality of a mesh, and its regions beside their labels."""
    volumes: Mapping[str, float] = report.label_volume_mm3
    rows: list[MeshRegion] = [
        {
            "name": name,
            "label_mm3": volumes[name],
            "mesh_mm3": mesh,
            "relative": mesh / volumes[name] - 1.0,
            "thickness_elements": report.thickness_elements.get(name),
        }
        for name, mesh in report.volume_mm3.items()
    ]
    smoothed = report.smoothed_skin_area_m2
    answer: MeshAnswer = {
        "mesh": str(out),
        "nodes": report.nodes,
        "tetrahedra": report.tetrahedra,
        "regions": rows,
        "quality_min": report.quality_min,
        "quality_histogram": list(report.quality_histogram),
        "skin_area_cm2": report.skin_area_m2 * 1e4,
        "label_skin_area_cm2": None if smoothed is None else smoothed * 1e4,
        "notes": notes,
    }
    return plain(answer)
