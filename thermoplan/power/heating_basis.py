"""Heating basis: nodal loads of each position of the field-free region, amplitude, gradient and direction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from ..anatomy.anatomy import Anatomy
from ..base.arrays import Array, finite, freeze, put
from ..base.errors import InputError
from ..device import Device, split
from ..tracer.response import ResponseTable, response_table

_LEVEL_STEP = 0.1
"""Step in log amplitude of a table for a drive with a profile. SLP over amplitude squared is linear between levels;
half the step costs twice the tables."""
_FAINTEST = 0.1
"""Lowest amplitude of such a table, relative to the highest: below, SLP falls as the square, with 1 % of the heat."""
_COLUMNS = 16
"""Columns at a time: their powers at all points of the iron are held at once. It does not move the result."""


class IronPoints(Protocol):
    """Iron as points, and the matrix ``(n_nodes, s)`` that spreads them over the nodes."""

    @property
    def points_m(self) -> Array: ...
    @property
    def mass_kg(self) -> Array: ...
    @property
    def deposit(self) -> sparse.csr_matrix: ...


class EddyLoad(Protocol):
    """Power induced in tissue: nodal loads at one amplitude; it grows with the amplitude squared."""

    @property
    def load_w(self) -> Array: ...
    @property
    def amplitude_t(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Column:
    """Column of a heating basis: a position, an amplitude, a gradient, a direction of line or strong axis."""

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

    ``iron_w`` and ``eddy_w`` are each column's power in the body by tracer and by eddy currents.
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
            iron_w=freeze(self.iron_w),
            eddy_w=freeze(self.eddy_w),
            node_volumes_m3=freeze(self.node_volumes_m3),
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
        table = _tabulate_levels(table, drive, columns)
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


def _tabulate_levels(table: ResponseTable, drive: Array, columns: Sequence[Column]) -> ResponseTable:
    """Response table of the same tracer over all amplitudes that the iron sees."""
    asked = [c.amplitude_t for c in columns]
    low, high = drive.min() * min(asked), drive.max() * max(asked)
    steps = max(2, int(np.ceil(np.log(high / max(low, _FAINTEST * high)) / _LEVEL_STEP)) + 1)
    levels = high * np.exp(-_LEVEL_STEP * np.arange(steps))
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
    for start in range(0, count, _COLUMNS):
        part = slice(start, start + _COLUMNS)
        power = iron_power_w(iron, table, device, columns[part])
        load[part] = (iron.deposit @ power.T).T
        iron_w[part] = power.sum(axis=1)
    if eddy is not None:
        scale = np.array([(c.amplitude_t / eddy.amplitude_t) ** 2 for c in columns])
        load += scale[:, None] * eddy.load_w
        eddy_w = scale * eddy.load_w.sum()
    return HeatingBasis(tuple(columns), load, iron_w, eddy_w, anatomy.node_volumes_m3)
