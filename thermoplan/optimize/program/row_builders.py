"""Row builder of each goal or limit: its metric says how it is linearized."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from ...goals.metrics import Linearization
from .linearize import DoseCuttingPlanes, HottestRows, RowBuilder, TangentRows
from .percentile_rows import PercentileRows
from .search_terms import SearchTerm

__all__ = ["ROW_BUILDERS", "RowBuilder", "build_rows", "is_convex"]


ROW_BUILDERS: Mapping[Linearization, Callable[[SearchTerm], RowBuilder]] = MappingProxyType(
    {
        Linearization.CUTTING_PLANES: HottestRows,
        Linearization.TANGENTS: lambda term: TangentRows(term, is_convex(term)),
        Linearization.PERCENTILE_KNOTS: PercentileRows,
        Linearization.DOSE_CUTTING_PLANES: DoseCuttingPlanes,
    }
)


def build_rows(terms: Sequence[SearchTerm]) -> list[RowBuilder]:
    """A row builder for each term."""
    return [ROW_BUILDERS[term.metric.linearization(at_least=term.at_least)](term) for term in terms]


def is_convex(term: SearchTerm) -> bool:
    """True where the term's penalty is a convex function of the shares, and its rows never cut a plan off."""
    return term.metric.is_convex(at_least=term.at_least)
