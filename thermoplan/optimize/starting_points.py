"""Starting points of a search: percentiles and doses make local optima."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from ..base.arrays import Array, BoolArray
from .merit_function import NO_SHARE, MeritFunction
from .program.search_terms import Iterate

FEW_COLUMNS = 4
"""With so many columns or fewer one place is tried: random ones would be the same again. Twice as many would leave out
starts of machines that may stop at five places."""
_GOOD = 0.5
"""Columns that heat the targets at least this part as well as the best share the first plan. Half or twice as much
makes plans of the same merit; with all columns much heat would fall elsewhere."""
_RANDOM_COLUMNS = 8
"""Columns of a random plan: about as many as plans end with. With twice as many merits are within 1 %."""
_LEAST_RANDOM = 0.2
"""Least share, before scaling, of a column that was drawn, so that none is all but left out; 1.2 is the largest. With
twice as much one of ten plans of a phantom ends 3 % higher."""
_SEED = 0
"""Of the random plans, the same in every search: a plan must not depend on what ran before."""
_PARTS = 3
"""Parts of the session that are tried alone: early, middle and late. Twice as many take a third more steps for no
better plans."""
_LEAST_SCALE = 0.02
"""Weakest scale tried but for none: a fiftieth of the duty heats by less than any margin."""
_N_SCALES = 14
"""Scales tried, each a third stronger than the one before; with twice as many merits are within 2 %, either way."""
_SCALES = np.concatenate([[0.0], np.geomspace(_LEAST_SCALE, 1.0, _N_SCALES)])


def even_start(merit: MeritFunction) -> Iterate:
    """Equal shares of what heats the targets best, throughout."""
    rise = merit.target_rise()
    return scaled_start(merit, rise >= _GOOD * rise.max(initial=0.0))


def other_starts(merit: MeritFunction) -> Iterator[Iterate]:
    """The best place alone, then random places."""
    rise, rng = merit.target_rise(), np.random.default_rng(_SEED)
    for i in range(1, merit.settings.starts if merit.heat.n_columns > FEW_COLUMNS else 1):
        alone = rise >= rise.max(initial=0.0)
        yield scaled_start(merit, alone if i == 1 else _random_pattern(rng, rise))


def burst_starts(merit: MeritFunction, best: Callable[[], Array]) -> Iterator[Iterate]:
    """Columns of the best plan so far in an early, a middle and a late part of the session alone.

    A dose is convex in the temperature, so that a short hot plan and a long mild one can be optima each of its own.
    """
    edges = merit.heat.window_edges_s
    wanted = [term.metric for term in merit.terms.rows if term.at_least]
    if merit.heat.n_windows < 2 or not any(metric.scale.is_logarithmic for metric in wanted):
        return
    middles = 0.5 * (edges[1:] + edges[:-1])
    part_of = np.minimum((_PARTS * middles / edges[-1]).astype(int), _PARTS - 1)
    for part in np.unique(part_of):
        yield scaled_start(merit, np.diff(edges) @ best(), part_of == part)


def scaled_start(merit: MeritFunction, pattern: Array | BoolArray, windows: BoolArray | None = None) -> Iterate:
    """The same shares in every window, or in some, at the best common scale."""
    n, duty = merit.heat.n_windows, merit.settings.max_duty
    full = np.tile(pattern / max(float(pattern.sum()), NO_SHARE) * duty, (n, 1))
    full[np.zeros(n, bool) if windows is None else ~windows] = 0.0
    return min((merit.fitted(full * scale) for scale in _SCALES), key=merit)


def _random_pattern(rng: np.random.Generator, rise: Array) -> Array:
    """Random shares of a few columns, likelier the more they heat the targets."""
    chance = rise / max(float(rise.sum()), NO_SHARE)
    drawn = rng.choice(len(rise), min(_RANDOM_COLUMNS, int((rise > 0.0).sum())), replace=False, p=chance)
    pattern = np.zeros(len(rise))
    pattern[drawn] = _LEAST_RANDOM + rng.random(len(drawn))
    return pattern
