"""From a run folder to a page that a physicist can sign."""

from __future__ import annotations

from pathlib import Path


def write_report(run: Path) -> Path:
    """Render ``report.html`` from ``plan.json`` and ``figures/`` alone; returns where it is."""
    from .page import write_report as write

    return write(run)


__all__ = ["write_report"]
