"""Response table: SLP over amplitude and the two bias components, solved once and then interpolated.

A bias b of 0 to infinity is the coordinate ``s = b / (b + b0)`` of 0 to 1; a lookup is bilinear on a fine uniform
grid in s. The loss is even in both components.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..base.arrays import Array, IntArray, finite, freeze, put
from ..base.cache import load_cached, store_cached
from ..base.errors import InputError
from .tabulate import FINE, SETTINGS, tabulate_loss
from .tracer import Tracer, particles, slp_w_kg, volume_m3

_VERSION = 2
"""Version of what a cached table holds; a new one leaves all that are kept aside."""
_BLOCK = 32_768
"""Lookups at a time: their eight work arrays, 2 MB, stay in the processor's cache."""
_MEMORY: dict[str, tuple[Array, float]] = {}
"""Tables of this process by a digest of all that they depend on."""


@dataclass(frozen=True, slots=True, eq=False)
class ResponseTable:
    """SLP of one tracer at one frequency.

    ``values_w_kg`` is ``(levels, n + 1, n + 1)`` per kg of iron over ``s`` along and across, ``scale_t``
    the b0 of each level, ``error_rel`` the interpolation error estimated while it was built, of peak.
    """

    tracer: Tracer
    frequency_hz: float
    amplitudes_t: Array
    scale_t: Array
    values_w_kg: Array
    error_rel: float

    def __post_init__(self) -> None:
        put(
            self,
            amplitudes_t=finite(self.amplitudes_t, "amplitudes"),
            scale_t=freeze(self.scale_t),
            values_w_kg=finite(self.values_w_kg, "response table"),
        )

    def __repr__(self) -> str:
        levels = ", ".join(f"{a * 1e3:g}" for a in self.amplitudes_t)
        return f"ResponseTable({self.tracer.name}, {self.frequency_hz / 1e3:g} kHz, {levels} mT)"

    def level(self, amplitude_t: float) -> int:
        """Index of an amplitude; refuses one that was not tabulated."""
        near = int(np.argmin(np.abs(self.amplitudes_t - amplitude_t)))
        if not np.isclose(self.amplitudes_t[near], amplitude_t, rtol=1e-6):
            raise InputError(f"amplitude {amplitude_t * 1e3:g} mT is not in the response table")
        return near

    def slp_w_kg(self, level: int, along_t: ArrayLike, across_t: ArrayLike) -> Array:
        """W per kg of iron at one amplitude level; bilinear in s; the fields broadcast."""
        along, across = np.broadcast_arrays(np.asarray(along_t, float), np.asarray(across_t, float))
        flat_along, flat_across = along.ravel(), across.ravel()
        out = np.empty(flat_along.shape)
        for start in range(0, out.size, _BLOCK):
            part = slice(start, start + _BLOCK)
            out[part] = self._block(level, flat_along[part], flat_across[part])
        return out.reshape(along.shape)

    def at_amplitude_w_kg(self, amplitude_t: Array, along_t: Array, across_t: Array) -> Array:
        """W per kg of iron at amplitudes ``(n,)`` between the levels, for biases ``(n,)``.

        SLP over amplitude squared is linear between levels and constant below the lowest; above the highest
        is refused.
        """
        levels = self.amplitudes_t
        order = np.argsort(levels)
        rising = levels[order]
        if amplitude_t.max(initial=0.0) > rising[-1] * (1.0 + 1e-9):
            raise InputError(f"amplitude {amplitude_t.max() * 1e3:g} mT is above the response table's")
        above = np.clip(np.searchsorted(rising, amplitude_t), 0, len(rising) - 1)
        below = np.maximum(above - 1, 0)
        gap = np.where(above > below, rising[above] - rising[below], 1.0)
        part = np.clip((amplitude_t - rising[below]) / gap, 0.0, 1.0)
        found = np.zeros(amplitude_t.shape)
        for at, level in enumerate(order):
            weight = np.where(above == at, part, 0.0) + np.where(below == at, 1.0 - part, 0.0)
            rows = np.flatnonzero(weight)
            found[rows] += weight[rows] * self.slp_w_kg(level, along_t[rows], across_t[rows]) / rising[at] ** 2
        return found * amplitude_t**2

    def _block(self, level: int, along: Array, across: Array) -> Array:
        table, b0 = self.values_w_kg[level].ravel(), self.scale_t[level]
        width = self.values_w_kg.shape[-1]
        row, u = _locate_cells(along, b0, width)
        column, v = _locate_cells(across, b0, width)
        at = row * width + column
        low = table.take(at)
        near = low + v * (table.take(at + 1) - low)
        at += width
        low = table.take(at)
        far = low + v * (table.take(at + 1) - low)
        result: Array = near + u * (far - near)
        return result


def _locate_cells(bias: Array, b0: float, width: int) -> tuple[IntArray, Array]:
    """Cell of the grid in s, and the place within it from 0 to 1."""
    size = np.abs(bias)
    s = size / (size + b0)
    s *= width - 1
    cell = s.astype(np.intp)
    np.minimum(cell, width - 2, out=cell)
    return cell, s - cell


def response_table(
    tracer: Tracer, frequency_hz: float, amplitudes_t: ArrayLike, *, model: str | None = None
) -> ResponseTable:
    """Tabulate SLP for positive amplitudes, any bias. Kept in memory and in the user's cache folder.

    An amplitude is kept by everything that enters its physics, so tables with other amplitudes share it. Heating
    efficiency only scales: a calibration reuses the table.
    """
    amplitudes = np.atleast_1d(np.asarray(amplitudes_t, float))
    if not (amplitudes > 0.0).all() or not frequency_hz > 0.0:
        raise InputError("response table: amplitudes and frequency must be positive; no field needs no table")
    model = model or tracer.model
    if model == "table":
        return _tabulate_measurements(tracer, float(frequency_hz), amplitudes)
    diameter, share, lag, barrier = particles(tracer, frequency_hz, model)
    xi = tracer.xi_per_tesla(diameter)
    weight = share / volume_m3(diameter) * tracer.thermal_j * frequency_hz / tracer.density_kg_m3
    typical = np.exp(share @ np.log(xi))
    scale = amplitudes + 2.0 / typical
    barrier = np.ones(len(xi)) if barrier is None else barrier
    sizes = np.stack([xi, lag, weight / tracer.iron_fraction, barrier])
    values, errors = zip(
        *(_load_or_solve(sizes, a, b0, model) for a, b0 in zip(amplitudes, scale, strict=True)), strict=True
    )
    return ResponseTable(
        tracer, float(frequency_hz), amplitudes, scale, tracer.heating_efficiency * np.stack(values), max(errors)
    )


def _tabulate_measurements(tracer: Tracer, frequency_hz: float, amplitudes: Array) -> ResponseTable:
    """Response table of a tracer whose SLP is a measured table."""
    s = np.arange(FINE + 1) / FINE
    bias = amplitudes[:, None] * s / np.maximum(1.0 - s, 1e-9)
    values = [
        slp_w_kg(tracer, amplitude_t=a, frequency_hz=frequency_hz, along_t=b[:, None], across_t=b, model="table")
        for a, b in zip(amplitudes, bias, strict=True)
    ]
    return ResponseTable(tracer, frequency_hz, amplitudes, amplitudes, np.stack(values), 0.0)


def _load_or_solve(sizes: Array, amplitude: float, scale: float, model: str) -> tuple[Array, float]:
    """One amplitude's table at full efficiency: from memory, from the cache folder, or solved."""
    key = _key(sizes, amplitude, scale, model)
    if key not in _MEMORY:
        _MEMORY[key] = _read(key) or _write(key, tabulate_loss(sizes, amplitude, scale, model))
    return _MEMORY[key]


def _key(sizes: Array, amplitude: float, scale: float, model: str) -> str:
    """Digest of all that an amplitude's table depends on."""
    text = f"{_VERSION} {model} {SETTINGS} {amplitude!r} {scale!r}"
    return hashlib.sha256(text.encode() + sizes.tobytes()).hexdigest()


def _read(key: str) -> tuple[Array, float] | None:
    saved = load_cached(f"response-{key[:32]}")
    return None if saved is None or "values" not in saved else (saved["values"], float(saved["error"]))


def _write(key: str, table: tuple[Array, float]) -> tuple[Array, float]:
    store_cached(f"response-{key[:32]}", {"values": table[0], "error": table[1]})
    return table
