"""Row of the validation table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict


class RowRecord(TypedDict):
    """Row as plain data."""

    name: str
    published: float
    value: float
    error: float
    tolerance: float
    bound: str
    ok: bool
    counts: bool
    source: str


class ValidationRecord(TypedDict):
    """Validation table as plain data; ``ok`` when every row that counts is within its tolerance."""

    ok: bool
    rows: list[RowRecord]


@dataclass(frozen=True, slots=True)
class ValidationRow:
    """A published or exact value, ours, and how far apart they may be.

    ``tolerance`` is relative to the published value where ``sense`` is "near"; else it is the least ("at_least") or the
    greatest ("at_most") that ours may be.
    """

    name: str
    published: float
    value: float
    tolerance: float
    source: str
    counts: bool = True
    sense: str = "near"

    @property
    def error(self) -> float:
        """Relative to the published value where near is asked for, else the difference."""
        apart = self.value - self.published
        return abs(apart) / abs(self.published) if self.sense == "near" else apart

    @property
    def ok(self) -> bool:
        if self.sense == "at_least":
            return self.value >= self.tolerance
        if self.sense == "at_most":
            return self.value <= self.tolerance
        return abs(self.value - self.published) <= self.tolerance * abs(self.published)

    @property
    def bound(self) -> str:
        """Bound of the error or the value, in words."""
        sign = {"near": "error <=", "at_least": ">=", "at_most": "<="}[self.sense]
        return f"{sign} {self.tolerance:.2g}"

    def record(self) -> RowRecord:
        return {
            "name": self.name,
            "published": self.published,
            "value": self.value,
            "error": self.error,
            "tolerance": self.tolerance,
            "bound": self.bound,
            "ok": self.ok,
            "counts": self.counts,
            "source": self.source,
        }
