"""Protocol as data in SI; defaults live here, each in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..anatomy.tissue import BLOOD_J_KG_K, BLOOD_KG_M3, PERFUSION_LAWS, REST_C, PerfusionLaw, scaled_law, table_law
from ..base.units import MetabolicHeat, Perfusion
from ..bioheat.problem import TemperatureCourse
from ..bioheat.vessels import Vessel
from ..device import Device
from ..goals import Goal
from ..imaging.registration import Registration
from ..imaging.roi import DEFAULT as ROI
from ..power.safety import HardLimit
from ..tracer.tracer import Tracer

if TYPE_CHECKING:
    from ..files.images.labels import Label

CORE_C = 36.5
"""Core of an anaesthetised mouse before heating, where a protocol does not say it."""
AMBIENT_C = 25.0
"""Air of the room, where a protocol does not say it."""
CORE_SPAN_C = (0.0, 60.0)
"""Range of temperatures of blood: wider than any experiment, narrower than kelvins."""
AROUND_C = (-100.0, 200.0)
"""Range of temperatures of what skin is in touch with; the same."""


@dataclass(frozen=True, slots=True, eq=False)
class IronInput:
    """The image of iron, metres, RAS: ``kg_m3_per_unit`` turns its values into kg/m3, or ``calibration`` does."""

    image: Path
    unit: str | None  # None: a signal image
    kg_m3_per_unit: float | None
    registration: Registration | None = None  # image to anatomy; None with a reference until images are read
    reference: Path | None = None  # an image in the anatomy's frame, to register to
    moving: Path | None = None  # what is registered to it; None: the image itself
    confine: bool = True
    fwhm_m: float | None = None
    deblur: float | None = None  # how many times noise may grow; None: the image is not sharpened
    uptake: tuple[str, ...] = ()
    scanned_at: datetime | None = None
    heating_at: datetime | None = None
    frame: int | None = None  # counted from 0
    channel: int | None = None
    allow_shear: bool = False  # take voxel axes that are not at right angles
    calibration: Path | None = None  # samples of known iron; which voxels count is said by ``roi``
    roi: str = ROI
    uncertainty: float | None = None  # relative standard uncertainty of an image that was calibrated elsewhere


@dataclass(frozen=True, slots=True)
class AddedRegion:
    """A region that nobody segmented: exactly one of sphere, mask and iron threshold is set."""

    region: str
    tissue: str
    center_m: tuple[float, float, float] | None = None
    radius_m: float | None = None
    mask: Path | None = None
    iron_above_kg_m3: float | None = None


@dataclass(frozen=True, slots=True)
class AnatomyInput:
    """A label volume with its table, or a mesh file; ``mesh_unit_m`` is the metres of its unit."""

    labels: Path | None = None
    label_table: Mapping[int, Label] | None = None
    mesh: Path | None = None
    mesh_unit_m: float = 1e-3
    species: str = "mouse"
    added: tuple[AddedRegion, ...] = ()


@dataclass(frozen=True, slots=True)
class Physiology:
    arterial_c: float = CORE_C
    core: str = "pool"  # or "fixed"
    body_mass_kg: float | None = None  # None: what the anatomy weighs
    anaesthesia: str | None = None
    core_course: TemperatureCourse | None = None  # a fixed core follows it
    arterial_given: bool = False  # False where the protocol leaves it to the species


@dataclass(frozen=True, slots=True)
class WarmingKind:
    """Kind of warming: its kind in the heat problem (`bioheat.Warming`), its name, and where the side lies that its
    heat enters through, ``under`` or ``over`` the body; "" for none."""

    law: str
    name: str
    side: str = ""


WARMING_KINDS = {
    "regulated-pad": WarmingKind("regulated", "a regulated pad", "under"),
    "lamp": WarmingKind("regulated", "a regulated lamp", "over"),
    "water-blanket": WarmingKind("passive", "a water blanket", "under"),
    "none": WarmingKind("off", "nothing from the start of heating on: the animal cools from its warm start"),
    "constant": WarmingKind("constant", "a source in the blood that never changes, which no laboratory has"),
    "held": WarmingKind("constant", "the core is held at a given temperature, whatever is absorbed"),
}
"""Kinds of warming; the last two are what-ifs that no laboratory has."""
BAND_K = 0.2
"""Proportional band of a regulated source, where a protocol gives none: our choice. At twice as much the core moves
twice as far while the tumour is heated."""
BLANKET_W_M2_K = 100.0
"""Heat transfer from a water blanket to skin, where a protocol gives none: assumed, through fur and contact. A mouse of
24 g on a blanket of 37.5 degC in air of 22 degC settles at 34.5 degC with it; measured mice, warm at the start, stayed
within 1 K of 36.1 degC for half an hour [Caro2013]."""


@dataclass(frozen=True, slots=True)
class WarmingInput:
    """Warming of the animal.

    Parameters
    ----------
    kind
        ``regulated-pad`` or ``lamp``: power through the side that lies on the bed, or the one that faces up, which
        follows a reading; ``water-blanket``: a side in contact with water at ``temperature_c``; ``none``; and as
        what-ifs ``constant``, a source in the blood that never changes, and ``held``, blood at a given temperature.
    set_point_c
        Reading that is held; None is the core before heating.
    probe
        ``core`` or a region.
    max_power_w
        Greatest power; None is twice what holds the set point before heating.
    band_k
        Change of the reading over which power goes from its maximum to zero.
    normal, surface
        Side that heat enters through, RAS, or a named surface of the mesh; None is the side that the pose gives.
    temperature_c, heat_transfer_w_m2_k
        Of a water blanket.
    is_given
        False where the protocol has no table of it.
    """

    kind: str = "constant"
    set_point_c: float | None = None
    probe: str = "core"
    max_power_w: float | None = None
    band_k: float = BAND_K
    normal: tuple[float, float, float] | None = None
    surface: str | None = None
    temperature_c: float | None = None
    heat_transfer_w_m2_k: float = BLANKET_W_M2_K
    is_given: bool = False

    @property
    def is_regulated(self) -> bool:
        """True where power follows a reading."""
        return WARMING_KINDS[self.kind].law == "regulated"

    def held_c(self, arterial_c: float) -> float:
        """Reading that is held, of an animal whose core is at a temperature before heating."""
        return arterial_c if self.set_point_c is None else self.set_point_c


@dataclass(frozen=True, slots=True)
class Surface:
    """Boundary condition of a part of the skin: "robin", "dirichlet" or "insulated".

    ``heat_transfer_w_m2_k`` None means the species' value; ``normal`` selects facets that face that way, ``surface``
    a named surface of the mesh. ``course`` is that of the air, ``emissivity`` what radiates to the surroundings.
    """

    kind: str = "robin"
    heat_transfer_w_m2_k: float | None = None
    temperature_c: float = AMBIENT_C
    normal: tuple[float, float, float] | None = None
    surface: str | None = None
    course: TemperatureCourse | None = None
    emissivity: float = 0.0
    surroundings_c: float | None = None


@dataclass(frozen=True, slots=True)
class PerfusionCourse:
    """Perfusion that depends on temperature: a law by name, at rest as the table or ``rest`` says, or a table."""

    law: str | None = None
    rest: Perfusion | None = None
    temperature_c: tuple[float, ...] = ()
    perfusion: tuple[Perfusion, ...] = ()

    def rest_w_m3_k(self, density_kg_m3: float) -> float | None:
        """Perfusion at rest in a tissue of this density; None is the table's."""
        if self.law is None:
            return float(self.course(density_kg_m3, 0.0)(np.array(REST_C)))
        return None if self.rest is None else _sink_w_m3_k(self.rest, density_kg_m3)

    def course(self, density_kg_m3: float, rest_w_m3_k: float) -> PerfusionLaw:
        """Temperature in degC to perfusion in W/m3/K; a table knows what it is at rest."""
        if self.law is not None:
            return scaled_law(PERFUSION_LAWS[self.law], rest_w_m3_k)
        return table_law(self.temperature_c, [_sink_w_m3_k(part, density_kg_m3) for part in self.perfusion])


@dataclass(frozen=True, slots=True)
class TissueInput:
    """Properties that the protocol gives a tissue; None leaves the table's."""

    perfusion: Perfusion | PerfusionCourse | None = None
    metabolic_heat: MetabolicHeat | None = None
    density_kg_m3: float | None = None
    heat_capacity_j_kg_k: float | None = None
    conductivity_w_m_k: float | None = None
    electrical_conductivity_s_m: float | None = None
    relative_permittivity: float | None = None

    def values(self, density_kg_m3: float) -> dict[str, float]:
        """By property name, given the table's density of the tissue; of a perfusion that depends on temperature the
        value at rest, where the protocol gives it."""
        density = density_kg_m3 if self.density_kg_m3 is None else self.density_kg_m3
        plain = (
            "density_kg_m3",
            "heat_capacity_j_kg_k",
            "conductivity_w_m_k",
            "electrical_conductivity_s_m",
            "relative_permittivity",
        )
        found = {name: getattr(self, name) for name in plain if getattr(self, name) is not None}
        if isinstance(self.perfusion, PerfusionCourse):
            rest = self.perfusion.rest_w_m3_k(density)
        else:
            rest = None if self.perfusion is None else _sink_w_m3_k(self.perfusion, density)
        if rest is not None:
            found["perfusion_w_m3_k"] = rest
        if self.metabolic_heat is not None:
            found["metabolic_w_m3"] = self.metabolic_heat.heat_w_m3(density)
        return found


def _sink_w_m3_k(perfusion: Perfusion, density_kg_m3: float) -> float:
    return perfusion.sink_w_m3_k(density_kg_m3=density_kg_m3, blood_kg_m3=BLOOD_KG_M3, blood_j_kg_k=BLOOD_J_KG_K)


@dataclass(frozen=True, slots=True)
class MeshInput:
    """Edge lengths; None leaves the default. Elements of ``order`` 2 are quadratic, in a simulation."""

    size_m: float | None = None
    target_size_m: float | None = None
    order: int = 1


@dataclass(frozen=True, slots=True)
class SteeringInput:
    """Candidate positions, windows of time, amplitude levels; gradients and directions of a line of which a plan
    chooses one. None leaves the optimizer's default, or the device's own."""

    spacing_m: float | None = None
    margin_m: float | None = None
    windows: int | None = None
    min_dwell_s: float | None = None
    amplitudes_t: tuple[float, ...] | None = None
    gradients_t_m: tuple[float, ...] | None = None
    directions: tuple[tuple[float, float, float], ...] | None = None


@dataclass(frozen=True, slots=True)
class ShotInput:
    """A test shot before the session; None leaves the plan's default."""

    amplitude_t: float | None = None
    duration_s: float | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """With ``shortest`` a plan takes no more of ``duration_s`` than its goals need. ``cool_down_s`` None: until every
    node is under 39 degrees C, 20 min at most; ``trajectory`` is what ``simulate`` plays where it is given no other;
    temperatures are looked at every ``output_step_s``, None: about 300 times, more sparsely while cooling."""

    duration_s: float
    cool_down_s: float | None = None
    trajectory: Path | None = None
    output_step_s: float | None = None
    shortest: bool = False


@dataclass(frozen=True, slots=True)
class Probe:
    name: str
    position_m: tuple[float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Protocol:
    """A whole protocol, in SI; ``files`` are the files that it names, itself first."""

    path: Path
    text: str
    name: str
    iron: IronInput
    anatomy: AnatomyInput
    tracer: Tracer
    device: Device
    session: Session
    pose: str = ""
    heater_shift_m: tuple[float, float, float] = (0.0, 0.0, 0.0)  # `device` has it in it, noticed or not
    heater_shift_noticed: bool = True
    physiology: Physiology = field(default_factory=Physiology)
    warming: WarmingInput = field(default_factory=WarmingInput)
    skin: Surface = field(default_factory=Surface)
    bed: Surface | None = None
    tissues: Mapping[str, TissueInput] = field(default_factory=dict)
    vessels: tuple[Vessel, ...] = ()
    mesh: MeshInput = field(default_factory=MeshInput)
    steering: SteeringInput = field(default_factory=SteeringInput)
    goals: tuple[Goal, ...] = ()  # goals first, then limits
    safety: tuple[HardLimit, ...] = ()
    probes: tuple[Probe, ...] = ()
    shot: ShotInput = field(default_factory=ShotInput)
    files: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()
