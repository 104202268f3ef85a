"""One line of the table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """A published value, ours, and how far apart they may be, relative to the published one."""

    name: str
    published: float
    value: float
    tolerance: float
    source: str
    counts: bool = True

    @property
    def ok(self) -> bool:
        return abs(self.value - self.published) <= self.tolerance * abs(self.published)

    def record(self) -> dict[str, object]:
        return {"name": self.name, "published": self.published, "value": self.value,
                "tolerance": self.tolerance, "ok": self.ok, "counts": self.counts, "source": self.source}
