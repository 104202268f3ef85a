"""Draw docs/rooms.svg: the rooms and which imports which, from layers and import graph of the architecture test.

An arrow that follows from others is left out (the transitive reduction), and so are those to ``base``: all import it.
"""

from __future__ import annotations

import sys
from itertools import permutations
from pathlib import Path

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "rooms.svg"
sys.path.insert(0, str(ROOT / "tests"))

from test_architecture import EDGES, LAYERS, room_edges  # noqa: E402

GROUND = "base"
WIDTH = 960.0
ROW = 74.0
"""From one row of rooms to the next: a box of 34 and room for curves; at 50 they are too flat to follow."""
BOX = (132.0, 34.0)
MARGIN = 14.0
SWEEPS = 4
"""Over all rows; the order of the rooms no longer changes after two."""
SHEET = (
    "text{font:14px system-ui,sans-serif;fill:#1c1b19}"
    "rect{fill:#f3f1ec;stroke:#8d8a84}.edge{fill:#e3edf5}path{fill:none;stroke:#63605a;stroke-opacity:.55}"
)


def places(edges: list[tuple[str, str]]) -> dict[str, tuple[float, float]]:
    """Middle of every room's box: a row a layer, in the order that keeps arrows short; the two edges at the left."""
    rows = [row for layer in LAYERS if (row := [room for room in layer if not room.startswith("__")])]
    left = BOX[0] + 3 * MARGIN
    across = dict.fromkeys(EDGES, MARGIN + BOX[0] / 2) | {room: WIDTH / 2 for row in rows for room in row}
    for _ in range(SWEEPS):
        for row in rows:
            slots = [left + (WIDTH - left) * (k + 0.5) / len(row) for k in range(len(row))]
            orders = [dict(zip(order, slots, strict=True)) for order in permutations(row)]
            across |= min(orders, key=lambda order: _length(across | order, edges))
    depth = {room: k for k, row in enumerate(rows) for room in row}
    depth |= {room: k for k, room in enumerate(EDGES, start=depth["report"] - 1)}
    return {room: (x, MARGIN + BOX[1] / 2 + depth[room] * ROW) for room, x in across.items()}


def _length(across: dict[str, float], edges: list[tuple[str, str]]) -> float:
    return sum(abs(across[room] - across[used]) for room, used in edges)


def drawn_edges() -> list[tuple[str, str]]:
    """Imports between rooms that do not follow from others."""
    uses: dict[str, set[str]] = {}
    for room, used in room_edges():
        if used != GROUND and not room.startswith("__"):
            uses.setdefault(room, set()).add(used)
    reached: dict[str, set[str]] = {}

    def below(room: str) -> set[str]:
        if room not in reached:
            reached[room] = set().union(*({used} | below(used) for used in uses.get(room, ())))
        return reached[room]

    implied = {(room, far) for room, near in uses.items() for used in near for far in below(used)}
    return sorted({(room, used) for room, near in uses.items() for used in near} - implied)


def picture() -> str:
    """The drawing, an SVG that stands alone."""
    edges = drawn_edges()
    at = places(edges)
    height = max(y for _, y in at.values()) + BOX[1] / 2 + MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:g} {height:g}" role="img" '
        f'aria-label="Rooms of thermoplan; an arrow points to the room that is imported"><style>{SHEET}</style>',
        f'<rect width="{WIDTH:g}" height="{height:g}" style="fill:#fff;stroke:none"/>',
        '<defs><marker id="tip" viewBox="0 0 6 6" refX="6" refY="3" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L6 3L0 6z" style="fill:#63605a;stroke:none"/></marker></defs>',
    ]
    for room, used in edges:
        parts.append(f'<path d="{_curve(at[room], at[used])}" marker-end="url(#tip)"/>')
    for room, (x, y) in at.items():
        kind = ' class="edge"' if room in EDGES else ""
        parts.append(
            f'<rect{kind} x="{x - BOX[0] / 2:g}" y="{y - BOX[1] / 2:g}" width="{BOX[0]:g}" height="{BOX[1]:g}" rx="6"/>'
            f'<text x="{x:g}" y="{y + 5:g}" text-anchor="middle">{room}</text>'
        )
    return "\n".join([*parts, "</svg>\n"])


def _curve(start: tuple[float, float], end: tuple[float, float]) -> str:
    """From the lower side of a box to the upper side of another, or into the right side of one at the left."""
    x, y = start[0], start[1] + BOX[1] / 2
    if end[0] < BOX[0] < start[0]:
        to_x, to_y = end[0] + BOX[0] / 2, end[1]
        return f"M{x:g} {y:g}C{x:g} {to_y:g} {(x + to_x) / 2:g} {to_y:g} {to_x:g} {to_y:g}"
    to_x, to_y = end[0], end[1] - BOX[1] / 2
    bend = min((to_y - y) / 2, ROW)
    return f"M{x:g} {y:g}C{x:g} {y + bend:g} {to_x:g} {to_y - bend:g} {to_x:g} {to_y:g}"


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
