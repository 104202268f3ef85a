"""Mutants of a protocol: a mistake of a known kind, which must be refused, or a free change, which may be accepted.

A refusal names file, key, value and remedy.
"""

from __future__ import annotations

import random
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import tomlkit
from small_case import PROTOCOL

from thermoplan.base.errors import InputError
from thermoplan.commands.check import check_protocol

MORE = """
[[anatomy.add]]
region = "node"
tissue = "tumour"
sphere = "0 6 0 mm, 3 mm"

[[limits]]
region = ["liver", "body"]
metric = "Tmax"
at_most = "45 degC"
shell = "1 mm to 3 mm"

[[goals]]
region = "tumour"
metric = "T50"
at_least = "40 degC"
window = "2 min to 9 min"
priority = 2
weight = 1.5

[[vessels]]
name = "aorta"
path = "aorta.csv"
diameter = "1 mm"
flow = "5 mL/min"

[tissues.muscle]
perfusion = "300 mL/min/kg"
metabolic_heat = "700 W/m^3"
conductivity = "0.5 W/m/K"

[steering]
spacing = "2 mm"
margin = "3 mm"
windows = 6
min_dwell = "0.2 s"

[safety]
h_f_at_most = "1e12 A/m/s"
absorbed_at_most = "5 W"

[test_shot]
amplitude = "6 mT"
duration = "2 min"
"""
SLOWEST_S = 10.0
REMEDIES = (
    "expected",
    "did you mean",
    "give ",
    "leave ",
    "remove",
    "check ",
    "correct",
    "change",
    "takes no",
    "belongs to",
    "exactly one",
    "first line",
    "write ",
    "no such file",
    "cannot be read as TOML",
    "not less than",
    "is empty",
    "set ",
    "lower",
    "raise",
    "out of reach",
    "it has",
    "save it",
    "replaces it",
    "reads schema = 1",
)
"""Words of which one stands in every refusal with a remedy."""
Path_ = tuple[str | int, ...]
OTHER_UNITS = ("mT", "kHz", "mm", "s", "degC", "W/kg", "mg/mL", "T/m", "kg", "Pa*s", "A", "J", "furlong", "mmm", "")
ABSURD = ("1e-320", "1e-60", "1e60", "1e300", "9e999", "-1", "-1e9")
WORDS = (
    "yes",
    "none",
    "NaN",
    "inf",
    "-",
    "…",
    "\u0000",
    "x" * 5000,
    "13",
    "mT",
    "13 mT mT",
    "0x10 mm",
    "1,5 mm",
    "١٣ mm",
)
BLANK: tuple[object, ...] = (
    True,
    12,
    -3.5,
    [],
    {},
    [[]],
    [1, 2],
    {"value": 1},
    "",
    float("nan"),
    float("inf"),
    10**400,
)
OPEN_TEXT = {("name",), ("tracer", "effective"), ("tracer", "source"), ("device", "source"), ("device", "pose")}
NAMES = {("name",), ("probes", 0, "name"), ("anatomy", "add", 0, "region"), ("vessels", 0, "name")}
NO_NAMES = ("", " ", ".", "..", "/", "a\nb", "n" * 240, "\x07")


@dataclass(frozen=True)
class Mutant:
    """Text of a protocol, the kind of its change, True where it must be refused, and the changed place and value."""

    text: str
    kind: str
    wrong: bool
    said: str = ""


def leaves(part: object, path: Path_ = ()) -> Iterator[tuple[Path_, object]]:
    """Every value of a protocol with its place."""
    rows = part.items() if isinstance(part, Mapping) else enumerate(part) if isinstance(part, list) else None
    if rows is None:
        yield path, part
        return
    for key, value in rows:
        yield from leaves(value, (*path, key))


def change(document: dict[str, object], path: Path_, value: object, kind: str, *, wrong: bool = True) -> Mutant:
    """A document with a value in a place."""
    return Mutant(put(document, path, value), kind, wrong, f"{'.'.join(map(str, path))} = {str(value)[:80]!r}")


def put(document: dict[str, object], path: Path_, value: object) -> str:
    """The document's text with a value in a place."""
    owner: object = document
    for key in path[:-1]:
        owner = owner[key]  # type: ignore[index]
    owner[path[-1]] = value  # type: ignore[index]
    return tomlkit.dumps(document)


def quantities(document: dict[str, object]) -> list[tuple[Path_, str, str]]:
    """Places of quantities with their number and unit."""
    found = []
    for path, value in leaves(document):
        number, _, unit = value.partition(" ") if isinstance(value, str) else ("", "", "")
        if unit and number.replace(".", "", 1).replace("e", "", 1).isdigit() and path[-1] != "sphere":
            found.append((path, number, unit))
    return found


def other_unit(document: dict[str, object], dice: random.Random) -> Mutant:
    path, number, unit = dice.choice(quantities(document))
    shares = [word for word in OTHER_UNITS if word != unit and not (unit == "degC" and word in ("", "K"))]
    new = dice.choice(shares)
    if {unit, new} <= {"s", "min"} or {unit, new} <= {"mm", "m"} or (path[-1], new) == ("metabolic_heat", "W/kg"):
        new = "furlong"
    return change(document, path, f"{number} {new}".strip(), "unit of another kind")


def absurd(document: dict[str, object], dice: random.Random) -> Mutant:
    path, _, unit = dice.choice(quantities(document))
    number = dice.choice([word for word in ABSURD if "60" in word or "e9" in word or "300" in word])
    if unit == "degC" and number in ("1e-60", "1e-320"):
        number = "1e60"
    if (
        path[-1] in ("margin", "min_dwell", "perfusion", "metabolic_heat", "position", "window", "shell")
        or "boundary" in path
    ):
        number = "1e60"  # zero, and what is next to it, is a value of these
    return change(document, path, f"{number} {unit}", "absurd number")


def other_type(document: dict[str, object], dice: random.Random) -> Mutant:
    path, value = dice.choice([entry for entry in leaves(document) if entry[0][-1] not in ("schema", "weight")])
    bad = [new for new in BLANK if type(new) is not type(value) and not (isinstance(path[-1], int))]
    if isinstance(path[-1], int) or path[-1] in ("windows", "priority"):
        bad = [True, -3.5, [], {}, "", 10**400]
    return change(document, path, dice.choice(bad), "value of another type")


def no_quantity(document: dict[str, object], dice: random.Random) -> Mutant:
    path, _, _ = dice.choice(quantities(document))
    word = dice.choice(WORDS)
    return Mutant(
        put(document, path, "none" if word == "none" and path[-1] == "perfusion" else word), "no quantity", True
    )


def misspelt(document: dict[str, object], dice: random.Random) -> Mutant:
    """A key with a letter doubled; a tissue misspelt is a table of its own, and refused as such."""
    path = dice.choice([path for path, _ in leaves(document) if isinstance(path[-1], str)])
    owner: object = document
    for key in path[:-1]:
        owner = owner[key]  # type: ignore[index]
    at = dice.randrange(len(path[-1]))
    owner[path[-1][:at] + path[-1][at] + path[-1][at:]] = owner.pop(path[-1])  # type: ignore[index]
    return Mutant(tomlkit.dumps(document), "misspelt key", True)


def missing(document: dict[str, object], dice: random.Random) -> Mutant:
    needed = [
        ("schema",),
        ("iron", "image"),
        ("iron", "unit"),
        ("anatomy", "labels"),
        ("anatomy", "label_table"),
        ("tracer", "name"),
        ("device", "name"),
        ("session", "duration"),
        ("goals", 0, "region"),
        ("goals", 0, "metric"),
        ("goals", 0, "at_least"),
        ("limits", 0, "at_most"),
        ("probes", 0, "position"),
        ("vessels", 0, "path"),
        ("iron",),
        ("session",),
        ("tracer", "measured_slp", "basis"),
    ]
    path = dice.choice(needed)
    owner: object = document
    for key in path[:-1]:
        owner = owner[key]  # type: ignore[index]
    del owner[path[-1]]  # type: ignore[attr-defined]
    return Mutant(tomlkit.dumps(document), "missing key", True)


def lost_file(document: dict[str, object], dice: random.Random) -> Mutant:
    files = [("iron", "image"), ("anatomy", "labels"), ("anatomy", "label_table"), ("vessels", 0, "path")]
    path = dice.choice([*files, ("session", "trajectory"), ("iron", "registration")])
    words = (
        "no.nii.gz",
        "../../etc/hostname",
        ".",
        "n" * 300,
        "/dev/zero",
        "labels.csv/x",
        "aorta.csv\u0000",
        "iron.png",
    )
    return change(document, path, dice.choice(words), "file that is not there")


def unknown_name(document: dict[str, object], dice: random.Random) -> Mutant:
    places: list[Path_] = [
        ("goals", 0, "region"),
        ("iron", "uptake", 0),
        ("limits", 0, "region", 0),
        ("anatomy", "add", 0, "tissue"),
        ("anatomy", "species"),
        ("tracer", "name"),
        ("device", "name"),
        ("goals", 0, "metric"),
        ("tracer", "measured_slp", "medium"),
    ]
    path = dice.choice(places)
    words = (
        ("livver", "rat2") if path[-1] == "tissue" else ("tumor", "livver", "rat2", "Liver ")
    )  # tissues have synonyms
    return change(document, path, dice.choice(words), "unknown name")


def no_name(document: dict[str, object], dice: random.Random) -> Mutant:
    return change(document, dice.choice(sorted(NAMES, key=str)), dice.choice(NO_NAMES), "no name")


def torn(document: dict[str, object], dice: random.Random) -> Mutant:
    """A measurement beside another tracer than it names."""
    put(document, ("tracer", "measured_slp", "tracer"), "synomag-d")
    return change(document, ("tracer", "name"), dice.choice(("vivotrax", "perimag", "ferucarbotran")), "torn SLP")


def contrary(document: dict[str, object], dice: random.Random) -> Mutant:
    """Keys that are right alone and wrong together."""
    pairs: list[tuple[Path_, object]] = [
        (("steering", "min_dwell"), "11 min"),
        (("goals", 1, "window"), "2 min to 11 min"),
        (("probes", 0, "position"), "0 0 80 mm"),
        (("anatomy", "add", 0, "sphere"), "0 0 300 mm, 1 mm"),
        (("physiology", "core_course"), "aorta.csv"),
        (("boundary", "skin", "temperature"), "30 degC"),
        (("boundary", "skin", "insulated"), True),
        (("goals", 0, "at_most"), "5 min"),
        (("goals", 0, "template"), "ablation"),
        (("anatomy", "mesh"), "mouse.msh"),
        (("mesh", "target_size"), "0.02 mm"),
        (("test_shot", "amplitude"), "800 mT"),
        (("session", "output_step"), "20 min"),
        (("iron", "roi"), "half-maximum"),
        (("safety", "eddy_local_at_most"), "Kleiber1947"),
        (("tracer", "measured_slp", "value"), "9000 W/g"),
        (("vessels", 0, "diameter"), "50 mm"),
        (("goals", 0, "at_least"), "1e8 min"),
        (("device", "drive_axis"), "0 0 0"),
        (("tracer", "iron_fraction"), 1.2),
    ]
    path, value = dice.choice(pairs)
    return change(document, path, value, "keys against each other")


def broken_text(document: dict[str, object], dice: random.Random) -> Mutant:
    text = tomlkit.dumps(document)
    ways = (
        lambda: text.replace("=", "", 1),
        lambda: text + '\nname = "again\n',
        lambda: text + "\n[iron]\n",
        lambda: text.replace('"', "", 1),
        lambda: "x = " + "[" * 3000 + "]" * 3000 + "\n" + text,
        lambda: f"big = {'9' * 5000}\n" + text,
        lambda: text[: dice.randrange(40, len(text) - 60)] + "\x00",
    )
    return Mutant(dice.choice(ways)(), "no TOML", True)


def scaled(document: dict[str, object], dice: random.Random) -> Mutant:
    """A quantity times a power of ten of which nothing is known."""
    path, number, unit = dice.choice(quantities(document))
    return change(document, path, f"{float(number) * 10 ** dice.uniform(-7, 7):.4g} {unit}", "scaled", wrong=False)


def swapped(document: dict[str, object], dice: random.Random) -> Mutant:
    """Two values in each other's place."""
    (first, one), (second, two) = dice.sample(list(leaves(document)), 2)
    put(document, first, two)
    return change(document, second, one, "swapped", wrong=False)


KINDS: tuple[Callable[[dict[str, object], random.Random], Mutant], ...] = (
    other_unit,
    absurd,
    other_type,
    no_quantity,
    misspelt,
    missing,
    lost_file,
    unknown_name,
    no_name,
    torn,
    contrary,
    broken_text,
    scaled,
    swapped,
)


def mutants(count: int, seed: int) -> Iterator[Mutant]:
    """Mutants, the same for a seed; every kind in turn."""
    dice = random.Random(seed)
    for number in range(count):
        yield KINDS[number % len(KINDS)](tomllib.loads(PROTOCOL + MORE), dice)


def faults(mutant: Mutant, path: Path) -> tuple[list[str], str]:
    """What is wrong with the way a mutant ends, and its message."""
    path.write_text(mutant.text, encoding="utf-8")
    start = time.process_time()
    found, message = [], ""
    try:
        check_protocol(path)
        if mutant.wrong:
            found.append(f"accepted: {mutant.said}")
    except InputError as error:
        message = str(error)
        found += [f"no remedy: {words}" for words in error.complaints if not any(r in words for r in REMEDIES)]
        found += [f"no file: {words}" for words in error.complaints if not _names_file(words, path.parent)]
        found += [f"long: {words[:200]}" for words in error.complaints if len(words) > 1500]
    except Exception as error:
        found.append(f"uncaught {type(error).__name__}: {str(error)[:300]}")
    if time.process_time() - start > SLOWEST_S:
        found.append(f"slow: {time.process_time() - start:.1f} s")
    return found, message


def _names_file(words: str, folder: Path) -> bool:
    """True where a complaint opens with a file: the protocol, or one that it names."""
    name = words.partition(":")[0]
    return (folder / name).exists() or name in ("hostname",)


def write_inputs(folder: Path) -> None:
    """Write what the mutants' protocol names beside the small case's own."""
    (folder / "aorta.csv").write_text("x_mm,y_mm,z_mm\n0,-6,-15\n0,-6,15\n")
