"""Temperature as an affine function of time shares: the reduced model on a time grid, and its adjoint."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ...base.arrays import Array, IntArray, frozen, put
from ...base.errors import InputError
from .modal_time import ModalTime, integrals


class Model(Protocol):
    """theta(t) = modes z(t), dz/dt = -rates z + inputs^T a(t), temperature = base + theta.

    ``rates_1_s (r,)``, ``modes (n_dof, r)``, ``inputs (n_columns, r)``, ``base_c (n_dof,)``.
    """

    @property
    def rates_1_s(self) -> Array: ...
    @property
    def modes(self) -> Array: ...
    @property
    def inputs(self) -> Array: ...
    @property
    def base_c(self) -> Array: ...


@dataclass(frozen=True, slots=True, eq=False)
class CorrectedModel:
    """A model plus a known course: what a fuller model of the same plan had more, ``rise_k (t, n_dof)`` at
    ``times_s (t,)``, linear in between. Plan, verify, correct and plan again where perfusion depends on
    temperature: the search then knows the fuller model at the last plan exactly.
    """

    model: Any
    times_s: Array
    rise_k: NDArray[np.float32]

    def __post_init__(self) -> None:
        put(self, times_s=frozen(self.times_s), rise_k=frozen(self.rise_k, np.float32))
        if self.rise_k.shape != (len(self.times_s), len(np.asarray(self.model.base_c))):
            raise InputError(
                f"correction: expected {len(self.times_s)} times of {len(np.asarray(self.model.base_c))} "
                f"temperatures, got {self.rise_k.shape}"
            )

    @property
    def rates_1_s(self) -> Array:
        result: Array = self.model.rates_1_s
        return result

    @property
    def modes(self) -> Array:
        result: Array = self.model.modes
        return result

    @property
    def inputs(self) -> Array:
        result: Array = self.model.inputs
        return result

    @property
    def base_c(self) -> Array:
        result: Array = self.model.base_c
        return result

    def temperature(self, shares: Array, window_edges_s: Array, times_s: Array, rows: IntArray | None = None) -> Array:
        """``(t, k)`` in degC, as that of the model, with the correction."""
        nodes = np.arange(len(np.asarray(self.base_c))) if rows is None else np.asarray(rows)
        result: Array = self.model.temperature(shares, window_edges_s, times_s, rows=rows) + self.rise_at(
            times_s, nodes
        )
        return result

    def rise_at(self, times_s: Array, nodes: IntArray) -> Array:
        """``(t, k)``; the ends are held."""
        return between_times(self.times_s, self.rise_k[:, nodes], times_s)


def between_times(times_s: Array, values: NDArray[np.floating], at_s: Array) -> Array:
    """Rows of ``values (t, ...)`` at other times, linear in between; the ends are held."""
    position = np.interp(at_s, times_s, np.arange(len(times_s)))
    lower = np.minimum(position.astype(int), max(0, len(times_s) - 2))
    late = (position - lower)[:, None]
    upper = np.minimum(lower + 1, len(times_s) - 1)
    result: Array = (1.0 - late) * values[lower] + late * values[upper]
    return result


def with_inputs(model: Any, inputs: Array) -> Any:
    """The same model with other columns ``(n_columns, r)``."""
    if isinstance(model, CorrectedModel):
        return replace(model, model=with_inputs(model.model, inputs))
    return replace(model, inputs=inputs)


def restrict(model: Any, columns: Sequence[int] | IntArray) -> Any:
    """The same model with some of its columns, in the order given."""
    return with_inputs(model, np.asarray(model.inputs)[np.asarray(columns)])


@dataclass(frozen=True, slots=True, eq=False)
class ModalHeat:
    """A model, constant shares within windows, and the times at which the search looks.

    Parameters
    ----------
    model
        The reduced model.
    window_edges_s
        ``(n_windows + 1,)``, from 0 to the end of heating.
    cool_down_s
        Time without heating that is looked at afterwards.
    step_s
        Longest time between looks while heating.

    ``times_s (t,)``; ``windows_to_modes (t, w, r)`` is the exact integral of each mode over each window. What a
    window leaves behind decays as one, so states and adjoint go from window to window.
    """

    model: Model
    window_edges_s: Array
    cool_down_s: float = 0.0
    step_s: float = 10.0
    times_s: Array = field(init=False)
    windows_to_modes: Array = field(init=False)
    _pace: ModalTime = field(init=False, repr=False)

    def __post_init__(self) -> None:
        edges = frozen(self.window_edges_s)
        if edges.ndim != 1 or len(edges) < 2 or edges[0] != 0.0 or (np.diff(edges) <= 0.0).any():
            raise InputError("windows: expected edges that rise from 0 to the end of heating")
        times, rates = _times(edges, self.cool_down_s, self.step_s), np.asarray(self.model.rates_1_s)
        put(
            self,
            window_edges_s=edges,
            times_s=frozen(times),
            windows_to_modes=frozen(integrals(times, edges, rates)),
            _pace=ModalTime.of(times, edges, rates),
        )

    @property
    def heating_s(self) -> float:
        return float(self.window_edges_s[-1])

    @property
    def n_windows(self) -> int:
        return len(self.window_edges_s) - 1

    @property
    def n_columns(self) -> int:
        return len(self.model.inputs)

    def loads(self, shares: Array) -> Array:
        """Input of each mode in each window ``(w, r)``."""
        return shares @ np.asarray(self.model.inputs)

    def states(self, shares: Array) -> Array:
        """Mode amplitudes ``(t, r)`` of shares ``(n_windows, n_columns)``."""
        return self._pace.states(self.loads(shares))

    def adjoint(self, slopes: Array) -> Array:
        """Gradient in mode space ``(w, r)`` of ``sum_t slopes[t] . z(t)``, slopes ``(t, r)``."""
        return self._pace.adjoint(slopes)

    def gradient(self, adjoint: Array) -> Array:
        """Gradient ``(n_windows, n_columns)`` with respect to the shares from one in mode space."""
        return adjoint @ np.asarray(self.model.inputs).T

    def checked(self, shares: Array) -> Array:
        array = np.array(shares, float)
        if array.shape != (self.n_windows, self.n_columns):
            wanted = (self.n_windows, self.n_columns)
            raise InputError(f"shares: expected {wanted[0]} windows of {wanted[1]} columns, got {array.shape}")
        return array


def _times(edges: Array, cool_down_s: float, step_s: float) -> Array:
    pieces = [
        np.linspace(a, b, max(2, int(np.ceil((b - a) / step_s - 1e-9))) + 1)[1:] for a, b in itertools.pairwise(edges)
    ]
    end, fast = float(edges[-1]), min(cool_down_s, 180.0)
    if fast > 0.0:
        pieces.append(np.linspace(end, end + fast, max(1, int(np.ceil(fast / step_s))) + 1)[1:])
    if cool_down_s > fast:
        steps = int(np.ceil((cool_down_s - fast) / (4.0 * step_s)))
        pieces.append(np.linspace(end + fast, end + cool_down_s, steps + 1)[1:])
    return np.concatenate([[0.0], *pieces])
