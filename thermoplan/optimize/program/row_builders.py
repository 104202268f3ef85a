"""Row builder of each goal or limit: its metric says how it is linearized."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from ...goals.metrics import Linearization
from .linearize import BudgetRows, DoseCuttingPlanes, HottestRows, RowBuilder, TangentRows
from .percentile_rows import PercentileRows
from .search_terms import BudgetTerm, GoalTerm, Term

__all__ = ["ROW_BUILDERS", "RowBuilder", "build_rows"]


ROW_BUILDERS: Mapping[Linearization, Callable[[GoalTerm], RowBuilder]] = MappingProxyType(
    {
        Linearization.CUTTING_PLANES: HottestRows,
        Linearization.TANGENTS: lambda term: TangentRows(term, term.is_convex),
        Linearization.PERCENTILE_KNOTS: PercentileRows,
        Linearization.DOSE_CUTTING_PLANES: DoseCuttingPlanes,
    }
)


def build_rows(term: Term) -> RowBuilder:
    """The row builder of a term."""
    if isinstance(term, BudgetTerm):
        return BudgetRows(term)
    return ROW_BUILDERS[term.metric.linearization(at_least=term.at_least)](term)
