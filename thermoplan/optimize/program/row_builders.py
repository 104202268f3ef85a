"""Which linear form each kind of goal or limit takes."""

from __future__ import annotations

from collections.abc import Sequence

from ...goals import Hottest as HottestPart
from .linearize import DoseCuttingPlanes, HottestRows, RowBuilder, TangentRows
from .percentile_rows import PercentileRows
from .search_terms import SearchTerm

__all__ = ["RowBuilder", "forms_of", "is_convex"]


def forms_of(terms: Sequence[SearchTerm]) -> list[RowBuilder]:
    return [_form(term) for term in terms]


def _form(term: SearchTerm) -> RowBuilder:
    metric = term.row.goal.parts
    if not term.at_least:
        return (
            HottestRows(term)
            if (metric.family, metric.statistic) == ("T", "max")
            else TangentRows(term, is_convex(term))
        )
    if metric.statistic in ("mean", "max") or isinstance(metric.statistic, HottestPart):
        return TangentRows(term)
    return DoseCuttingPlanes(term) if metric.family == "CEM43D" else PercentileRows(term)


def is_convex(term: SearchTerm) -> bool:
    """Whether the term's penalty is a convex function of the shares, and its rows never cut a plan off."""
    metric = term.row.goal.parts
    if metric.family != "T":
        return False
    if isinstance(metric.statistic, HottestPart):
        return not term.at_least
    return metric.statistic == "mean" or metric.statistic == ("min" if term.at_least else "max")
