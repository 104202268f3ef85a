"""What a protocol file may say: one model a table (pydantic stays here and in its neighbours).

Keys are the file's; a quantity leaves its model as a float in SI. No model knows a default: what a
protocol leaves out is None here, and ``protocol`` says what then holds.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictStr, ValidationInfo, field_validator

from . import protocol_types as types
from . import units
from .errors import InputError
from .goals import METRICS, Metric
from .units import NotAQuantity

SCHEMA_VERSION = 1


class Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class IronTable(Table):
    image: types.Text
    unit: types.IronUnit | None = None
    calibration: types.Text | None = None
    registration: types.Text | None = None
    confine: StrictBool | None = None
    fwhm: types.Length | None = None
    scanned_at: types.When | None = None
    heating_at: types.When | None = None
    uptake: types.Names | None = None
    frame: types.Count | None = None
    channel: types.Count | None = None


class AddedTable(Table):
    region: types.Text
    tissue: types.Text
    sphere: types.Sphere | None = None
    mask: types.Text | None = None
    iron_above: types.Concentration | None = None


class AnatomyTable(Table):
    labels: types.Text | None = None
    label_table: types.Text | None = None
    mesh: types.Text | None = None
    mesh_unit: types.LengthUnit | None = None
    species: types.Text | None = None
    add: tuple[AddedTable, ...] = ()


class MeasuredSlpTable(Table):
    value: types.Slp
    basis: Literal["iron", "oxide"]
    medium: Literal["water", "immobilised", "tissue"]
    amplitude: types.Field_
    frequency: types.Frequency
    tissue_factor: types.Factor | None = None
    source: types.Text | None = None


class PopulationTable(Table):
    fraction: types.Share
    core_diameter: types.Length
    core_sigma: types.Deviation | None = None
    hydrodynamic_diameter: types.Length | None = None
    relaxation_time: types.Time | None = None


class TracerKeys(Table):
    """The physics of a tracer: the same keys in a tracer file and, as overrides, in a protocol."""

    name: types.Text | None = None
    core_diameter: types.Length | None = None
    core_sigma: types.Deviation | None = None
    population: tuple[PopulationTable, ...] | None = None
    saturation_magnetization: types.Magnetization | None = None
    density: types.Density | None = None
    iron_fraction: types.Share | None = None
    temperature: types.Temperature | None = None
    relaxation_time: types.Time | None = None
    hydrodynamic_diameter: types.Length | None = None
    viscosity: types.Viscosity | None = None
    anisotropy: types.Anisotropy | None = None
    tau0: types.Time | None = None
    heating_efficiency: types.Weight | None = None
    measured_slp: MeasuredSlpTable | None = None
    effective: StrictStr | None = None
    source: StrictStr | None = None


class TracerFile(TracerKeys):
    """A file of one's own, or an entry of the library; what describes it without entering the physics too."""

    schema_: Literal[1] | None = Field(default=None, alias="schema")


class TracerTable(TracerKeys):
    file: types.Text | None = None


class DeviceKeys(Table):
    """A machine: the same keys in a device file and, as overrides, in a protocol."""

    name: types.Text | None = None
    kind: Literal["ffp", "ffl", "uniform"] | None = None
    gradient: types.GradientOrZero | None = None
    amplitude: types.Field_ | None = None
    frequency: types.Frequency | None = None
    drive_axis: types.Direction | None = None
    line_axis: types.Direction | None = None
    strong_axis: types.Direction | None = None
    to_device: types.Matrix | None = None
    position_range: tuple[types.Reach, types.Reach, types.Reach] | None = None
    gradient_range: types.GradientRange | None = None
    amplitude_range: types.FieldRange | None = None
    frequency_range: types.FrequencyRange | None = None
    settle: types.TimeOrZero | None = None
    min_dwell: types.TimeOrZero | None = None
    slew: types.Velocity | None = None
    max_duty: types.Share | None = None
    eddy_currents: StrictBool | None = None
    bore_radius: types.Length | None = None
    moves_stage: StrictBool | None = None
    source: StrictStr | None = None


class DeviceFile(DeviceKeys):
    """A file of one's own, or an entry of the library."""

    schema_: Literal[1] | None = Field(default=None, alias="schema")
    notes: dict[str, str] | None = None


class DeviceTable(DeviceKeys):
    file: types.Text | None = None
    pose: types.Text | None = None


class PhysiologyTable(Table):
    arterial: types.Temperature | None = None
    core: Literal["pool", "fixed"] | None = None
    anaesthesia: types.Text | None = None
    body_mass: types.Mass | None = None


class SkinTable(Table):
    heat_transfer: types.HeatTransfer | None = None
    ambient: types.Temperature | None = None
    temperature: types.Temperature | None = None
    insulated: StrictBool | None = None


class BedTable(SkinTable):
    normal: types.Direction


class BoundaryTable(Table):
    skin: SkinTable | None = None
    bed: BedTable | None = None


class TissueTable(Table):
    perfusion: types.PerfusionText | None = None
    conductivity: types.Conductivity | None = None
    density: types.Density | None = None
    heat_capacity: types.HeatCapacity | None = None
    metabolic_heat: types.MetabolicText | None = None
    electrical_conductivity: types.ElectricalConductivity | None = None
    relative_permittivity: types.Weight | None = None


class MeshTable(Table):
    size: types.Length | None = None
    target_size: types.Length | None = None
    order: types.Count | None = None


class SteeringTable(Table):
    spacing: types.Length | None = None
    margin: types.LengthOrZero | None = None
    windows: types.Count | None = None
    min_dwell: types.TimeOrZero | None = None
    amplitudes: tuple[types.Field_, ...] | None = None


class SessionTable(Table):
    duration: types.Time
    cool_down: types.TimeOrZero | None = None


class GoalTable(Table):
    region: types.Names
    metric: types.MetricName
    at_least: types.Bound = None
    at_most: types.Bound = None
    margin: types.LengthOrZero | None = None
    weight: types.Weight | None = None
    priority: types.Count | None = None
    window: types.Window | None = None

    @field_validator("metric")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            Metric.named(name)
        except InputError:
            raise NotAQuantity(f"expected one of {', '.join(METRICS)}") from None
        return name

    @field_validator("at_least", "at_most", mode="before")
    @classmethod
    def _bound(cls, value: Any, info: ValidationInfo) -> Any:
        """Degrees C for a temperature, minutes for a dose: the metric decides."""
        if "metric" not in info.data:
            return value
        dose = Metric.named(info.data["metric"]).is_dose
        kind, example = ("time", "10 min") if dose else ("temperature", "42 degC")
        return units.parse(value, kind, example=example) / (60.0 if dose else 1.0)


class ProbeTable(Table):
    name: types.Text
    position: types.Position


class ProtocolTable(Table):
    """A protocol of thermoplan: who is treated with what, how, and what should come of it."""

    schema_: Literal[1] = Field(alias="schema")
    name: types.Text | None = None
    iron: IronTable
    anatomy: AnatomyTable
    tracer: TracerTable
    device: DeviceTable
    physiology: PhysiologyTable = PhysiologyTable()
    boundary: BoundaryTable = BoundaryTable()
    tissues: dict[str, TissueTable] = {}
    mesh: MeshTable = MeshTable()
    steering: SteeringTable = SteeringTable()
    session: SessionTable
    goals: tuple[GoalTable, ...] = ()
    limits: tuple[GoalTable, ...] = ()
    probes: tuple[ProbeTable, ...] = ()
