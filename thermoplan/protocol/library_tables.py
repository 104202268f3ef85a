"""Tables of tracers and machines as pydantic models: entries of the libraries, files of one's own, and what a protocol
overrides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictStr

from ..device import DEVICE_KINDS
from . import values

if TYPE_CHECKING:
    DeviceKindName = str  # a type checker cannot read the names of a table
else:
    DeviceKindName = Literal[*DEVICE_KINDS]


class Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class MeasuredSlpTable(Table):
    """A measurement belongs to one tracer, drive and medium; ``tracer`` names it, else it is of the tracer it stands
    with. ``extrapolate`` lets the model carry it to another drive than it was measured at."""

    tracer: values.Text | None = None
    value: values.Slp
    basis: Literal["iron", "oxide"]
    medium: Literal["water", "immobilised", "tissue"]
    amplitude: values.Drive
    frequency: values.Frequency
    tissue_factor: values.Factor | None = None
    along: values.Bias | None = None
    across: values.Bias | None = None
    relative_error: values.Share | None = None
    extrapolate: StrictBool | None = None
    source: values.Text | None = None


class PopulationTable(Table):
    fraction: values.Share
    core_diameter: values.Core
    core_sigma: values.Deviation | None = None
    hydrodynamic_diameter: values.ParticleShell | None = None
    relaxation_time: values.Relaxation | None = None


class ImagingTable(Table):
    """Imaging figures of a tracer, from relaxometry or a scanner; they describe, and do not enter the physics."""

    fwhm: values.Width | None = None
    sensitivity: values.Figure | None = None
    sensitivity_unit: values.Text | None = None
    magnetic_diameters: tuple[values.Core, ...] | None = None
    diameter: values.ParticleShell | None = None
    diameter_source: values.Text | None = None
    instrument: values.Text | None = None
    reference: values.Text | None = None


class TracerKeys(Table):
    """The physics of a tracer: the same keys in a tracer file and, as overrides, in a protocol."""

    name: values.Text | None = None
    core_diameter: values.Core | None = None
    core_sigma: values.Deviation | None = None
    fwhm: values.Width | None = None
    population: tuple[PopulationTable, ...] | None = None
    saturation_magnetization: values.Magnetization | None = None
    density: values.TracerDensity | None = None
    iron_fraction: values.Share | None = None
    temperature: values.TracerTemperature | None = None
    relaxation_time: values.Relaxation | None = None
    hydrodynamic_diameter: values.ParticleShell | None = None
    viscosity: values.Viscosity | None = None
    anisotropy: values.Anisotropy | None = None
    tau0: values.Attempt | None = None
    heating_efficiency: values.Efficiency | None = None
    model: values.Text | None = None
    table: values.Text | None = None
    measured_slp: values.OneOrMany[MeasuredSlpTable] | None = None
    effective: StrictStr | None = None
    source: StrictStr | None = None
    imaging: ImagingTable | None = None


class TracerFile(TracerKeys):
    """A file of one's own, or an entry of the library; what describes it without entering the physics too."""

    schema_: Literal[1] | None = Field(default=None, alias="schema")


class LoopTable(Table):
    """A thin circular coil, in the machine's frame; ampere-turns are right-handed about the axis."""

    center: values.Position
    axis: values.Direction
    radius: values.CoilLength
    ampere_turns: values.Current


class MagnetTable(Table):
    """A cylindrical magnet, magnetized along its axis, in the machine's frame."""

    center: values.Position
    axis: values.Direction
    radius: values.CoilLength
    height: values.CoilLength
    remanence: values.Remanence


class DeviceKeys(Table):
    """A machine: the same keys in a device file and, as overrides, in a protocol."""

    name: values.Text | None = None
    kind: DeviceKindName | None = None
    selection: values.Text | None = None
    drive: values.Text | None = None
    coils: tuple[LoopTable, ...] | None = None
    magnets: tuple[MagnetTable, ...] | None = None
    drive_coils: tuple[LoopTable, ...] | None = None
    ball: values.CoilLength | None = None
    gradient_tensor: values.GradientTensor | None = None
    gradient: values.Gradient | None = None
    amplitude: values.Drive | None = None
    frequency: values.Frequency | None = None
    drive_axis: values.Direction | None = None
    line_axis: values.Direction | None = None
    strong_axis: values.Direction | None = None
    to_device: values.Matrix | None = None
    position_range: tuple[values.Reach, values.Reach, values.Reach] | None = None
    gradient_range: values.GradientRange | None = None
    amplitude_range: values.FieldRange | None = None
    frequency_range: values.FrequencyRange | None = None
    settle: values.Settle | None = None
    min_dwell: values.Dwell | None = None
    slew: values.Velocity | None = None
    max_duty: values.Share | None = None
    eddy_currents: StrictBool | None = None
    bore_radius: values.Bore | None = None
    moves_stage: StrictBool | None = None
    rotating: StrictBool | None = None
    turn_axis: values.Direction | None = None
    source: StrictStr | None = None


class DeviceFile(DeviceKeys):
    """A file of one's own, or an entry of the library."""

    schema_: Literal[1] | None = Field(default=None, alias="schema")
    notes: dict[str, str] | None = None
