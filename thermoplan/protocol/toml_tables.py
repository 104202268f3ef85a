"""Tables of a protocol file as pydantic models, one a table (pydantic stays here and in its neighbours).

Keys are the file's; a quantity leaves its model as a float in SI. No model knows a default: what a
protocol leaves out is None here, and ``protocol`` says what then holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    StrictBool,
    StrictStr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from ..base import units
from ..base.errors import InputError
from ..base.units import NotAQuantity
from ..device import DEVICE_KINDS
from ..goals import METRICS, metric_named
from . import values

if TYPE_CHECKING:
    from pydantic_core import CoreSchema

    DeviceKindName = str  # a type checker cannot read the names of a table
else:
    DeviceKindName = Literal[*DEVICE_KINDS]

SCHEMA_VERSION = 1


class Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class RegistrationTable(Table):
    """Registration of the image to the anatomy's frame: exactly one of file, landmarks and reference.

    ``moving`` is an image of the frame of the iron image that is registered in its place.
    """

    file: values.Text | None = None
    landmarks: values.TextOrPair | None = None
    reference: values.Text | None = None
    moving: values.Text | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        return {"file": value} if isinstance(value, str) else value

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, object]:
        return {"anyOf": [{"type": "string", "minLength": 1}, handler.resolve_ref_schema(handler(core))]}


class IronTable(Table):
    image: values.Text
    unit: values.IronUnit | None = None
    calibration: values.Text | None = None
    registration: RegistrationTable | None = None
    confine: StrictBool | None = None
    fwhm: values.Length | None = None
    deblur: values.NoiseGain | None = None
    scanned_at: values.When | None = None
    heating_at: values.When | None = None
    uptake: values.Names | None = None
    frame: values.Count | None = None
    channel: values.Count | None = None
    allow_shear: StrictBool | None = None
    roi: values.Roi | None = None
    uncertainty: values.Uncertainty | None = None


class AddedTable(Table):
    region: values.Text
    tissue: values.Text
    sphere: values.Sphere | None = None
    mask: values.Text | None = None
    iron_above: values.Concentration | None = None


class AnatomyTable(Table):
    labels: values.Text | None = None
    label_table: values.Text | None = None
    mesh: values.Text | None = None
    mesh_unit: values.LengthUnit | None = None
    species: values.Text | None = None
    add: tuple[AddedTable, ...] = ()


class MeasuredSlpTable(Table):
    value: values.Slp
    basis: Literal["iron", "oxide"]
    medium: Literal["water", "immobilised", "tissue"]
    amplitude: values.Field_
    frequency: values.Frequency
    tissue_factor: values.Factor | None = None
    along: values.FieldOrZero | None = None
    across: values.FieldOrZero | None = None
    relative_error: values.Share | None = None
    source: values.Text | None = None


class PopulationTable(Table):
    fraction: values.Share
    core_diameter: values.Length
    core_sigma: values.Deviation | None = None
    hydrodynamic_diameter: values.Length | None = None
    relaxation_time: values.Time | None = None


class ImagingTable(Table):
    """Imaging figures of a tracer, from relaxometry or a scanner; they describe, and do not enter the physics."""

    fwhm: values.Field_ | None = None
    sensitivity: values.Weight | None = None
    sensitivity_unit: values.Text | None = None
    magnetic_diameters: tuple[values.Length, ...] | None = None
    diameter: values.Length | None = None
    diameter_source: values.Text | None = None
    instrument: values.Text | None = None
    reference: values.Text | None = None


class TracerKeys(Table):
    """The physics of a tracer: the same keys in a tracer file and, as overrides, in a protocol."""

    name: values.Text | None = None
    core_diameter: values.Length | None = None
    core_sigma: values.Deviation | None = None
    fwhm: values.Field_ | None = None
    population: tuple[PopulationTable, ...] | None = None
    saturation_magnetization: values.Magnetization | None = None
    density: values.Density | None = None
    iron_fraction: values.Share | None = None
    temperature: values.Temperature | None = None
    relaxation_time: values.Time | None = None
    hydrodynamic_diameter: values.Length | None = None
    viscosity: values.Viscosity | None = None
    anisotropy: values.Anisotropy | None = None
    tau0: values.Time | None = None
    heating_efficiency: values.Weight | None = None
    model: values.Text | None = None
    table: values.Text | None = None
    measured_slp: values.OneOrMany[MeasuredSlpTable] | None = None
    effective: StrictStr | None = None
    source: StrictStr | None = None
    imaging: ImagingTable | None = None


class TracerFile(TracerKeys):
    """A file of one's own, or an entry of the library; what describes it without entering the physics too."""

    schema_: Literal[1] | None = Field(default=None, alias="schema")


class TracerTable(TracerKeys):
    file: values.Text | None = None


class LoopTable(Table):
    """A thin circular coil, in the machine's frame; ampere-turns are right-handed about the axis."""

    center: values.Position
    axis: values.Direction
    radius: values.Length
    ampere_turns: values.Current


class MagnetTable(Table):
    """A cylindrical magnet, magnetized along its axis, in the machine's frame."""

    center: values.Position
    axis: values.Direction
    radius: values.Length
    height: values.Length
    remanence: values.Field_


class DeviceKeys(Table):
    """A machine: the same keys in a device file and, as overrides, in a protocol."""

    name: values.Text | None = None
    kind: DeviceKindName | None = None
    selection: values.Text | None = None
    drive: values.Text | None = None
    coils: tuple[LoopTable, ...] | None = None
    magnets: tuple[MagnetTable, ...] | None = None
    drive_coils: tuple[LoopTable, ...] | None = None
    ball: values.Length | None = None
    gradient_tensor: values.GradientTensor | None = None
    gradient: values.GradientOrZero | None = None
    amplitude: values.Field_ | None = None
    frequency: values.Frequency | None = None
    drive_axis: values.Direction | None = None
    line_axis: values.Direction | None = None
    strong_axis: values.Direction | None = None
    to_device: values.Matrix | None = None
    position_range: tuple[values.Reach, values.Reach, values.Reach] | None = None
    gradient_range: values.GradientRange | None = None
    amplitude_range: values.FieldRange | None = None
    frequency_range: values.FrequencyRange | None = None
    settle: values.TimeOrZero | None = None
    min_dwell: values.TimeOrZero | None = None
    slew: values.Velocity | None = None
    max_duty: values.Share | None = None
    eddy_currents: StrictBool | None = None
    bore_radius: values.Length | None = None
    moves_stage: StrictBool | None = None
    rotating: StrictBool | None = None
    turn_axis: values.Direction | None = None
    source: StrictStr | None = None


class DeviceFile(DeviceKeys):
    """A file of one's own, or an entry of the library."""

    schema_: Literal[1] | None = Field(default=None, alias="schema")
    notes: dict[str, str] | None = None


class DeviceTable(DeviceKeys):
    file: values.Text | None = None
    pose: values.Text | None = None
    heater_shift: values.Position | None = None
    heater_shift_noticed: StrictBool | None = None


class PhysiologyTable(Table):
    arterial: values.CoreTemperature | None = None
    core: Literal["pool", "fixed"] | None = None
    core_course: values.Text | None = None
    anaesthesia: values.Text | None = None
    body_mass: values.Mass | None = None


class SkinTable(Table):
    heat_transfer: values.HeatTransfer | None = None
    ambient: values.AroundTemperature | None = None
    ambient_course: values.Text | None = None
    emissivity: values.Share | None = None
    surroundings: values.AroundTemperature | None = None
    temperature: values.AroundTemperature | None = None
    insulated: StrictBool | None = None


class BedTable(SkinTable):
    normal: values.Direction | None = None
    surface: values.Text | None = None


class BoundaryTable(Table):
    skin: SkinTable | None = None
    bed: BedTable | None = None


class TissueTable(Table):
    perfusion: values.Perfusion | None = None
    conductivity: values.Conductivity | None = None
    density: values.Density | None = None
    heat_capacity: values.HeatCapacity | None = None
    metabolic_heat: values.MetabolicText | None = None
    electrical_conductivity: values.ElectricalConductivity | None = None
    relative_permittivity: values.Weight | None = None


class VesselTable(Table):
    """A vessel whose blood stays at the core's temperature, as a line that exchanges heat with the tissue about it."""

    name: values.Text
    path: values.Text
    diameter: values.Length
    flow: values.BloodFlow | None = None
    nusselt: values.Weight | None = None


class MeshTable(Table):
    size: values.Length | None = None
    target_size: values.Length | None = None
    order: values.Count | None = None


class SteeringTable(Table):
    spacing: values.Length | None = None
    margin: values.LengthOrZero | None = None
    windows: values.Count | None = None
    min_dwell: values.TimeOrZero | None = None
    amplitudes: tuple[values.Field_, ...] | None = None
    gradients: tuple[values.GradientOrZero, ...] | None = None
    directions: tuple[values.Direction, ...] | None = None


class SafetyTable(Table):
    """Rows of the table of safety that must hold; what is not named here is printed alone."""

    h_f_at_most: values.FieldRateBound | None = None
    h_f_r_at_most: values.FieldRateLengthBound | None = None
    nerve_at_most: values.FieldLengthBound | None = None
    eddy_whole_body_at_most: values.SpecificPowerBound | None = None
    eddy_local_at_most: values.SpecificPowerBound | None = None
    absorbed_at_most: values.PowerBound | None = None


class ShotTable(Table):
    """A short shot at low power before the session, which tells the SLP in the animal."""

    amplitude: values.Field_ | None = None
    duration: values.Time | None = None


class SessionTable(Table):
    duration: values.Time
    cool_down: values.TimeOrZero | None = None
    output_step: values.Time | None = None
    shortest: StrictBool | None = None
    trajectory: values.Text | None = None


class JudgedTable(Table):
    """Keys that goals and limits share."""

    region: values.Names
    metric: values.MetricName | None = None
    at_least: values.Bound = None
    at_most: values.Bound = None
    margin: values.LengthOrZero | None = None
    weight: values.Weight | None = None
    priority: values.Count | None = None
    window: values.Window | None = None
    shell: values.Shell | None = None
    as_one: StrictBool | None = None

    @field_validator("metric")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            metric_named(name)
        except InputError:
            raise NotAQuantity(f"expected one of {', '.join(METRICS)}") from None
        return name

    @field_validator("at_least", "at_most", mode="before")
    @classmethod
    def _bound(cls, value: object, info: ValidationInfo) -> object:
        """Degrees C for a temperature, minutes for a dose, per cent for a volume: the metric decides."""
        if not info.data.get("metric"):
            return None  # the missing or unknown metric is complained of
        scale = metric_named(info.data["metric"]).scale
        if not scale.quantity:
            return values.percent(value)
        return units.parse(value, scale.quantity, example=scale.example) / scale.si_per_unit


class GoalTable(JudgedTable):
    metric: values.MetricName


class WishTable(JudgedTable):
    """A goal, or a template of goals and limits by its name."""

    template: Literal["mild-hyperthermia", "thermal-dose", "thermal-dose-10", "ablation", "salloum"] | None = None
    spared: values.Names | None = None


class ProbeTable(Table):
    name: values.Text
    position: values.Position


class ProtocolTable(Table):
    """A protocol of thermoplan: who is treated with what, how, and what should come of it."""

    schema_: Literal[1] = Field(alias="schema")
    name: values.Text | None = None
    iron: IronTable
    anatomy: AnatomyTable
    tracer: TracerTable
    device: DeviceTable
    physiology: PhysiologyTable = PhysiologyTable()
    boundary: BoundaryTable = BoundaryTable()
    tissues: dict[str, TissueTable] = {}
    vessels: tuple[VesselTable, ...] = ()
    mesh: MeshTable = MeshTable()
    steering: SteeringTable = SteeringTable()
    safety: SafetyTable = SafetyTable()
    session: SessionTable
    test_shot: ShotTable = ShotTable()
    goals: tuple[WishTable, ...] = ()
    limits: tuple[GoalTable, ...] = ()
    probes: tuple[ProbeTable, ...] = ()
