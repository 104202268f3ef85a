"""Default limits, which hold where a protocol names none; CEM43max is the mean dose of the hottest 1 mm3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .goal import CORE, EVERYWHERE_ELSE, SKIN, Goal, target_regions

_ORGANS = ("liver", "spleen", "kidney", "bowel", "intestine")
_ORGAN_SOURCE = "default: conservative reading of 2 CEM43 and 42 degC for organs [vanRhoon2013]"
_ELSE_SOURCE = "default: 9 CEM43, a controlled exposure [vanRhoon2013]; 42 degC"
_SKIN_SOURCE = "default: 21 CEM43 for skin [ITRUSST]"
_TARGET_SOURCE = "default: no boiling, no charring; a planner's choice"
_CORE_SOURCE = "default: what an anaesthetised mouse tolerates; a planner's choice"


def default_limits(goals: Sequence[Goal], tissues: Mapping[str, str], *, core: bool = True) -> tuple[Goal, ...]:
    """Limits that every plan keeps for regions that no limit of the protocol names.

    ``tissues`` are those of the regions by name. ``core``: the blood temperature is a state (a fixed one cannot be
    exceeded).
    """
    named = {name for goal in goals if goal.kind == "limit" and goal.shell_m is None for name in goal.region}
    targets = target_regions(goals)
    organs = [
        region
        for region, tissue in tissues.items()
        if any(organ in f"{region} {tissue}".lower() for organ in _ORGANS) and region not in targets
    ]
    wanted = [
        (organ, metric, bound, _ORGAN_SOURCE)
        for organ in organs
        for metric, bound in (("Tmax", 42.0), ("CEM43max", 2.0))
    ]
    wanted += [(EVERYWHERE_ELSE, metric, bound, _ELSE_SOURCE) for metric, bound in (("Tmax", 42.0), ("CEM43max", 9.0))]
    if SKIN not in targets:
        wanted.append((SKIN, "CEM43max", 21.0, _SKIN_SOURCE))
    wanted += [(target, "Tmax", 50.0, _TARGET_SOURCE) for target in targets]
    if core:
        wanted.append((CORE, "Tmax", 39.5, _CORE_SOURCE))
    return tuple(
        Goal("limit", (region,), metric, bound, "at_most", default=True, source=source)
        for region, metric, bound, source in wanted
        if region not in named
    )
