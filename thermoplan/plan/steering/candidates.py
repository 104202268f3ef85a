"""Candidates of a search: positions, amplitudes and windows in which the field-free region may heat."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...base.arrays import Array, IntArray
from ...base.errors import InputError
from ...optimize import Settings
from ...power.ffr import ffr_widths_m
from ...power.heating_basis import Column
from ...trajectory import candidate_positions
from ...trajectory.positions import MOST_POSITIONS
from ..case.case import Case
from ..case.safety_limits import allowed_amplitudes_t

WINDOWS = 8
"""Windows of a session; twice as many double the search, and a session changes slower than that."""
LEVELS = (0.5, 0.75, 1.0)
"""Amplitudes tried, as parts of the protocol's."""
MARGIN_M = 3e-3
"""Margin around the targets in which positions are tried: half the width of a focus, beyond which it misses them."""
COOL_DOWN_SEARCHED_S = 240.0
"""Time after heating that a search counts doses in; beyond it tissue is too cool to add to them."""
LEAST_SHARE = 0.06
"""Least share of a window that a position may have; below it a machine spends more on moving than on heating."""


def candidate_columns(case: Case, most: int = MOST_POSITIONS) -> tuple[Column, ...]:
    """Every position worth trying, ``most`` of them, at every amplitude level, and in every direction of a line that
    turns."""
    protocol, device = case.protocol, case.protocol.device
    steering = protocol.steering
    if not case.targets:
        raise InputError(
            f"{protocol.path.name}: goals: missing: a plan needs at least one, such as "
            'region = "tumour", metric = "CEM43T90", at_least = "10 min"'
        )
    along, across = ffr_widths_m(protocol.tracer, device)
    widths = along, across, across
    spacing = tuple(width / 4.0 for width in widths) if steering.spacing_m is None else steering.spacing_m
    margin = MARGIN_M if steering.margin_m is None else steering.margin_m
    lines = device.line_directions()
    places = [
        (line, place)
        for line in lines
        for place in candidate_positions(
            case.anatomy,
            case.targets,
            device=device.turned(line),
            spacing_m=spacing,
            margin_m=margin,
            most=max(1, most // len(lines)),
        ).tolist()
    ]
    low, high = device.amplitude_range_t
    levels = steering.amplitudes_t or tuple(device.amplitude_t * level for level in LEVELS)
    levels = allowed_amplitudes_t(case, levels)
    usable = [level for level in levels if low * (1 - 1e-9) <= level <= high * (1 + 1e-9)]
    if not usable:
        raise InputError(device.violations(amplitude_t=levels))
    return tuple(Column(tuple(place), a, device.gradient_t_m, line) for a in usable for line, place in places)


def without_gradient(case: Case, columns: Sequence[Column]) -> tuple[Column, ...]:
    """A column without any gradient for each amplitude."""
    amplitudes = dict.fromkeys(c.amplitude_t for c in columns)
    return tuple(Column(columns[0].center_m, a, 0.0) for a in amplitudes)


def window_edges_s(duration_s: float, windows: int) -> Array:
    """Edges of the windows: shorter while the animal warms up, and one at two thirds, where the hold begins.

    ``(windows + 1,)`` in s, from 0 to ``duration_s``.
    """
    edges = duration_s * (np.arange(windows + 1) / windows) ** 1.5
    if windows >= 3:
        nearest = 1 + int(np.argmin(np.abs(edges[1:-1] - duration_s * 2.0 / 3.0)))
        edges[nearest] = duration_s * 2.0 / 3.0
    return edges


def search_settings(case: Case) -> Settings:
    """Settings of a search for this case."""
    cool = case.protocol.session.cool_down_s
    return Settings(
        max_duty=case.protocol.device.max_duty,
        min_share=LEAST_SHARE,
        cool_down_s=COOL_DOWN_SEARCHED_S if cool is None else min(cool, COOL_DOWN_SEARCHED_S),
    )


def parked_columns(case: Case, columns: Sequence[Column]) -> IntArray:
    """The columns at the position nearest to the targets' centre, one an amplitude."""
    distance = np.linalg.norm(np.array([c.center_m for c in columns]) - _centre_m(case), axis=1)
    return np.flatnonzero(distance <= distance.min() + 1e-9)


def _centre_m(case: Case) -> Array:
    cells = case.anatomy.cells(*case.targets)
    volume = case.anatomy.volumes_m3[cells]
    return volume @ case.anatomy.centroids_m[cells] / volume.sum()


def target_columns(case: Case, columns: Sequence[Column]) -> list[int]:
    """Columns whose position lies in a target; all of them where none does."""
    cell, _ = case.anatomy.located(np.array([c.center_m for c in columns]), cells=case.anatomy.cells(*case.targets))
    found = np.flatnonzero(cell >= 0)
    return found.tolist() if len(found) else list(range(len(columns)))
