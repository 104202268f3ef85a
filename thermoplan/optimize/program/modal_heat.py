"""Temperature as an affine function of time shares: the reduced model on a time grid, and its adjoint."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol, overload

import numpy as np
from numpy.typing import NDArray

from ...base.arrays import Array, IntArray, freeze, put
from ...base.errors import InputError
from .modal_time import ModalTime, mode_integrals

if TYPE_CHECKING:
    from ...bioheat.engines.reduced import ReducedModel

_FAST_COOLING_S = 180.0
"""Time after heating that is sampled as closely as heating, while tissue cools fast and dose still comes in. With twice
as long a search would have 24 samples of four minutes of cool-down instead of 20."""
_COARSER = 4.0
"""Factor of the time between samples after that: the rate of a dose halves with each kelvin."""
_ROUNDING = 1e-9


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
    """Model plus a known course: ``rise_k (t, n_dof)`` at ``times_s (t,)``, linear in between, which a fuller model of
    the same plan had more.

    Plan, verify, correct and plan again where perfusion depends on temperature: the search then knows the fuller model
    at the last plan exactly.
    """

    model: ReducedModel
    times_s: Array
    rise_k: NDArray[np.float32]

    def __post_init__(self) -> None:
        put(self, times_s=freeze(self.times_s), rise_k=freeze(self.rise_k, np.float32))
        if self.rise_k.shape != (len(self.times_s), len(self.model.base_c)):
            raise InputError(
                f"correction: expected {len(self.times_s)} times of {len(self.model.base_c)} "
                f"temperatures, got {self.rise_k.shape}"
            )

    @property
    def rates_1_s(self) -> Array:
        return self.model.rates_1_s

    @property
    def modes(self) -> Array:
        return self.model.modes

    @property
    def inputs(self) -> Array:
        return self.model.inputs

    @property
    def base_c(self) -> Array:
        return self.model.base_c

    def temperature(self, shares: Array, window_edges_s: Array, times_s: Array, rows: IntArray | None = None) -> Array:
        """Temperatures ``(t, k)`` in degC, as those of the model, with the correction."""
        nodes = np.arange(len(self.base_c)) if rows is None else np.asarray(rows)
        return self.model.temperature(shares, window_edges_s, times_s, rows=rows) + self.rise_at(times_s, nodes)

    def rise_at(self, times_s: Array, nodes: IntArray) -> Array:
        """Correction ``(t, k)`` of some nodes; the ends are held."""
        return interpolate_rows(self.times_s, self.rise_k[:, nodes], times_s)


type SearchModel = ReducedModel | CorrectedModel
"""Model whose columns can be replaced, and which knows its own temperatures."""


def interpolate_rows(times_s: Array, values: Array | NDArray[np.float32], at_s: Array) -> Array:
    """Rows of ``values (t, ...)`` at other times, linear in between; the ends are held."""
    position = np.interp(at_s, times_s, np.arange(len(times_s)))
    lower = np.minimum(position.astype(int), max(0, len(times_s) - 2))
    late = (position - lower)[:, None]
    upper = np.minimum(lower + 1, len(times_s) - 1)
    result: Array = (1.0 - late) * values[lower] + late * values[upper]
    return result


@overload
def with_inputs(model: CorrectedModel, inputs: Array) -> CorrectedModel: ...
@overload
def with_inputs(model: ReducedModel, inputs: Array) -> ReducedModel: ...
def with_inputs(model: SearchModel, inputs: Array) -> SearchModel:
    """The same model with other columns ``(n_columns, r)``."""
    if isinstance(model, CorrectedModel):
        return replace(model, model=with_inputs(model.model, inputs))
    return replace(model, inputs=inputs)


@overload
def restrict(model: CorrectedModel, columns: Sequence[int] | IntArray) -> CorrectedModel: ...
@overload
def restrict(model: ReducedModel, columns: Sequence[int] | IntArray) -> ReducedModel: ...
def restrict(model: SearchModel, columns: Sequence[int] | IntArray) -> SearchModel:
    """The same model with some of its columns, in the order given."""
    return with_inputs(model, model.inputs[np.asarray(columns)])


@dataclass(frozen=True, slots=True, eq=False)
class ModalHeat:
    """Sampled temperatures of a search: a model, constant shares within windows, and a grid of times.

    Parameters
    ----------
    model
        The reduced model.
    window_edges_s
        ``(n_windows + 1,)``, from 0 to the end of heating.
    cool_down_s
        Time without heating that is looked at afterwards.
    step_s
        Longest time between samples while heating.

    ``times_s (t,)``; ``windows_to_modes (t, w, r)`` is the exact integral of each mode over each window. What a
    window leaves behind decays as one, so states and adjoint go from window to window.
    """

    model: Model
    window_edges_s: Array
    cool_down_s: float = 0.0
    step_s: float = 10.0
    times_s: Array = field(init=False)
    windows_to_modes: Array = field(init=False)
    _modal_time: ModalTime = field(init=False, repr=False)

    def __post_init__(self) -> None:
        edges = freeze(self.window_edges_s)
        if edges.ndim != 1 or len(edges) < 2 or edges[0] != 0.0 or (np.diff(edges) <= 0.0).any():
            raise InputError("windows: expected edges that rise from 0 to the end of heating")
        times, rates = _times(edges, self.cool_down_s, self.step_s), self.model.rates_1_s
        put(
            self,
            window_edges_s=edges,
            times_s=freeze(times),
            windows_to_modes=freeze(mode_integrals(times, edges, rates)),
            _modal_time=ModalTime.of(times, edges, rates),
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
        return shares @ self.model.inputs

    def states(self, shares: Array) -> Array:
        """Mode amplitudes ``(t, r)`` of shares ``(n_windows, n_columns)``."""
        return self._modal_time.states(self.loads(shares))

    def adjoint(self, slopes: Array) -> Array:
        """Gradient in mode space ``(w, r)`` of ``sum_t slopes[t] . z(t)``, slopes ``(t, r)``."""
        return self._modal_time.adjoint(slopes)

    def gradient(self, adjoint: Array) -> Array:
        """Gradient ``(n_windows, n_columns)`` with respect to the shares from one in mode space."""
        return adjoint @ self.model.inputs.T

    def checked(self, shares: Array) -> Array:
        """A copy of shares; another shape is refused."""
        array = np.array(shares, float)
        if array.shape != (self.n_windows, self.n_columns):
            wanted = (self.n_windows, self.n_columns)
            raise InputError(f"shares: expected {wanted[0]} windows of {wanted[1]} columns, got {array.shape}")
        return array


def _times(edges: Array, cool_down_s: float, step_s: float) -> Array:
    """Times of the samples: at least two in every window, wider apart late in the cool-down."""
    pieces = [
        _step_ends(a, b, max(2, int(np.ceil((b - a) / step_s - _ROUNDING)))) for a, b in itertools.pairwise(edges)
    ]
    end, fast = float(edges[-1]), min(cool_down_s, _FAST_COOLING_S)
    if fast > 0.0:
        pieces.append(_step_ends(end, end + fast, max(1, int(np.ceil(fast / step_s)))))
    if cool_down_s > fast:
        steps = int(np.ceil((cool_down_s - fast) / (_COARSER * step_s)))
        pieces.append(_step_ends(end + fast, end + cool_down_s, steps))
    return np.concatenate([[0.0], *pieces])


def _step_ends(start: float, end: float, steps: int) -> Array:
    """Ends of equal steps."""
    return np.linspace(start, end, steps + 1)[1:]
