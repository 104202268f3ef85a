"""Goals of the heat engine beside the figures of the last run of each benchmark: printed, and written into README.md.

python benchmarks/table.py
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from common import RESULTS

README = Path(__file__).parent / "README.md"
BEGIN, END = "<!-- goals -->", "<!-- end of goals -->"
BODIES = ("S", "M", "L", "XL", "mouse", "mouse-fine")
LARGE = ("L", "mouse-fine")
SEARCHED = ("S", "M", "mouse")
PLAN, LANCZOS = "30 minutes of ten dwells,", "Lanczos step"
OBJECTIVE = "objective and gradient, "
FACTORISING, EULER = "LinearProblem each step, factorising", "tuned implicit Euler, 1 s"
# words, start of the row's name, key, sense, bound, bodies that are judged
GOALS = (
    (
        "`LinearProblem` anew each step, iterative: times as slow",
        "LinearProblem each step, iterative",
        "exact_is_faster",
        ">=",
        30.0,
        BODIES,
    ),
    (
        "the same, of our engine of steps (TR-BDF2)",
        "LinearProblem each step, iterative",
        "stepping_is_faster",
        ">=",
        30.0,
        BODIES,
    ),
    ("the same, of a tuned loop of steps", "LinearProblem each step, iterative", "tuned_is_faster", ">=", 30.0, BODIES),
    ("`LinearProblem` anew each step, factorising: times as slow", FACTORISING, "exact_is_faster", ">=", 300.0, BODIES),
    ("the same, of our engine of steps (TR-BDF2)", FACTORISING, "stepping_is_faster", ">=", 300.0, BODIES),
    ("the same, of a tuned loop of steps", FACTORISING, "tuned_is_faster", ">=", 300.0, BODIES),
    ("NGSolve, CG + Jacobi, same mesh: times as slow", "NGSolve", "exact_is_faster", ">=", 3.0, BODIES),
    ("FiPy, PCG, equal nodes: times as slow", "FiPy", "exact_is_faster", ">=", 10.0, BODIES),
    (
        "explicit voxels, uniform: our seconds a node over theirs",
        "explicit voxels",
        "exact_per_node",
        "<=",
        10.0,
        ("S", "M"),
    ),
    (
        "explicit voxels as small as the tumour's elements: times as slow",
        "explicit voxels",
        "exact_is_faster",
        ">=",
        1.0,
        ("mouse", "mouse-fine"),
    ),
    ("share of the no-reuse bound of a Lanczos step, the study's bytes", LANCZOS, "share_of_bound", ">=", 0.7, LARGE),
    ("the same, of the fewer bytes that our step moves", LANCZOS, "share_of_ours", ">=", 0.7, LARGE),
    ("tuned step: times as slow as the exact engine", EULER, "exact_is_faster", ">=", 5.0, BODIES),
    ("exact engine's error over that of the tuned step", EULER, "exact_part_of_error", "<=", 0.1, BODIES),
    ("30 minutes of ten dwells, organs each 5 s, s", PLAN, "s", "<=", 1.5, ("M",)),
    ("the same", PLAN, "s", "<=", 8.0, ("L",)),
    ("the same", PLAN, "s", "<=", 30.0, ("XL",)),
    ("reduced model of 64 foci, in full plans by products", "reduced model of 64", "full_plans", "<=", 16.0, BODIES),
    ("the same by seconds", "reduced model of 64", "full_plans_s", "<=", 16.0, ("M", "mouse")),
    ("its modes", "reduced model of 64", "modes", "<=", 200, BODIES),
    ("its error over a random sequence, K", "reduced model of 64", "off_k", "<=", 0.01, BODIES),
    ("its error 5 s after a switch, K", "reduced model of 64", "off_5_s_after_k", "<=", 0.005, BODIES),
    ("its error of CEM43", "reduced model of 64", "off_cem43", "<=", 0.01, BODIES),
    ("its own estimate, K", "reduced model of 64", "error_k", "<=", 0.01, BODIES),
    ("reduced model of 200 foci: its own estimate, K", "reduced model of 200", "error_k", "<=", 0.01, BODIES),
    ("its modes", "reduced model of 200", "modes", "<=", 200, BODIES),
    ("objective of the tumour and gradient, ms", OBJECTIVE + "tumour, looks each 10", "ms", "<=", 5.0, SEARCHED),
    (
        "times cheaper than the exact engine's and its adjoint",
        OBJECTIVE + "tumour, looks each 10",
        "cheaper_than_exact",
        ">=",
        1000.0,
        SEARCHED,
    ),
    ("the same with looks each 5 s", OBJECTIVE + "tumour, looks each 5", "cheaper_than_exact", ">=", 1000.0, SEARCHED),
    (
        "times cheaper than a tuned implicit loop's and its adjoint",
        OBJECTIVE + "tumour, looks each 5",
        "cheaper_than_implicit",
        ">=",
        1000.0,
        SEARCHED,
    ),
    (
        "objective with the organs' limits and gradient, ms",
        OBJECTIVE + "tumour and limits, looks each 10",
        "ms",
        "<=",
        40.0,
        SEARCHED,
    ),
    (
        "doses of every node of organs and gradient, ms",
        OBJECTIVE + "every organ node, looks each 10",
        "ms",
        "<=",
        40.0,
        SEARCHED,
    ),
)


def latest() -> dict[tuple[str, str], dict]:
    """The last row of each body and name; of a plan's two rows that of the organs, and of 64 foci that with errors."""
    found: dict[tuple[str, str], dict] = {}
    for line in RESULTS.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if "bench" not in row or row["row"].endswith("every node each 5 s"):
            continue
        before = found.get((row["body"], row["row"]), row)
        if (before["bench"], row["bench"]) != ("reduced", "positions"):
            found[row["body"], row["row"]] = row
    return found


def judged(rows: dict[tuple[str, str], dict]) -> Iterator[tuple[str, str, str, str, str]]:
    """Goal, body, bound, figure and whether it is met, a row for each body that was measured."""
    for words, start, key, sense, bound, bodies in GOALS:
        for body in bodies:
            for (where, name), row in rows.items():
                if where != body or not name.startswith(start):
                    continue
                if "skipped" in row:
                    yield words, body, f"{sense} {bound:g}", row["skipped"], "skipped"
                elif key in row:
                    met = row[key] >= bound if sense == ">=" else row[key] <= bound
                    yield words, body, f"{sense} {bound:g}", f"{row[key]:.3g}", "met" if met else "**missed**"


def exponents(rows: dict[tuple[str, str], dict]) -> Iterator[str]:
    """Powers of nodes and of positions that seconds and products grow with."""
    plans = sorted(
        (row["nodes"], row["s"], row["products"])
        for (body, name), row in rows.items()
        if name.startswith(PLAN) and not body.startswith("mouse")
    )
    models = sorted(
        (int(name.split()[3]), row["s"], row["products"])
        for (body, name), row in rows.items()
        if name.startswith("reduced model of") and body == "S"
    )
    for what, table in (("30 minutes of ten dwells over nodes", plans), ("reduced model over positions, S", models)):
        if len(table) > 2:
            x, seconds, products = np.log(np.array(table, float)).T
            yield (
                f"{what}, {table[0][0]:,} to {table[-1][0]:,}: seconds grow with the power "
                f"{np.polyfit(x, seconds, 1)[0]:.2f}, matrix products with {np.polyfit(x, products, 1)[0]:.2f}."
            )


def main() -> None:
    rows = latest()
    lines = ["| goal | body | bound | figure | |", "|---|---|---|---|---|"]
    lines += [f"| {' | '.join(row)} |" for row in judged(rows)]
    text = "\n".join([*lines, "", *exponents(rows)])
    print(text)
    head, _, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    README.write_text(f"{head}{BEGIN}\n\n{text}\n\n{END}{rest.partition(END)[2]}", encoding="utf-8")


if __name__ == "__main__":
    main()
