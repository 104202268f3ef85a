"""Write constraints-lowest.txt, the lowest version of every dependency that pyproject.toml allows."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TypedDict

ROOT = Path(__file__).parents[1]
Project = TypedDict("Project", {"dependencies": list[str], "optional-dependencies": dict[str, list[str]]})


def lowest_pins(project: Project) -> list[str]:
    """Pins ``name==version`` of every requirement that states a lower bound."""
    lines = [*project["dependencies"], *(line for lines in project["optional-dependencies"].values() for line in lines)]
    found = [match for line in lines if (match := re.fullmatch(r"([\w.-]+)(?:\[[^\]]*\])?>=([\w.]+)", line))]
    bounds = {(re.sub(r"[-_.]+", "-", match[1].lower()), match[2]) for match in found}
    twice = {name for name, _ in bounds if sum(name == other for other, _ in bounds) > 1}
    if twice:
        raise SystemExit(f"pyproject.toml has two lower bounds of {', '.join(sorted(twice))}")
    return [f"{name}=={version}" for name, version in sorted(bounds)]


def main() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = ["# Lowest versions that pyproject.toml allows; made by `make pins-lowest`.", *lowest_pins(project)]
    (ROOT / "constraints-lowest.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
