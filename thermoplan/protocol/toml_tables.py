"""Tables of a protocol file as pydantic models, one a table (pydantic stays here and in its neighbours).

Keys are the file's; a quantity leaves its model as a float in SI. No model knows a default: what a
protocol leaves out is None here, and ``protocol`` says what then holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import (
    Field,
    GetJsonSchemaHandler,
    StrictBool,
    ValidationInfo,
    field_validator,
    model_validator,
)

from ..base import units
from ..base.errors import InputError
from ..base.units import NotAQuantity
from ..goals import METRICS, find_metric
from . import readings, values
from .library_tables import DeviceKeys, Table, TracerKeys
from .protocol import WARMING_KINDS
from .spans import SPANS

if TYPE_CHECKING:
    from pydantic_core import CoreSchema

    WarmingKindName = str  # a type checker cannot read the names of a table
else:
    WarmingKindName = Literal[*WARMING_KINDS]

SCHEMA_VERSION = 1


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
    fwhm: values.Blur | None = None
    deblur: values.NoiseGain | None = None
    scanned_at: values.When | None = None
    heating_at: values.When | None = None
    uptake: values.Names | None = None
    frame: values.Frame | None = None
    channel: values.Frame | None = None
    allow_shear: StrictBool | None = None
    roi: values.Roi | None = None
    uncertainty: values.Uncertainty | None = None


class AddedTable(Table):
    region: values.Name
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


class TracerTable(TracerKeys):
    file: values.Text | None = None


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


class WarmingTable(Table):
    """Warming of the animal: power through a side that follows a reading, a water blanket, or nothing."""

    kind: WarmingKindName | None = None
    set_point: values.CoreTemperature | None = None
    probe: values.Text | None = None
    max_power: values.WarmingPower | None = None
    band: values.WarmingBand | None = None
    normal: values.Direction | None = None
    surface: values.Text | None = None
    temperature: values.CoreTemperature | None = None
    heat_transfer: values.HeatTransfer | None = None


class TissueTable(Table):
    perfusion: values.Perfusion | None = None
    conductivity: values.Conductivity | None = None
    density: values.TissueDensity | None = None
    heat_capacity: values.HeatCapacity | None = None
    metabolic_heat: values.MetabolicText | None = None
    electrical_conductivity: values.ElectricalConductivity | None = None
    relative_permittivity: values.Permittivity | None = None


class VesselTable(Table):
    """A vessel whose blood stays at the core's temperature, as a line that exchanges heat with the tissue about it."""

    name: values.Name
    path: values.Text
    diameter: values.VesselWidth
    flow: values.BloodFlow | None = None
    nusselt: values.Nusselt | None = None


class MeshTable(Table):
    size: values.Edge | None = None
    target_size: values.Edge | None = None
    order: values.Order | None = None


class SteeringTable(Table):
    spacing: values.Spacing | None = None
    margin: values.Margin | None = None
    windows: values.Windows | None = None
    min_dwell: values.Dwell | None = None
    amplitudes: tuple[values.Drive, ...] | None = None
    gradients: tuple[values.Gradient, ...] | None = None
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

    amplitude: values.Drive | None = None
    duration: values.ShotTime | None = None


class SessionTable(Table):
    duration: values.SessionTime
    cool_down: values.CoolDown | None = None
    output_step: values.LookStep | None = None
    shortest: StrictBool | None = None
    trajectory: values.Text | None = None


class JudgedTable(Table):
    """Keys that goals and limits share."""

    region: values.Names
    metric: values.MetricName | None = None
    at_least: values.Bound = None
    at_most: values.Bound = None
    margin: values.Margin | None = None
    weight: values.Weight | None = None
    priority: values.Priority | None = None
    window: values.Window | None = None
    shell: values.Shell | None = None
    as_one: StrictBool | None = None

    @field_validator("metric")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            find_metric(name)
        except InputError:
            raise NotAQuantity(f"expected one of {', '.join(METRICS)}") from None
        return name

    @field_validator("at_least", "at_most", mode="before")
    @classmethod
    def _bound(cls, value: object, info: ValidationInfo) -> object:
        """Degrees C for a temperature, minutes for a dose, per cent for a volume: the metric decides."""
        if not info.data.get("metric"):
            return None  # the missing or unknown metric is complained of
        scale = find_metric(info.data["metric"]).scale
        if not scale.quantity:
            return readings.read_percent(value)
        units.parse(value, scale.quantity, example=scale.example)
        span = SPANS["judged temperature" if scale.is_temperature else "dose"]
        return span.read(value) / scale.si_per_unit


class GoalTable(JudgedTable):
    metric: values.MetricName


class WishTable(JudgedTable):
    """A goal, or a template of goals and limits by its name."""

    template: Literal["mild-hyperthermia", "thermal-dose", "thermal-dose-10", "ablation", "salloum"] | None = None
    spared: values.Names | None = None


class ProbeTable(Table):
    name: values.Name
    position: values.Position


class ProtocolTable(Table):
    """A protocol of thermoplan: who is treated with what, how, and what should come of it."""

    schema_: Literal[1] = Field(alias="schema")
    name: values.Name | None = None
    iron: IronTable
    anatomy: AnatomyTable
    tracer: TracerTable
    device: DeviceTable
    physiology: PhysiologyTable = PhysiologyTable()
    warming: WarmingTable | None = None
    boundary: BoundaryTable = BoundaryTable()
    tissues: dict[str, TissueTable] = Field(default_factory=dict)
    vessels: tuple[VesselTable, ...] = ()
    mesh: MeshTable = MeshTable()
    steering: SteeringTable = SteeringTable()
    safety: SafetyTable = SafetyTable()
    session: SessionTable
    test_shot: ShotTable = ShotTable()
    goals: tuple[WishTable, ...] = ()
    limits: tuple[GoalTable, ...] = ()
    probes: tuple[ProbeTable, ...] = ()
