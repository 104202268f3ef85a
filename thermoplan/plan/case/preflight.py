"""Preflight of a protocol's inputs: the one list of refusals that check, plan and simulate go through before a mesh."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ...anatomy.body import LabelBody, MeshBody
from ...anatomy.meshing.label_volume import read_regions
from ...anatomy.tissue import species_facts
from ...base.arrays import Array
from ...base.errors import InputError
from ...base.units import toml_text
from ...goals import CORE, default_limits, place_complaints
from ...power.safety import absorbed_limit, mark_hard
from ...tracer.tracer import slp_w_kg
from .case import case_tissues, unknown_surface
from .estimates import estimate_complaints
from .inputs import Inputs
from .steady_state import unreachable_state


def refuse_unready(inputs: Inputs) -> None:
    """Raise with everything that a plan or a simulation of these inputs would stop at."""
    where = inputs.protocol.path.name
    complaints: list[str] = []
    for check in CHECKS:
        try:
            complaints += check(inputs)
        except InputError as error:
            complaints += error.complaints
    if complaints:
        raise InputError([text if text.startswith(where) else f"{where}: {text}" for text in dict.fromkeys(complaints)])


def _body(inputs: Inputs) -> Iterator[str]:
    """Label volumes that cannot be meshed: organs without a body, loose pieces, a region of two tissues."""
    body, source = inputs.body, inputs.protocol.anatomy
    if not isinstance(body, LabelBody):
        return
    try:
        read_regions(body.labels, body.table)
    except InputError as error:
        name = "labels" if source.labels is None else source.labels.name
        yield from (f"anatomy.labels: {name}: {text}" for text in error.complaints)


def _tissues(inputs: Inputs) -> Iterator[str]:
    """Tissues of the protocol that no region is made of."""
    case_tissues(inputs.protocol, tuple(inputs.tissues.values()))
    yield from unreachable_state(inputs)


def _surface(inputs: Inputs) -> Iterator[str]:
    """A bed, or a warming, on a surface that the mesh does not name."""
    protocol, body = inputs.protocol, inputs.body
    known = body.mesh.surfaces if isinstance(body, MeshBody) else {}
    given = {"boundary.bed": protocol.bed, "warming": protocol.warming}
    for key, table in given.items():
        if table is not None and table.surface is not None and table.surface not in known:
            yield unknown_surface(table.surface, f"{key}.surface", known)


def _warming_probe(inputs: Inputs) -> Iterator[str]:
    """A thermometer of the warming in a region that the anatomy does not have."""
    probe = inputs.protocol.warming.probe
    if probe != CORE and probe not in inputs.tissues:
        yield f"warming.probe = {toml_text(probe)}: expected {CORE} or a region: {', '.join(inputs.tissues)}"


def _vessels(inputs: Inputs) -> Iterator[str]:
    """Vessels that run through no part of the body."""
    for number, vessel in enumerate(inputs.protocol.vessels):
        path = vessel.dense_m(vessel.length_m / _PATH_POINTS)
        if (inputs.body.region_of(path) < 0).all():
            yield (
                f"vessels[{number}].path: {vessel.name} runs from {_extent(vessel.path_m)} mm, through no part of the "
                f"body ({_extent(inputs.body.skin_points_m())} mm): expected RAS millimetres of the anatomy's frame"
            )


_PATH_POINTS = 100
"""Points of a path that are looked up in the body; a vessel that crosses it by a hundredth of its length is found."""


def _extent(points_m: Array) -> str:
    ends = points_m.min(axis=0), points_m.max(axis=0)
    return " to ".join(" ".join(f"{1e3 * x:.3g}" for x in end) for end in ends)


def _goals(inputs: Inputs) -> Iterator[str]:
    """Goals in places that cannot have them."""
    protocol = inputs.protocol
    pool = protocol.physiology.core == "pool"
    goals = (*protocol.goals, *default_limits(protocol.goals, inputs.tissues, core=pool))
    yield from place_complaints(goals, tuple(inputs.tissues), core=pool)


def _shot(inputs: Inputs) -> Iterator[str]:
    """A test shot beyond the machine."""
    protocol = inputs.protocol
    if protocol.probes and protocol.shot.amplitude_t is not None:
        yield from (
            f"test_shot.amplitude: {w}; expected one within it"
            for w in protocol.device.violations(amplitude_t=protocol.shot.amplitude_t)
        )


def _safety(inputs: Inputs) -> Iterator[str]:
    """A limit on absorbed power by a source that has none for this animal."""
    protocol, volumes = inputs.protocol, inputs.volumes_mm3()
    wishes = [wish for wish in protocol.safety if wish.quantity == "absorbed"]
    if not wishes:
        return
    tissues = case_tissues(protocol, tuple(inputs.tissues.values()))
    weight = sum(1e-9 * volume * t.density_kg_m3 for volume, t in zip(volumes.values(), tissues, strict=True))
    given = protocol.physiology.body_mass_kg
    mass = weight if given is None else given
    mark_hard([absorbed_limit(0.0, species_facts(protocol.anatomy.species).metabolic_w(mass))], wishes)
    yield from ()


def _heating(inputs: Inputs) -> Iterator[str]:
    """A tracer whose model has no solution at the drive."""
    tracer, device = inputs.protocol.tracer, inputs.protocol.device
    slp_w_kg(tracer, amplitude_t=device.amplitude_t, frequency_hz=device.frequency_hz)
    yield from ()


CHECKS: tuple[Callable[[Inputs], Iterator[str]], ...] = (
    _body,
    _tissues,
    _surface,
    _warming_probe,
    _vessels,
    _goals,
    _shot,
    _safety,
    _heating,
    estimate_complaints,
)
