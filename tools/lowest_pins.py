"""Write constraints-lowest.txt: of every dependency the lowest version that pyproject.toml allows."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def lowest_pins(project: dict[str, object]) -> list[str]:
    """Pins ``name==version`` of all requirements that state a lower bound, highest bound where several do."""
    extras = project["optional-dependencies"]
    assert isinstance(extras, dict) and isinstance(project["dependencies"], list)
    bounds: dict[str, str] = {}
    for requirement in [*project["dependencies"], *(line for lines in extras.values() for line in lines)]:
        match = re.fullmatch(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?>=([0-9.]+)", requirement)
        if match:
            name, version = match[1].lower().replace("_", "-"), match[2]
            bounds[name] = max(version, bounds.get(name, "0"), key=lambda text: [int(part) for part in text.split(".")])
    return [f"{name}=={version}" for name, version in sorted(bounds.items())]


if __name__ == "__main__":
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    text = "# Lowest versions that pyproject.toml allows; made by `make pins-lowest`.\n"
    (ROOT / "constraints-lowest.txt").write_text(
        text + "\n".join(lowest_pins(settings["project"])) + "\n", encoding="utf-8"
    )
