"""Which linear form each kind of goal or limit takes."""

from __future__ import annotations

from collections.abc import Sequence

from ..goals import Hottest as HottestPart
from .knots import Coldest
from .linearize import DoseCover, Form, Hottest, Tangent
from .terms import Term

__all__ = ["Form", "forms_of", "is_convex"]


def forms_of(terms: Sequence[Term]) -> list[Form]:
    return [_form(term) for term in terms]


def _form(term: Term) -> Form:
    metric = term.row.goal.parts
    if not term.at_least:
        return Hottest(term) if (metric.family, metric.statistic) == ("T", "max") else Tangent(term, is_convex(term))
    if metric.statistic in ("mean", "max") or isinstance(metric.statistic, HottestPart):
        return Tangent(term)
    return DoseCover(term) if metric.family == "CEM43D" else Coldest(term)


def is_convex(term: Term) -> bool:
    """Whether the term's penalty is a convex function of the shares, and its rows never cut a plan off."""
    metric = term.row.goal.parts
    if metric.family != "T":
        return False
    if isinstance(metric.statistic, HottestPart):
        return not term.at_least
    return metric.statistic == "mean" or metric.statistic == ("min" if term.at_least else "max")
