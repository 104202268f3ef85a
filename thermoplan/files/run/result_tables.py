"""The tables of a run folder, from the same data as ``plan.json``."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .plan_record import CourseRecord, PlanRecord, TestShotRecord
    from .search_record import TradeOffRecord

from ..tables.harmless_text import harmless, harmless_comment


def write_tables(folder: Path, plan: PlanRecord) -> None:
    """Write ``dose.csv``, ``tvh.csv``, ``probes.csv``, ``expected.csv``, and ``pareto.csv`` where there is a front."""
    write_dose(folder / "dose.csv", plan)
    write_tvh(folder / "tvh.csv", plan)
    write_probes(folder / "probes.csv", plan)
    write_expected(folder / "expected.csv", plan)
    if shot := plan.get("test_shot"):
        write_shot(folder / "test-shot.csv", shot)
    if front := plan.get("pareto"):
        write_front(folder / "pareto.csv", front)


def write_dose(path: Path, plan: PlanRecord) -> None:
    """A row per region: volume, iron, temperatures, doses."""
    regions = plan.get("regions", {})
    columns = dict.fromkeys(key for row in regions.values() for key in row)
    write_rows(path, ({"region": name, **row} for name, row in regions.items()), ["region", *columns])


def write_tvh(path: Path, plan: PlanRecord) -> None:
    """Share of each region's volume above a temperature at the end of heating, and above a dose."""
    rows = []
    for name, h in plan.get("histograms", {}).items():
        for quantity, levels, shares, unit in (
            ("temperature_c", h.get("temperature_c", []), h.get("volume_fraction", []), "degC"),
            ("cem43_min", h.get("cem43_min", []), h.get("dose_fraction", []), "min"),
        ):
            rows += [
                {"region": name, "quantity": quantity, "level": level, "unit": unit, "volume_fraction": share}
                for level, share in zip(levels, shares, strict=False)
            ]
    write_rows(path, rows, ["region", "quantity", "level", "unit", "volume_fraction"])


def write_probes(path: Path, plan: PlanRecord) -> None:
    """Readings to expect over time: a column per probe, and the core."""
    series: dict[str, CourseRecord] = {f"{name}_c": probe for name, probe in plan.get("probes", {}).items()}
    core = plan.get("core")
    if core and core.get("time_s"):
        series["core_c"] = core
    times = sorted({t for entry in series.values() for t in entry["time_s"]})
    looked_up = {
        name: dict(zip(entry["time_s"], entry["temperature_c"], strict=True)) for name, entry in series.items()
    }
    rows = ({"time_s": t, **{name: values.get(t, "") for name, values in looked_up.items()}} for t in times)
    write_rows(path, rows, ["time_s", *series])


def write_expected(path: Path, plan: PlanRecord) -> None:
    """Probe and rectal readings to expect at the bedside, with stop rules."""
    rows = plan.get("expected", [])
    write_rows(path, rows, list(dict.fromkeys(["minute", *(key for row in rows for key in row)])))


def write_shot(path: Path, shot: TestShotRecord) -> None:
    """Write the test shot: its settings in comment lines, and the expected reading of each probe."""
    place = " ".join(f"{round(v, 3) + 0.0:g}" for v in shot["position_mm"])
    rows = shot["rows"]
    write_rows(
        path,
        rows,
        list(dict.fromkeys(key for row in rows for key in row)),
        [
            f"park at: {place} mm, anatomy, RAS+",
            f"amplitude, peak: {shot['amplitude_mt']:.6g} mT",
            f"gradient: {shot['gradient_t_m']:.6g} T/m",
            f"frequency: {shot['frequency_khz']:.6g} kHz",
            f"for: {shot['duration_s']:.6g} s",
            "low and high: the tracer heats 0.7 and 1.3 times as the plan has it",
        ],
    )


def write_front(path: Path, front: TradeOffRecord) -> None:
    """A row per point of the trade-off; the columns name goal, limit and their units."""
    named = ((front["goal"], front["goal_unit"]), (front["limit"], front["limit_unit"]))
    goal, limit = (f"{name.replace(' ', '_')}_{unit}" for name, unit in named)
    rows = (
        {
            f"{limit}_at_most": point["bound"],
            limit: point["limit_value"],
            goal: point["goal_value"],
            **{key: point[key] for key in ("t90_c", "cem43t90_min", "core_c", "duty")},
            "others_at_bound": "; ".join(point["others_at_bound"]),
        }
        for point in front["points"]
    )
    columns = [f"{limit}_at_most", limit, goal, "t90_c", "cem43t90_min", "core_c", "duty", "others_at_bound"]
    write_rows(path, rows, list(dict.fromkeys(columns)))


def write_rows(
    path: Path, rows: Iterable[Mapping[str, object]], columns: Sequence[str], comments: Sequence[str] = ()
) -> None:
    """A CSV file; numbers keep seven digits, what is absent stays empty; comment lines open it."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        stream.writelines(f"# {harmless_comment(text)}\n" for text in comments)
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(map(harmless, columns))
        writer.writerows([_cell(row.get(key)) for key in columns] for row in rows)


def _cell(value: object) -> object:
    if isinstance(value, float):
        return f"{value:.7g}"
    return harmless(value) if isinstance(value, str) else "" if value is None else value
