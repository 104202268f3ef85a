"""Run every protocol of a folder and put the table of goals, results and times into its README. `make protocols`

A protocol that names a trajectory is simulated, any other planned, on the full mesh unless --quick is given. The table
replaces what stands between the two marks.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from thermoplan.plan import make_plan, simulate
from thermoplan.protocol import read_protocol

HERE = Path(__file__).parents[1] / "protocols"
BEGIN, END = "<!-- table: made by `make protocols` -->", "<!-- end of table -->"


def row(path: Path, *, quick: bool) -> str:
    protocol = read_protocol(path)
    start = time.process_time()
    made = (make_plan if protocol.session.trajectory is None else simulate)(protocol, quick=quick)
    cells = [
        f"`{path.name}`",
        first_comment(path),
        asked(made.record),
        found(made.record),
        f"{time.process_time() - start:.0f} s, {made.record['mesh']['nodes']:,} nodes",
    ]
    return f"| {' | '.join(cells)} |"


def first_comment(path: Path) -> str:
    """The first sentence of the comment that a protocol begins with."""
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        if not line.startswith("#:"):  # for editors
            lines.append(line.lstrip("# "))
    return " ".join(lines).split(". ")[0].rstrip(".").replace("|", "/")


def asked(record: Mapping[str, Any]) -> str:
    own = [goal for goal in record["goals"] if not goal["default"]]
    signs = {"at_least": "≥", "at_most": "≤"}
    return "; ".join(f"{g['region']} {g['metric']} {signs[g['sense']]} {g['bound']:g} {g['unit']}" for g in own)


def found(record: Mapping[str, Any]) -> str:
    own = [goal for goal in record["goals"] if not goal["default"]]
    values = [f"{g['region']} {shown(g)}{'' if g['met'] else ' (missed)'}" for g in own]
    return "; ".join([*values, record["summary"]["verdict"]])


def shown(goal: Mapping[str, Any]) -> str:
    return f"{goal['value']:.2g} min" if goal["unit"] == "min" else f"{goal['value']:.1f} °C"


def main(folder: Path, *, quick: bool) -> None:
    readme = folder / "README.md"
    text = readme.read_text(encoding="utf-8")
    head, rest = text.split(BEGIN)
    rows = ["| file | what it studies | asked | found | processor time, mesh |", "|---|---|---|---|---|"]
    for path in sorted(folder.glob("*.toml")):
        print(path.name, flush=True)
        rows.append(row(path, quick=quick))
        print(rows[-1], flush=True)
    readme.write_text(f"{head}{BEGIN}\n" + "\n".join(rows) + f"\n{END}{rest.split(END)[1]}", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=HERE)
    parser.add_argument("--quick", action="store_true", help="coarse meshes")
    given = parser.parse_args()
    main(given.folder, quick=given.quick)
