"""The heating basis: what each position of the field-free region heats, as loads on the mesh."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import PchipInterpolator

from ..anatomy.anatomy import Anatomy
from ..base.arrays import Array, finite, frozen, put
from ..base.errors import InputError
from ..device import Device, split
from ..tracer.response import ResponseTable, response_table
from ..tracer.tracer import Tracer, slp_w_kg


class IronPoints(Protocol):
    """Iron as points, and the matrix ``(n_nodes, s)`` that spreads them over the nodes."""

    @property
    def points_m(self) -> Array: ...
    @property
    def mass_kg(self) -> Array: ...
    @property
    def deposit(self) -> Any: ...


class EddyLoad(Protocol):
    """Power induced in tissue: nodal loads at one amplitude; it grows with the amplitude squared."""

    @property
    def load_w(self) -> Array: ...
    @property
    def amplitude_t(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Column:
    """One way to heat: a position, an amplitude, a gradient, a direction of line or strong axis."""

    center_m: tuple[float, float, float]
    amplitude_t: float
    gradient_t_m: float
    direction: tuple[float, float, float] | None = None

    def __post_init__(self) -> None:
        put(self, center_m=tuple(float(v) for v in self.center_m))
        if self.direction is not None:
            put(self, direction=tuple(float(v) for v in self.direction))
        if not self.amplitude_t > 0.0:
            raise InputError(f"column: amplitude {self.amplitude_t} T: no field is a rest, not a column")


@dataclass(frozen=True, slots=True, eq=False)
class HeatingBasis:
    """Loads ``(n_columns, n_nodes)`` in watts: the integral of power density times nodal function.

    ``iron_w`` and ``eddy_w`` are what each column puts into the body by tracer and by eddy currents.
    """

    columns: tuple[Column, ...]
    load_w: Array
    iron_w: Array
    eddy_w: Array
    node_volumes_m3: Array

    def __post_init__(self) -> None:
        put(
            self,
            columns=tuple(self.columns),
            load_w=finite(self.load_w, "heating basis"),
            iron_w=frozen(self.iron_w),
            eddy_w=frozen(self.eddy_w),
            node_volumes_m3=frozen(self.node_volumes_m3),
        )

    def __repr__(self) -> str:
        return f"HeatingBasis({self.load_w.shape[0]} columns, {self.load_w.shape[1]} nodes)"

    @property
    def power_w_m3(self) -> Array:
        """Nodal power densities ``(n_columns, n_nodes)``: load over nodal volume."""
        return self.load_w / self.node_volumes_m3

    def with_columns(self, rows: ArrayLike) -> HeatingBasis:
        """The basis of some of the columns, in the order given."""
        rows = np.asarray(rows)
        return HeatingBasis(
            tuple(self.columns[int(i)] for i in rows),
            self.load_w[rows],
            self.iron_w[rows],
            self.eddy_w[rows],
            self.node_volumes_m3,
        )


def iron_power_w(iron: IronPoints, table: ResponseTable, device: Device, columns: Sequence[Column]) -> Array:
    """Power of every iron point for every column, ``(n_columns, s)`` watts."""
    power = np.empty((len(columns), len(iron.mass_kg)))
    drive = device.drive_at(iron.points_m)[0]
    if device.drive is not None:
        table = _covering(table, drive, columns)
    biases = biases_t(device, iron.points_m, columns)
    for row, (column, (along, across)) in enumerate(zip(columns, biases, strict=True)):
        if device.drive is not None:
            power[row] = iron.mass_kg * table.at_amplitude_w_kg(column.amplitude_t * drive, along, across)
            continue
        power[row] = iron.mass_kg * table.slp_w_kg(table.level(column.amplitude_t), along, across)
    return power


def biases_t(device: Device, points_m: Array, columns: Sequence[Column]) -> Iterator[tuple[Array, Array]]:
    """`Device.bias_t` of each column at the same points; fields that columns share are looked up once."""
    fields = {d: device.selection_t(points_m, d) for d in {c.direction for c in columns}}
    axis = device.drive_at(points_m)[1]
    for column in columns:
        here = device.selection_t(column.center_m, column.direction)
        yield split(column.gradient_t_m * (fields[column.direction] - here), axis)


def _covering(table: ResponseTable, drive: Array, columns: Sequence[Column]) -> ResponseTable:
    """The same tracer tabulated over all amplitudes that the iron sees, a tenth apart."""
    asked = [c.amplitude_t for c in columns]
    low, high = drive.min() * min(asked), drive.max() * max(asked)
    steps = max(2, int(np.ceil(np.log(high / max(low, 0.1 * high)) / 0.1)) + 1)
    levels = high * np.exp(-0.1 * np.arange(steps))
    return response_table(table.tracer, table.frequency_hz, levels)


def heating_basis(
    iron: IronPoints,
    table: ResponseTable,
    device: Device,
    columns: Sequence[Column],
    *,
    anatomy: Anatomy,
    eddy: EddyLoad | None = None,
) -> HeatingBasis:
    """Loads of every column; eddy power is added to each, scaled to its amplitude."""
    count, nodes = len(columns), iron.deposit.shape[0]
    load, iron_w, eddy_w = np.zeros((count, nodes)), np.zeros(count), np.zeros(count)
    for start in range(0, count, 16):
        part = slice(start, start + 16)
        power = iron_power_w(iron, table, device, columns[part])
        load[part] = (iron.deposit @ power.T).T
        iron_w[part] = power.sum(axis=1)
    if eddy is not None:
        scale = np.array([(c.amplitude_t / eddy.amplitude_t) ** 2 for c in columns])
        load += scale[:, None] * eddy.load_w
        eddy_w = scale * eddy.load_w.sum()
    return HeatingBasis(tuple(columns), load, iron_w, eddy_w, anatomy.node_volumes_m3)


def half_width_t(
    tracer: Tracer,
    *,
    amplitude_t: float,
    frequency_hz: float,
    cosine: float,
    model: str | None = None,
    limit_t: float = 2.0,
) -> float:
    """Bias (tesla) at which SLP has fallen to half of its value on the field-free region.

    ``cosine`` is that of the angle between bias and drive: 1 along, 0 across. Infinite where the loss
    does not fall to a half below ``limit_t``; a bias across a slow tracer first raises it.
    """

    def ratio(bias: Array) -> Array:
        return (
            slp_w_kg(
                tracer,
                amplitude_t=amplitude_t,
                frequency_hz=frequency_hz,
                along_t=cosine * bias,
                across_t=np.sqrt(max(0.0, 1.0 - cosine**2)) * bias,
                model=model,
            )
            / peak
        )

    peak = 1.0
    peak = float(ratio(np.zeros(1))[0])
    if (model or tracer.model) != "fokker-planck":
        return _first_half(ratio, limit_t)
    closed = half_width_t(
        tracer, amplitude_t=amplitude_t, frequency_hz=frequency_hz, cosine=cosine, model="mrsh", limit_t=limit_t
    )
    return _half_near(ratio, closed) if np.isfinite(closed) else closed


def _half_near(ratio: Callable[[Array], Array], guess: float) -> float:
    """Half-value crossing of a ratio that is slow to evaluate, near a guess that is a few per cent off."""
    places = guess * np.array([0.8, 0.9, 1.0, 1.1, 1.2])
    values = ratio(places)
    if not values[0] > 0.5 > values[-1] or (np.diff(values) >= 0.0).any():
        return _first_half(ratio, 2.0 * guess)
    return float(PchipInterpolator(-values, places)(-0.5))


def _first_half(ratio: Callable[[Array], Array], limit: float) -> float:
    """First half-value crossing of a ratio that begins at 1; infinite where there is none before ``limit``."""
    low, high = 0.0, limit
    grid = np.concatenate([[0.0], np.geomspace(1e-4 * limit, limit, 96)])
    for _ in range(6):
        below = np.flatnonzero(ratio(grid) < 0.5)
        if not len(below):
            return np.inf
        low, high = grid[below[0] - 1], grid[below[0]]
        grid = np.linspace(low, high, 24)
    return 0.5 * (low + high)


def ffr_widths_m(
    tracer: Tracer,
    device: Device,
    *,
    amplitude_t: float | None = None,
    gradient_t_m: float | None = None,
    model: str | None = None,
) -> tuple[float, float]:
    """Full widths at half maximum of SLP, along the drive axis and across it, in metres.

    Across is the narrowest direction perpendicular to the drive; infinite where nothing confines, as
    along a field-free line or in a uniform field. Directly solved. Where the drive has a profile, it and the
    selection field are followed from the machine's origin.
    """
    gradient = device.gradient_t_m if gradient_t_m is None else gradient_t_m
    amplitude = device.amplitude_t if amplitude_t is None else amplitude_t
    (drive, steepest), tensor = directions(device), device.gradient_tensor()
    if device.drive is not None:
        return tuple(
            _traced_width_m(
                lambda x, d=d: displaced_slp_w_kg(
                    tracer, device, x[:, None] * d, amplitude_t=amplitude, gradient_t_m=gradient, model=model
                )
            )
            for d in (drive, steepest)
        )

    def width(direction: Array) -> float:
        slope = tensor @ direction
        size = float(np.linalg.norm(slope))
        if size * gradient < 1e-12:
            return np.inf
        cosine = min(1.0, abs(float(slope @ drive)) / size)
        half = half_width_t(tracer, amplitude_t=amplitude, frequency_hz=device.frequency_hz, cosine=cosine, model=model)
        return 2.0 * half / (size * gradient)

    return width(drive), width(steepest)


def directions(device: Device) -> tuple[Array, Array]:
    """Unit vectors along the drive, and across it where the selection field is steepest."""
    drive, tensor = device.drive_axis, device.gradient_tensor()
    plane = np.linalg.svd(drive[None, :])[2][1:]
    steep = np.linalg.eigh(plane @ tensor @ tensor @ plane.T)[1][:, -1]
    return drive, steep @ plane


def displaced_slp_w_kg(
    tracer: Tracer,
    device: Device,
    away_m: Array,
    *,
    amplitude_t: float | None = None,
    gradient_t_m: float | None = None,
    model: str | None = None,
) -> Array:
    """SLP ``(n,)`` at places ``away_m (n, 3)`` from the machine's origin with the field-free region there."""
    points = device.origin_m + away_m
    along, across = device.bias_t(points, device.origin_m, gradient_t_m)
    amplitude = device.drive_at(points)[0] * (device.amplitude_t if amplitude_t is None else amplitude_t)
    return slp_w_kg(
        tracer, amplitude_t=amplitude, frequency_hz=device.frequency_hz, along_t=along, across_t=across, model=model
    )


def _traced_width_m(slp: Callable[[Array], Array], limit_m: float = 1.0) -> float:
    """Full width at half maximum of a profile of signed displacement."""
    peak = float(slp(np.zeros(1))[0])
    return sum(_first_half(lambda x, s=side: slp(s * x) / peak, limit_m) for side in (1.0, -1.0))
