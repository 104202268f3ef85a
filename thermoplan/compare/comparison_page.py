"""A comparison as one page in the style of the report: it opens offline and asks no address for anything."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..base.errors import InputError
from ..report import formats as f
from ..report import paired_charts
from ..report.difference_pictures import Difference, difference_png
from ..report.page import read_plan, template
from .map_differences import map_differences

_PICTURES = (
    ("peak-temperature", "Highest temperature, B − A", "difference of the highest temperature, K", 43.0, "43 °C"),
    ("cem43", "Thermal dose, B − A", "difference of CEM43, min", 10.0, "10 min"),
)


def write_page(a: Path, b: Path, found: Mapping[str, Any], path: Path) -> Path:
    """Write the page of a comparison."""
    page = template("compare.html").render(**context(a, b, found))
    draft = path.with_name(f".{path.name}.part")
    try:
        draft.write_text(page, encoding="utf-8")
        os.replace(draft, path)
    except OSError as problem:
        raise InputError(f"{path}: cannot be written: {problem.strerror}; choose another place with -o") from problem
    return path


def context(a: Path, b: Path, found: Mapping[str, Any]) -> dict[str, Any]:
    """Variables of the page's template."""
    plans = read_plan(a), read_plan(b)
    return {
        "found": found,
        "names": _names(found),
        "goals": [_goal(row) for row in found["goals"]],
        "numbers": [
            _number(row)
            for row in [*found["numbers"], {"name": "core, highest", "unit": "degC", **found["core_max_c"]}]
        ],
        "organs": list(_organs(found)),
        "parameters": [_number(row) for row in found["parameters"]],
        "charts": {"t90": paired_charts.tumour_t90(*plans), "histograms": paired_charts.histograms(*plans)},
        "regions": paired_charts.shown_regions(*plans),
        "colours": paired_charts.colours(*plans),
        "pictures": list(_pictures(a, b)),
    }


def _names(found: Mapping[str, Any]) -> list[dict[str, str]]:
    """A and B with what tells them apart."""
    return [
        {
            "letter": letter.upper(),
            "name": str(found[letter]["name"] or "unnamed run"),
            "run": found[letter]["run"],
            "status": str(found[letter]["status"]),
            "created": f.moment(found[letter]["created"]),
            "verdict": found[letter]["verdict"] or "",
            "quick": found[letter]["quick"],
        }
        for letter in "ab"
    ]


def _goal(row: Mapping[str, Any]) -> dict[str, Any]:
    bounds = [f.metric(row[f"bound_{k}"], row["unit"]) for k in "ab"]
    sign = "≥" if row["sense"] == "at_least" else "≤"
    return {
        "what": f"{row['region']} {row['metric']}",
        "kind": row["kind"],
        "bound": f"{sign} {' or '.join(dict.fromkeys(b for b in bounds if b != f.NONE))}",
        "values": [(f.metric(row[k], row["unit"]), row[f"met_{k}"]) for k in "ab"],
        "difference": _change(row["difference"], row["unit"]),
        "turned": None not in (row["met_a"], row["met_b"]) and row["met_a"] != row["met_b"],
    }


def _number(row: Mapping[str, Any]) -> list[str]:
    """Name, A, B and difference as words; parameters may be other than numbers."""
    unit = f.unit_text(row["unit"])
    said = [f.significant(row[k], 4) if isinstance(row[k], float) else f.plain(row[k]) for k in "ab"]
    return [row["name"] + (f", {unit}" if unit else ""), *said, _change(row["difference"], None)]


def _organs(found: Mapping[str, Any]) -> Iterator[list[str]]:
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
            words += [write(said["a"], ""), write(said["b"], ""), _change(said["difference"], unit, bare=True)]
        yield words


def _change(value: Any, unit: str | None, *, bare: bool = False) -> str:
    """A difference with its sign; one too small to be seen is 0."""
    if not f.usable(value):
        return f.NONE
    digits = f.fixed(abs(value), 2) if unit == "degC" else f.significant(abs(value), 2)
    sign = "" if float(f"{value:.3g}") == 0.0 else "+" if value > 0 else "−"
    end = "" if bare or not unit else "\u202fK" if unit == "degC" else f"\u202f{f.unit_text(unit)}"
    return f"{sign}{digits}{end}"


def _pictures(a: Path, b: Path) -> Iterator[dict[str, str]]:
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
