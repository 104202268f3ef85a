"""Measured table of SLP over amplitude, frequency and bias; it takes the place of every model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import RegularGridInterpolator

from ..base.arrays import Array, IntArray, finite, freeze, put
from ..base.errors import InputError

_DETUNED = 0.01
"""Part of a frequency by which a drive may be off the table: SLP follows it about in proportion, so by as much."""
COLUMNS = ("amplitude_t", "frequency_hz", "along_t", "across_t", "slp_w_kg")


@dataclass(frozen=True, slots=True, eq=False)
class SlpTable:
    """SLP on a grid, ``slp_w_kg (amplitudes, frequencies, along, across)``, W per kg of iron in tissue.

    Linear between entries, even in the bias. Below the lowest amplitude it falls as the square. A bias
    beyond the largest keeps the value there, which heats too much rather than too little. An amplitude or
    a frequency outside is refused.
    """

    amplitude_t: Array
    frequency_hz: Array
    along_t: Array
    across_t: Array
    slp_w_kg: Array

    def __post_init__(self) -> None:
        axes = {name: finite(getattr(self, name), name) for name in COLUMNS[:4]}
        values = finite(self.slp_w_kg, "slp")
        if values.shape != tuple(len(a) for a in axes.values()) or (values < 0.0).any():
            raise InputError("SLP table: expected a value of zero or more for every combination")
        put(self, **axes, slp_w_kg=values)

    def __repr__(self) -> str:
        return f"SlpTable({' x '.join(map(str, self.slp_w_kg.shape))} values)"

    @property
    def reach(self) -> str:
        """Ranges that were measured, in words."""
        parts = (
            (self.amplitude_t, 1e3, "mT"),
            (self.frequency_hz, 1e-3, "kHz"),
            (self.along_t, 1e3, "mT along"),
            (self.across_t, 1e3, "mT across"),
        )
        ends = ((sorted({float(v[0] * scale), float(v[-1] * scale)}), unit) for v, scale, unit in parts)
        return ", ".join(f"{' to '.join(f'{v:g}' for v in both)} {unit}" for both, unit in ends)

    def at_w_kg(self, amplitude_t: ArrayLike, frequency_hz: float, along_t: ArrayLike, across_t: ArrayLike) -> Array:
        """W per kg of iron; the fields broadcast."""
        amplitude, along, across = np.broadcast_arrays(
            *(np.abs(np.asarray(v, float)) for v in (amplitude_t, along_t, across_t))
        )
        self._refuse_outside(float(amplitude.max(initial=0.0)), frequency_hz)
        low = self.amplitude_t[0]
        held = np.maximum(amplitude, low)
        points = np.stack([held, np.full(held.shape, frequency_hz), along, across], axis=-1)
        axes = [getattr(self, name) for name in COLUMNS[:4]]
        points = np.clip(points, [a[0] for a in axes], [a[-1] for a in axes])
        many = [i for i, a in enumerate(axes) if len(a) > 1]
        values = self.slp_w_kg.squeeze(axis=tuple(i for i in range(4) if i not in many))
        if not many:
            found = np.full(held.shape, float(values))
        else:
            found = RegularGridInterpolator([axes[i] for i in many], values)(points[..., many]).reshape(held.shape)
        result: Array = found * (amplitude / held) ** 2
        return result

    def _refuse_outside(self, amplitude_t: float, frequency_hz: float) -> None:
        first, last = self.frequency_hz[[0, -1]]
        if not (1.0 - _DETUNED) * first <= frequency_hz <= (1.0 + _DETUNED) * last:
            raise InputError(
                f"SLP table: {frequency_hz / 1e3:g} kHz was not measured: the table has {first / 1e3:g} "
                f"to {last / 1e3:g} kHz"
            )
        if amplitude_t > self.amplitude_t[-1] * (1 + 1e-9):
            raise InputError(
                f"SLP table: {amplitude_t * 1e3:g} mT was not measured: the table ends at "
                f"{self.amplitude_t[-1] * 1e3:g} mT"
            )

    def scaled(self, factor: float) -> SlpTable:
        """The table for another basis or medium."""
        return replace(self, slp_w_kg=factor * self.slp_w_kg)


def slp_table(columns: Mapping[str, ArrayLike], where: str = "SLP table") -> SlpTable:
    """A table from columns of equal length, ``along_t`` and ``across_t`` 0 where left out.

    The rows must be a full grid, each combination once.

    Fields are in T (peak and static), ``frequency_hz`` in Hz, ``slp_w_kg`` in W per kg of iron; faults are refused as
    `InputError`, in the words of ``where``.
    """
    missing = [c for c in ("amplitude_t", "frequency_hz", "slp_w_kg") if c not in columns]
    if missing:
        raise InputError([f"{where}: column {c}: missing" for c in missing])
    slp = finite(columns["slp_w_kg"], f"{where}, slp")
    given = [np.abs(finite(columns.get(c, np.zeros(len(slp))), f"{where}, {c}")) for c in COLUMNS[:4]]
    if len(slp) == 0 or any(len(v) != len(slp) for v in given):
        raise InputError(f"{where}: expected columns of one length, not empty")
    if (given[0] <= 0.0).any() or (given[1] <= 0.0).any():
        raise InputError(f"{where}: amplitudes and frequencies must be positive")
    axes, places = zip(*(np.unique(v, return_inverse=True) for v in given), strict=True)
    shape = tuple(len(a) for a in axes)
    count = np.zeros(shape, int)
    np.add.at(count, places, 1)
    _check_full_grid(count, axes, where)
    values = np.zeros(shape)
    values[places] = slp
    amplitude, frequency, along, across = axes
    return SlpTable(amplitude, frequency, along, across, freeze(values))


def _check_full_grid(count: IntArray, axes: tuple[Array, ...], where: str) -> None:
    """Refuse rows that leave a combination out or give it twice."""
    for wrong, words in ((count == 0, "is missing"), (count > 1, "appears more than once")):
        if wrong.any():
            at = [axis[i] for axis, i in zip(axes, np.argwhere(wrong)[0], strict=True)]
            raise InputError(
                f"{where}: amplitude {at[0] * 1e3:g} mT, frequency {at[1] / 1e3:g} kHz, along "
                f"{at[2] * 1e3:g} mT, across {at[3] * 1e3:g} mT {words}: expected a full grid"
            )
