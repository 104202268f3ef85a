"""ResponseTable: SLP over amplitude and the two bias components, solved once and then looked up.

A bias b of 0 to infinity is the coordinate ``s = b / (b + b0)`` of 0 to 1, in which the loss is smooth
at both ends, so Chebyshev interpolation of a few hundred direct solves has it; a fine uniform grid in s
is then all that a lookup reads. The loss is even in both components.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage

from .arrays import Array, finite, frozen, put
from .errors import InputError
from .magnetization import FIXED_AXIS, energy_kt
from .tracer import Tracer, particles, slp_w_kg, volume_m3

_VERSION = 1
_FINE = 512
_NODES = (7, 13, 25, 49, 97, 193)
_TOLERANCE = 2e-3
_NEGLIGIBLE = 1e-5
_BLOCK = 32_768
_STRIDES = {"neel": 2, "blocked": 8}
_MEMORY: dict[str, tuple[Array, float]] = {}


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
        put(self, amplitudes_t=finite(self.amplitudes_t, "amplitudes"), scale_t=frozen(self.scale_t),
            values_w_kg=finite(self.values_w_kg, "response table"))

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
        row, u = _cell(along, b0, width)
        column, v = _cell(across, b0, width)
        at = row * width + column
        low = table.take(at)
        near = low + v * (table.take(at + 1) - low)
        at += width
        low = table.take(at)
        far = low + v * (table.take(at + 1) - low)
        return near + u * (far - near)


def _cell(bias: Array, b0: float, width: int) -> tuple[Array, Array]:
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

    The folder is ``$THERMOPLAN_CACHE``, else ``thermoplan`` in the user's cache; an amplitude is kept by
    everything that enters its physics, so tables with other amplitudes share it. Heating efficiency only
    scales: a calibration reuses the table.
    """
    amplitudes = np.atleast_1d(np.asarray(amplitudes_t, float))
    if not (amplitudes > 0.0).all() or not frequency_hz > 0.0:
        raise InputError("response table: amplitudes and frequency must be positive; no field needs no table")
    model = model or tracer.model
    if model == "table":
        return _from_measurements(tracer, float(frequency_hz), amplitudes)
    diameter, share, lag, barrier = particles(tracer, frequency_hz, model)
    xi = tracer.xi_per_tesla(diameter)
    weight = share / volume_m3(diameter) * tracer.thermal_j * frequency_hz / tracer.density_kg_m3
    typical = np.exp(share @ np.log(xi))
    scale = amplitudes + 2.0 / typical
    barrier = np.ones(len(xi)) if barrier is None else barrier
    sizes = np.stack([xi, lag, weight / tracer.iron_fraction, barrier])
    values, errors = zip(*(_level(sizes, a, b0, model) for a, b0 in zip(amplitudes, scale, strict=True)),
                         strict=True)
    return ResponseTable(tracer, float(frequency_hz), amplitudes, scale,
                         tracer.heating_efficiency * np.stack(values), max(errors))


def _from_measurements(tracer: Tracer, frequency_hz: float, amplitudes: Array) -> ResponseTable:
    s = np.arange(_FINE + 1) / _FINE
    bias = amplitudes[:, None] * s / np.maximum(1.0 - s, 1e-9)
    values = [slp_w_kg(tracer, amplitude_t=a, frequency_hz=frequency_hz, along_t=b[:, None], across_t=b,
                       model="table") for a, b in zip(amplitudes, bias, strict=True)]
    return ResponseTable(tracer, frequency_hz, amplitudes, amplitudes, np.stack(values), 0.0)


def _level(sizes: Array, amplitude: float, scale: float, model: str) -> tuple[Array, float]:
    """One amplitude's table at full efficiency: from memory, from the cache folder, or solved."""
    key = _key(sizes, amplitude, scale, model)
    if key not in _MEMORY:
        _MEMORY[key] = _read(key) or _write(key, _tabulated(sizes, amplitude, scale, model))
    return _MEMORY[key]


def _tabulated(sizes: Array, amplitude: float, scale: float, model: str) -> tuple[Array, float]:
    """Loss per kg of iron on the fine grid, and the interpolation error relative to its peak.

    Each size is resolved to its own loss or to an even share of the whole, whichever is more.
    """
    s = np.arange(_FINE) / _FINE
    bias = scale * s / (1.0 - s)
    xi, lag, weight, barrier = sizes
    values, error = np.zeros((_FINE + 1, _FINE + 1)), 0.0
    peaks = weight * energy_kt(xi * amplitude, lag, model=model, barrier=barrier)
    allowed = _TOLERANCE * np.maximum(peaks, peaks.mean()) / weight
    for i in np.flatnonzero(peaks >= _NEGLIGIBLE * peaks.sum()):
        surface, miss = _surface((xi[i] * amplitude, lag[i], model, barrier[i]), xi[i] * bias, allowed[i])
        values[:-1, :-1] += weight[i] * surface
        error += weight[i] * miss
    return np.maximum(values, 0.0), error / max(values.max(), 1e-300)


def _surface(point: tuple[float, float, str, float], xi_bias: Array, allowed: float) -> tuple[Array, float]:
    """Loss in kT on the square of ``xi_bias``; nodes are doubled until the new ones were predicted.

    The loss changes on the scales of the amplitude and, across the drive, of omega tau.
    """
    if point[2] in FIXED_AXIS:
        return _plain_surface(point, xi_bias)
    c0 = np.sqrt((point[0] + 2.0) * max(point[0] + 2.0, point[1]))
    coarse, error = _solved(point, c0, _NODES[0], None), np.inf
    for count in _NODES[1:]:
        fine = _solved(point, c0, count, coarse)
        lift = _barycentric(_chebyshev(count), _chebyshev(len(coarse)))
        error = float(np.abs(lift @ coarse @ lift.T - fine).max())
        coarse = fine
        if error < allowed:
            break
    lift = _barycentric(xi_bias / (xi_bias + c0), _chebyshev(len(coarse)))
    return lift @ coarse @ lift.T, error


def _plain_surface(point: tuple[float, float, str, float], xi_bias: Array) -> tuple[Array, float]:
    """Bound particles switch at edges, which no polynomial follows: solved on the grid or an eighth of it."""
    xi_a, omega_tau, model, barrier = point
    rows = np.arange(0, len(xi_bias), _STRIDES[model])
    knots = xi_bias[rows]
    coarse = energy_kt(xi_a, omega_tau, knots[:, None], knots[None, :], model=model, barrier=barrier)
    place = np.interp(np.arange(len(xi_bias)), rows, np.arange(len(rows)))
    fine = ndimage.map_coordinates(coarse, np.meshgrid(place, place, indexing="ij"), order=1)
    inner = 0.5 * (coarse[:-2, 1:-1] + coarse[2:, 1:-1])
    return fine, float(np.abs(inner - coarse[1:-1, 1:-1]).max()) / 4.0


def _solved(point: tuple[float, float, str, float], c0: float, count: int, known: Array | None) -> Array:
    """Loss on the square of Chebyshev nodes; those of half the count are taken over."""
    xi_a, omega_tau, model, barrier = point
    s = _chebyshev(count)[:-1]
    bias = c0 * s / (1.0 - s)
    todo = np.ones((count - 1, count - 1), bool)
    energy = np.zeros((count, count))
    if known is not None:
        todo[::2, ::2] = False
        energy[::2, ::2] = known
    row, column = np.nonzero(todo)
    energy[row, column] = energy_kt(
        xi_a, omega_tau, bias[row], bias[column], model=model, barrier=barrier)
    return energy


def _chebyshev(count: int) -> Array:
    """Extrema of the Chebyshev polynomial on 0 to 1, rising."""
    return 0.5 - 0.5 * np.cos(np.pi * np.arange(count) / (count - 1))


def _barycentric(x: Array, nodes: Array) -> Array:
    """Matrix ``(len(x), len(nodes))`` that interpolates from Chebyshev extrema [BerrutTrefethen2004]."""
    weight = np.where(np.arange(len(nodes)) % 2, -1.0, 1.0)
    weight[[0, -1]] *= 0.5
    gap = np.asarray(x)[:, None] - nodes
    hit = np.abs(gap) < 1e-14
    terms = weight / np.where(hit, 1.0, gap)
    matrix = terms / terms.sum(axis=1, keepdims=True)
    rows = hit.any(axis=1)
    matrix[rows] = hit[rows]
    return matrix


def _key(sizes: Array, amplitude: float, scale: float, model: str) -> str:
    text = f"{_VERSION} {model} {_FINE} {_NODES} {_TOLERANCE} {amplitude!r} {scale!r}"
    return hashlib.sha256(text.encode() + sizes.tobytes()).hexdigest()


def cache_folder() -> Path:
    """Where tables are kept between runs."""
    stated = os.environ.get("THERMOPLAN_CACHE")
    if stated:
        return Path(stated)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "thermoplan"


def _read(key: str) -> tuple[Array, float] | None:
    try:
        with np.load(cache_folder() / f"response-{key[:32]}.npz") as saved:
            return saved["values"], float(saved["error"])
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile):
        return None


def _write(key: str, table: tuple[Array, float]) -> tuple[Array, float]:
    """Save beside and rename: no reader sees half a file. A folder that cannot be written is no error."""
    try:
        cache_folder().mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=cache_folder(), suffix=".tmp", delete=False) as out:
            np.savez(out, values=table[0], error=table[1])
        os.replace(out.name, cache_folder() / f"response-{key[:32]}.npz")
    except OSError:
        pass
    return table
