"""Named sets of goals and limits for a tumour, with their sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from ..base.errors import InputError
from .goal import Goal

_TARGET = ("target",)
_CHOICE = "a planner's choice"


def _goal(
    metric: str,
    bound: float,
    source: str,
    sense: str = "at_least",
    *,
    priority: int = 1,
    shell_m: tuple[float, float] | None = None,
) -> Goal:
    return Goal("goal", _TARGET, metric, bound, sense, source=source, priority=priority, shell_m=shell_m)


def _limit(metric: str, bound: float, source: str, *, shell_m: tuple[float, float] | None = None) -> Goal:
    return Goal("limit", _TARGET, metric, bound, "at_most", source=source, shell_m=shell_m)


TEMPLATES: Mapping[str, tuple[Goal, ...]] = MappingProxyType(
    {
        "mild-hyperthermia": (
            _goal("T50", 42.0, "mild hyperthermia, 42 to 43 degC: the median at 42 degC or more"),
            _goal(
                "T50", 43.0, "mild hyperthermia, 42 to 43 degC: the median at 43 degC or less", "at_most", priority=2
            ),
            _limit(
                "T10", 44.0, "tumour temperatures of 40 to 44 degC, ESHO guideline on interstitial hyperthermia, 2019"
            ),
        ),
        "thermal-dose": (_goal("CEM43T90", 60.0, "stretch of the trial that asked for 10 [Jones2005]"),),
        "thermal-dose-10": (_goal("CEM43T90", 10.0, "[Jones2005]"),),
        "ablation": (
            _goal("T90", 46.0, f"ablation: over 46 degC deeper than 1 mm; {_CHOICE}", shell_m=(-np.inf, -1e-3)),
            _limit(
                "Tmax",
                43.0,
                f"ablation: a spared shell from 3 to 6 mm around the tumour; {_CHOICE}",
                shell_m=(3e-3, 6e-3),
            ),
            _limit("Tmax", 60.0, f"ablation: no boiling, no charring; {_CHOICE}"),
        ),
        "salloum": (
            _goal("V43C", 90.0, "at least 90 % of the tumour above 43 degC [Salloum2009]"),
            _goal(
                "V43C",
                10.0,
                "less than 10 % of normal tissue at 43 degC or more [Salloum2009], here of the 3 mm around "
                "the tumour: farther away the default limits ask for more",
                "at_most",
                shell_m=(0.0, 3e-3),
            ),
        ),
    }
)
"""What each asks of its target; `template` binds it to regions."""


def template(name: str, region: Sequence[str], *, spared: Sequence[str] = ()) -> tuple[Goal, ...]:
    """Goals and limits of a named template for one or more target regions; each ``spared`` region is limited to 10 %
    of its volume at 43 degrees C or more [Salloum2009]."""
    if name not in TEMPLATES:
        raise InputError(f'template = "{name}": expected one of {", ".join(TEMPLATES)}')
    regions = (region,) if isinstance(region, str) else tuple(region)
    found = [replace(goal, region=regions, source=f"template {name}: {goal.source}") for goal in TEMPLATES[name]]
    if spared:
        found.append(
            Goal(
                "limit",
                tuple(spared),
                "V43C",
                10.0,
                "at_most",
                source=f"template {name}: less than 10 % of normal tissue at 43 degC or more [Salloum2009]",
            )
        )
    return tuple(found)
