"""Results that a planner holds: a plan in memory and a run folder on disk, each with its card for a notebook."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

from ..base.display import card
from ..base.names import slug
from ..base.progress import Stages

if TYPE_CHECKING:
    from ..files.run.plan_record import GoalRecord, PlanRecord
    from .record.run_writer import Products

PAGE_HEIGHT = 720
"""Pixels of a report in a notebook's cell."""


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A plan or simulation: plan.json as ``record``, and the objects it came from."""

    record: PlanRecord
    products: Products
    stages: Stages
    _runs: list[Run] = field(default_factory=list, repr=False)

    def __repr__(self) -> str:
        return f"Plan({self.record['name']}: {self.record['status']}; {self.record['summary']['verdict']})"

    def _repr_html_(self) -> str:
        return plan_card(self.record)

    def write(self, folder: Path | str | None = None, *, force: bool = False) -> Run:
        """Write the run folder (``runs/<name>`` unless told otherwise), pictures and report included."""
        from ..files.run.run_folder import run_folder
        from .record.run_writer import write_run

        with run_folder(self.record["name"], folder, force=force) as run:
            record = write_run(run.work, self.products, self.stages)
        self._runs.append(Run(run.final, record))
        return self._runs[-1]

    def report(self, folder: Path | str | None = None) -> Page:
        """The report page, shown in a notebook's cell; written into ``folder``, else with the run that was written
        last, else into a temporary run folder."""
        return self._run(folder).report()

    def view(self, folder: Path | str | None = None) -> Page:
        """The 3D scene, shown in a notebook's cell."""
        return self._run(folder).view()

    def _run(self, folder: Path | str | None) -> Run:
        if folder is not None or not self._runs:
            return self.write(folder or Path(mkdtemp(prefix="thermoplan-")) / slug(self.record["name"]))
        return self._runs[-1]


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """A written run folder and its plan.json."""

    folder: Path
    record: PlanRecord

    def _repr_html_(self) -> str:
        return plan_card(self.record, ("run folder", str(self.folder)))

    def report(self) -> Page:
        """The report page, rendered anew from plan.json and figures/."""
        from ..report import write_report

        return Page(write_report(self.folder))

    def view(self) -> Page:
        """The 3D scene as a page of its own."""
        from .. import scene

        path = self.folder / "figures" / "scene.html"
        if not path.is_file():
            scene.write_html(self.folder, path)
        return Page(path)


@dataclass(frozen=True, slots=True)
class Page:
    """An HTML file that a notebook shows in a frame, offline."""

    path: Path

    def _repr_html_(self) -> str:
        page = escape(self.path.read_text(encoding="utf-8"), quote=True)
        return (
            f'<iframe sandbox="allow-scripts" srcdoc="{page}" title="{escape(self.path.name)}" '
            'style="width:100%;border:0" '
            f'height="{PAGE_HEIGHT}"></iframe>'
        )


def plan_card(record: PlanRecord, *more: tuple[str, str]) -> str:
    """Verdict, goals and limits that bind or break, and where the run lies."""
    rows = [
        (f"{row['kind']}: {row['region']} {row['metric']}", _bound_words(row))
        for row in record["goals"]
        if row["kind"] == "goal" or not row["met"]
    ]
    summary = record["summary"]
    rows += [("duty", f"{summary['duty']:.2f}"), ("SLP", f"{summary['slp_w_per_g_fe']:.4g} W per g of iron"), *more]
    return card(
        f"{record['name']}: {summary['verdict']}", rows, [*summary.get("reservations", []), *record["warnings"][:3]]
    )


def _bound_words(row: GoalRecord) -> str:
    sense = "at least" if row["sense"] == "at_least" else "at most"
    value = "-" if row["value"] is None else f"{row['value']:.2g}" if row["unit"] == "min" else f"{row['value']:.1f}"
    return f"{value} {row['unit']}, {sense} {row['bound']:g}: {'met' if row['met'] else 'missed'}"
