"""Plans and simulations, what `check` understood, meshes."""

from __future__ import annotations

from typing import NotRequired

from rich.markup import escape
from rich.table import Table

from ..base.display import tell_apart
from ..commands.answer_types import CheckAnswer, MeshAnswer
from ..files.run.plan_record import PlanRecord, StageRecord
from ..files.run.search_record import AlternativeRecord, PositionErrorRecord, TradeOffRecord
from ..files.run.source_record import SafetyLimitRecord, SafetyRecord
from .show_common import dose, number, say_wrote, stdout, table_of

_GOOD = "[green]met[/green]"
_BAD = "[bold red]missed[/bold red]"


class PrintedRecord(PlanRecord):
    """Record of a run, with its folder where it was written."""

    run: NotRequired[str]


def show_run(record: PrintedRecord) -> None:
    """Summary of a plan or a simulation: verdict, organs, goals, checks, warnings, files."""
    out = stdout()
    quick = " (quick: coarse mesh)" if record.get("quick") else ""
    out.print(f"[bold]{escape(record['name'])}[/bold]{quick}: {escape(record['summary']['verdict'])}")
    for sentence in record["summary"].get("reservations", []):
        out.print(f"  [yellow]reservation[/yellow] {escape(sentence)}")
    out.print()
    out.print(_organ_table(record))
    out.print(_goal_table(record))
    _show_reasons(record)
    out.print(_safety_table(record["safety"]))
    if record.get("placement"):
        out.print(_placement_words(record["placement"]))
    checks = record["checks"]
    out.print("checks  " + "  ".join(f"{k} {v:.2g}" for k, v in checks.items() if v is not None))
    out.print(_solver_words(record))
    _show_accuracy(record)
    for warning in record["warnings"]:
        out.print(f"[yellow]warning[/yellow] {escape(warning)}")
    stages = record["provenance"]["stages"]
    out.print(_stage_table(stages))
    others = record["provenance"].get("rank_memory_mb", ())[1:]
    out.print(
        f"peak memory {record['provenance']['peak_memory_mb']:.0f} MB"
        + "".join(f", rank {rank} {mb:.0f} MB" for rank, mb in enumerate(others, 1))
    )
    if "run" in record:
        run = escape(record["run"])
        out.print(f"run folder {run}\nreport     {run}/report.html", soft_wrap=True)


def _solver_words(record: PlanRecord) -> str:
    """Engine, spectrum and cost of the full model; size and own error of the reduced one."""
    solver, search = record["solver"], record["optimizer"]
    words = (
        f"solver  {solver['engine']} engine in time, spectral radius {solver['spectral_radius_1_s']:.3g} 1/s, "
        f"{solver['matrix_products']} matrix products"
    )
    if solver.get("elements") == "quadratic":
        words = f"{words}, {solver['unknowns']} unknowns of quadratic elements"
    if not search:
        return words
    return (
        f"{words}; reduced model of {search['rom_size']} modes, its error {1e3 * (search['rom_error_k'] or 0.0):.2g} mK"
    )


def _show_accuracy(record: PlanRecord) -> None:
    """Print the discretization error in temperature, where it was asked for."""
    found = record.get("accuracy")
    if found is None:
        return
    target = record["summary"]["tumour"]
    rows = [
        f"{name} T90 {row['t90_k']:+.2g} K, Tmax {row['t_max_k']:+.2g} K"
        for name, row in found["regions"].items()
        if name == target
    ]
    stdout().print(
        f"mesh error  {'; '.join([*rows, f'largest of any region {found["error_k"]:.2g} K'])} "
        f"({escape(found['method'])})"
    )


def _organ_table(record: PlanRecord) -> Table:
    table = table_of(
        "region",
        "mm3",
        "mg Fe",
        "T90 C",
        "T50 C",
        "Tmax C",
        "peak C",
        "CEM43T90",
        "CEM43max",
        title="Regions: temperatures at the end of heating, doses in CEM43 minutes; max is of the hottest 1 mm3",
    )
    for name, row in record["regions"].items():
        table.add_row(
            escape(name),
            number(row["volume_mm3"], 0),
            number(row["iron_mg"], 3),
            number(row["t90_c"]),
            number(row["t50_c"]),
            number(row["t_max_c"]),
            number(row["t_peak_c"]),
            dose(row["cem43t90_min"]),
            dose(row["cem43_max_min"]),
        )
    if course := record.get("core"):
        core = [value for value in course["temperature_c"] if value is not None]
        table.add_row("core (blood)", "-", "-", "-", "-", "-", number(max(core)), "-", "-")
    return table


def _goal_table(record: PlanRecord) -> Table:
    table = table_of("region", "metric", "bound", "value", "", title="Goals and limits")
    for row in record["goals"]:
        sense = ">=" if row["sense"] == "at_least" else "<="
        show, digits = (dose, 2) if row["unit"] == "min" else (number, 1)
        value = show(row["value"])
        if row["value"] is not None and not row["met"]:
            value = tell_apart(lambda x, more: show(x, digits + more), row["value"], row["bound"])  # noqa: B023
        name = f"{row['kind']}: {row['region']}" + (" (default)" if row["default"] else "")
        table.add_row(
            escape(name),
            row["metric"],
            f"{sense} {show(row['bound'])} {row['unit']}",
            f"{value} {row['unit']}",
            _GOOD if row["met"] else _BAD,
        )
    return table


def _safety_table(safety: SafetyRecord) -> Table:
    """Watts, and every limit with its source; one that the protocol wants kept says so."""
    parts = [f"{name} {1e3 * watts:.3g}" for name, watts in safety["iron_w"].items() if watts >= 5e-4]
    watts = ", ".join([*parts, f"eddy currents {1e3 * (safety['eddy_w'] or 0.0):.3g}"])
    title = f"Safety: {watts} mW on average; the body makes {1e3 * safety['metabolic_w']:.3g} mW at rest"
    table = table_of("quantity", "value", "limit", "unit", "of it", "", "source", title=escape(title))
    for row in safety["limits"]:
        state, colour = _limit_state(row)
        table.add_row(
            escape(row["name"]),
            f"{row['value']:.3g}",
            f"{row['limit']:.3g}",
            row["unit"],
            f"{row['share']:.0%}",
            f"[{colour}]{state}[/{colour}]",
            escape(row["source"]),
        )
    return table


def _limit_state(row: SafetyLimitRecord) -> tuple[str, str]:
    """State of a limit of safety and its colour: one that is of another species is neither kept nor exceeded."""
    if not row.get("applies", True):
        return f"{'above' if row['exceeded'] else 'within'}, not of this body", "dim"
    if row.get("hard"):
        return ("exceeded, hard", "bold red") if row["exceeded"] else ("within, hard", "green")
    return ("exceeded", "bold red") if row["exceeded"] else ("within", "green")


def _show_reasons(record: PlanRecord) -> None:
    """Print the conflicts with goals, and the result of planning by hand."""
    out, why = stdout(), record.get("explanation")
    if why:
        out.print("[bold]What limits this plan[/bold]")
        for sentence in why["sentences"]:
            out.print(f"  {escape(sentence)}")
    if record["alternatives"]:
        out.print(_alternative_table(record["alternatives"]))
        out.print(escape(record.get("comparison") or ""))
    if front := record.get("pareto"):
        out.print(_front_table(front))


def _front_table(front: TradeOffRecord) -> Table:
    shown = {"min": dose, "degC": number}
    goal, limit = (shown.get(unit, number) for unit in (front["goal_unit"], front["limit_unit"]))
    table = table_of(
        front["limit"],
        front["goal"],
        "T90 C",
        "CEM43T90",
        "core C",
        "duty",
        "also at their bound",
        title=f"Trade-off: {front['goal']} for {front['limit']}, all other limits kept (predicted)",
    )
    for row in front["points"]:
        table.add_row(
            limit(row["limit_value"]),
            goal(row["goal_value"]),
            number(row["t90_c"]),
            dose(row["cem43t90_min"]),
            number(row["core_c"]),
            f"{row['duty']:.0%}",
            escape(", ".join(row["others_at_bound"]) or "-"),
        )
    table.columns[-1].justify = "left"
    return table


def _alternative_table(rows: list[AlternativeRecord]) -> Table:
    table = table_of(
        "plan",
        "T90 C",
        "CEM43T90",
        "Tmax C",
        "core C",
        "duty",
        "T90 at equal limits",
        "breaks",
        title="The same goals by hand, limits ignored; then the highest T90 that the limits allow",
    )
    for row in rows:
        broken = ", ".join(dict.fromkeys(_what_broke(text) for text in row["limits_broken"]))
        table.add_row(
            escape(row["name"]),
            number(row["t90_c"]),
            dose(row["cem43t90_min"]),
            number(row["t_max_c"]),
            number(row["core_c"]),
            f"{row['duty']:.0%}",
            number(row.get("t90_within_limits_c"), 2),
            escape(broken or "nothing"),
        )
    table.columns[-1].justify = "left"
    return table


def _what_broke(text: str) -> str:
    """The region of a broken limit, or the quantity of a hard one of safety."""
    return text.split(":")[0] if ":" in text else text.split()[0]


def _placement_words(rows: list[PositionErrorRecord]) -> str:
    """Print the cost of an unnoticed position error of the animal."""
    costs = ", ".join(f"{row['axis']} {round(row['cost_k'], 1) + 0.0:g} K" for row in rows)
    return f"Off by {rows[0]['off_mm']:g} mm unnoticed costs of T90: {costs}"


def _stage_table(stages: list[StageRecord]) -> Table:
    table = table_of("stage", "s", title="Time")
    for stage in stages:
        table.add_row(escape(stage["name"]), f"{stage['seconds']:.1f}")
    table.add_row("all", f"{sum(s['seconds'] for s in stages):.1f}")
    return table


def show_understood(record: CheckAnswer) -> None:
    """Print the inputs as `check` read them: a row per input, then notes."""
    out = stdout()
    table = table_of("what", "understood as", title=f"{escape(record['name'])}: every input can be read")
    table.columns[1].justify = "left"
    for what, text in record["understood"]:
        table.add_row(escape(what), escape(text))
    out.print(table)
    for note in record["notes"]:
        out.print(f"[yellow]note[/yellow] {escape(note)}")


def show_mesh(record: MeshAnswer) -> None:
    """Size, quality and region volumes of a mesh that was written."""
    out = stdout()
    table = table_of("region", "label mm3", "mesh mm3", "off %", title="Regions")
    for row in record["regions"]:
        table.add_row(
            escape(row["name"]), number(row["label_mm3"]), number(row["mesh_mm3"]), f"{row['relative'] * 100:+.1f}"
        )
    out.print(table)
    bars = record["quality_histogram"]
    peak = max(bars) if any(bars) else 1
    out.print("element quality (3 inradius / circumradius, 1 is the regular tetrahedron)")
    for place, count in enumerate(bars):
        low = place / len(bars)
        out.print(f"  {low:.1f}-{low + 1 / len(bars):.1f} {'#' * round(40 * count / peak):<40} {count}")
    out.print(
        f"{record['nodes']} nodes, {record['tetrahedra']} tetrahedra, "
        f"worst quality {record['quality_min']:.2f}, outer surface {record['skin_area_cm2']:.1f} cm2 "
        f"(labels, smoothed: {record['label_skin_area_cm2']:.1f})"
    )
    for note in record["notes"]:
        out.print(f"[yellow]note[/yellow] {escape(note)}")
    say_wrote(record["mesh"])
