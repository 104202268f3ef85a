"""Warming of the animal: heat that enters by a surface and follows a reading, or ends where heating begins.

    P(T) = clip(P_0 - g (T_read - T_set), 0, P_max),    g = P_max / band

``P_0`` holds the set point before heating. A maximum of zero is a source that is switched off.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, overload

import numpy as np

from ..base.arrays import Array, freeze, put
from ..base.errors import InputError
from .feedback import Feedback, FeedbackSum
from .problem import BioheatProblem
from .skin import warming_facets

if TYPE_CHECKING:
    from ..fem.element_space import ElementSpace  # loads DOLFINx

HEADROOM = 2.0
"""Greatest power over what holds the set point before heating, where none is given: the band then lies evenly about
the set point. Twice as much would make the regulator twice as steep."""


@dataclass(frozen=True, slots=True, eq=False)
class WarmingFeedback:
    """Power of a source that follows a reading.

    Parameters
    ----------
    load
        ``(n_dof,)`` share of the power that enters each dof; they sum to 1.
    probe
        ``(n_dof,)`` weights of the reading; they sum to 1.
    set_point_c, band_k
        Reading that is held, and its change over which power goes from the greatest to none.
    max_power_w
        Greatest power; None until `begun`, where it is `HEADROOM` times ``before_w``.
    before_w
        Power that holds the set point before heating; None until `begun`.
    start_w
        Power in the state before heating, which is less than ``before_w`` where the maximum is; None until `begun`.
    is_regulated
        False for a source that is switched off where heating begins.
    """

    load: Array
    probe: Array
    set_point_c: float
    band_k: float
    max_power_w: float | None
    before_w: float | None = None
    start_w: float | None = None
    is_regulated: bool = True

    def __post_init__(self) -> None:
        put(self, load=freeze(self.load), probe=freeze(self.probe))

    def begun(self, before_w: float, start_w: float) -> WarmingFeedback:
        """The same with what holds the set point before heating, and what is given then."""
        most = HEADROOM * max(before_w, 0.0) if self.max_power_w is None else self.max_power_w
        return replace(self, max_power_w=most, before_w=before_w, start_w=start_w)

    @property
    def limits_w(self) -> tuple[float, float, float]:
        """Power that holds the set point, greatest power, and power in the state before heating."""
        if self.before_w is None or self.max_power_w is None or self.start_w is None:
            raise InputError("warming: the power that holds the set point is not known: settle the system first")
        return self.before_w, self.max_power_w, self.start_w

    @property
    def gain_w_k(self) -> float:
        """Fall of the power with each kelvin of the reading."""
        return self.limits_w[1] / self.band_k

    @overload
    def law_w(self, reading_c: float) -> float: ...
    @overload
    def law_w(self, reading_c: Array) -> Array: ...
    def law_w(self, reading_c: float | Array) -> float | Array:
        """Power at a reading, or at each of several."""
        before, most, _ = self.limits_w
        result: Array = np.clip(before - self.gain_w_k * (np.asarray(reading_c) - self.set_point_c), 0.0, most)
        return result if result.ndim else float(result)

    def reading_c(self, temperature_c: Array) -> float:
        """Reading of temperatures ``(n_dof,)``."""
        return float(self.probe @ temperature_c)

    def power_w(self, time_s: float, temperature_c: Array) -> Array:
        """``(n_dof,)``; at time 0 what is given before heating."""
        return self.load * self.given_w(time_s, self.reading_c(temperature_c))

    def given_w(self, time_s: float, reading_c: float) -> float:
        """Power at a time and reading; at time 0 what is given before heating."""
        return self.limits_w[2] if time_s <= 0.0 else self.law_w(reading_c)

    def slope_w_k(self, time_s: float, temperature_c: Array) -> Array:
        return np.zeros(len(temperature_c))


def warming_feedback(problem: BioheatProblem, n_dof: int, space: ElementSpace) -> WarmingFeedback | None:
    """Warming of a problem on elements with ``n_dof`` unknowns, the last of which is the blood; None where it never
    changes."""
    warming = problem.warming
    if warming.kind == "constant":
        return None
    blood = np.zeros(n_dof)
    blood[-1] = 1.0
    held_c = problem.arterial_c if warming.set_point_c is None else warming.set_point_c
    if warming.kind == "off":
        return WarmingFeedback(blood, blood, held_c, warming.band_k, 0.0, is_regulated=False)
    if warming.kind == "passive":
        return WarmingFeedback(blood, blood, held_c, warming.band_k, 0.0)
    facets = problem.anatomy.outer[warming_facets(problem.anatomy, warming)]
    load, probe = np.zeros(n_dof), blood
    load[: space.n] = space.facet_load(facets, np.ones(len(facets)))
    if warming.region is not None:
        inside = problem.anatomy.region == problem.anatomy.region_names.index(warming.region)
        probe = np.zeros(n_dof)
        probe[: space.n] = space.load(inside.astype(float))
    return WarmingFeedback(load / load.sum(), probe / probe.sum(), held_c, warming.band_k, warming.max_power_w)


def split_warming(feedback: Feedback | None) -> tuple[WarmingFeedback | None, Feedback | None]:
    """Warming among what feeds back, and all else; None where there is none."""
    parts = feedback.parts if isinstance(feedback, FeedbackSum) else (feedback,) if feedback is not None else ()
    warming = [part for part in parts if isinstance(part, WarmingFeedback)]
    if not warming:
        return None, feedback
    others = tuple(part for part in parts if not isinstance(part, WarmingFeedback))
    return warming[0], FeedbackSum(others) if others else None
