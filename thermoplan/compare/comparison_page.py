"""Page of a comparison in the style of the report: one file that opens offline and asks no address for anything."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from pathlib import Path

from ..base.errors import InputError
from ..report import formats as f
from ..report import paired_charts
from ..report.difference_pictures import Difference, difference_png
from ..report.page import load_template, read_plan
from .comparison import Comparison, GoalPair, NamedPair
from .map_differences import map_differences

_PICTURES = (
    ("peak-temperature", "Highest temperature, B − A", "difference of the highest temperature, K", 43.0, "43 °C"),
    ("cem43", "Thermal dose, B − A", "difference of CEM43, min", 10.0, "10 min"),
)


def write_page(a: Path, b: Path, found: Comparison, path: Path) -> Path:
    """Write the page of a comparison."""
    page = load_template("compare.html").render(**comparison_context(a, b, found))
    draft = path.with_name(f".{path.name}.part")
    try:
        draft.write_text(page, encoding="utf-8")
        os.replace(draft, path)
    except OSError as problem:
        raise InputError(f"{path}: cannot be written: {problem.strerror}; choose another place with -o") from problem
    return path


def comparison_context(a: Path, b: Path, found: Comparison) -> dict[str, object]:
    """Variables of the page's template."""
    plans = read_plan(a), read_plan(b)
    core: NamedPair = {"name": "core, highest", "unit": "degC", **found["core_max_c"]}
    return {
        "found": found,
        "names": _run_names(found),
        "goals": [_goal_cells(row) for row in found["goals"]],
        "numbers": [_number_cells(row) for row in [*found["numbers"], core]],
        "organs": list(_organ_cells(found)),
        "parameters": [_number_cells(row) for row in found["parameters"]],
        "charts": {
            "t90": paired_charts.draw_paired_t90(*plans),
            "histograms": paired_charts.draw_paired_histograms(*plans),
        },
        "regions": paired_charts.shown_regions(*plans),
        "colours": paired_charts.paired_colours(*plans),
        "pictures": list(_difference_pictures(a, b)),
    }


def _run_names(found: Comparison) -> list[dict[str, object]]:
    """A and B with what tells them apart."""
    return [
        {
            "letter": letter,
            "name": str(run["name"] or "unnamed run"),
            "run": run["run"],
            "status": str(run["status"]),
            "created": f.moment(run["created"]),
            "verdict": run["verdict"] or "",
            "quick": run["quick"],
        }
        for letter, run in (("A", found["a"]), ("B", found["b"]))
    ]


def _goal_cells(row: GoalPair) -> dict[str, object]:
    bounds = [f.metric(bound, row["unit"]) for bound in (row["bound_a"], row["bound_b"])]
    sign = "≥" if row["sense"] == "at_least" else "≤"
    pairs = ((row["a"], row["met_a"]), (row["b"], row["met_b"]))
    return {
        "what": f"{row['region']} {row['metric']}",
        "kind": row["kind"],
        "bound": f"{sign} {' or '.join(dict.fromkeys(b for b in bounds if b != f.NONE))}",
        "values": [(f.metric(value, row["unit"]), met) for value, met in pairs],
        "difference": _change_words(row["difference"], row["unit"]),
        "turned": None not in (row["met_a"], row["met_b"]) and row["met_a"] != row["met_b"],
    }


def _number_cells(row: NamedPair) -> list[str]:
    """Name, A, B and difference as words; parameters may be other than numbers."""
    unit = f.unit_text(row["unit"])
    values = [f.significant(v, 4) if isinstance(v, float) else f.plain(v) for v in (row["a"], row["b"])]
    return [row["name"] + (f", {unit}" if unit else ""), *values, _change_words(row["difference"], None)]


def _organ_cells(found: Comparison) -> Iterator[list[str]]:
    """Region, then A, B and difference of T90, highest temperature and dose."""
    columns = (
        ("t90_c", f.temperature, "degC"),
        ("t_peak_c", f.temperature, "degC"),
        ("cem43t90_min", f.dose, "min"),
        ("cem43_max_min", f.dose, "min"),
    )
    for region, row in found["organs"].items():
        words = [region]
        for key, write, unit in columns:
            said = row[key]
            words += [write(said["a"], ""), write(said["b"], ""), _change_words(said["difference"], unit, bare=True)]
        yield words


def _change_words(value: object, unit: str | None, *, bare: bool = False) -> str:
    """A difference with its sign; one too small to be seen is 0."""
    if not f.usable(value):
        return f.NONE
    digits = f.fixed_point(abs(value), 2) if unit == "degC" else f.significant(abs(value), 2)
    sign = "" if float(f"{value:.3g}") == 0.0 else "+" if value > 0 else "−"
    end = "" if bare or not unit else "\u202fK" if unit == "degC" else f"\u202f{f.unit_text(unit)}"
    return f"{sign}{digits}{end}"


def _difference_pictures(a: Path, b: Path) -> Iterator[dict[str, str]]:
    maps = map_differences(a, b)
    for key, title, label, level, words in _PICTURES:
        if key in maps:
            found = maps[key]
            png = difference_png(Difference(found.a, found.b, found.both, label, level))
            if png:
                data = "data:image/png;base64," + base64.b64encode(png).decode("ascii")
                yield {
                    "title": title,
                    "data": data,
                    "words": f"Planes through the largest difference; solid line {words} in A, dashed in B.",
                }
