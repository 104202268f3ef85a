"""Cross-checks between the keys of a protocol, made on the raw file so that no complaint hides another."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from ..anatomy.tissue import anaesthetise, canonical_tissue, species_facts
from ..base.errors import InputError
from ..base.units import NotAQuantity, toml_text
from ..files.images.labels import Label, read_label_table, regions_of, segment_table
from ..files.images.segments import names_segments
from ..files.images.suffixes import LABELS, PLACED_IMAGES
from ..files.tables.landmarks import SUFFIXES as LANDMARKS
from ..goals import CORE, EVERYWHERE_ELSE, SKIN
from .complaints import suggestion
from .readings import read_when

_ONE_OF = (
    (("iron", "registration"), ("file", "landmarks", "reference"), 'landmarks = "pairs.csv"'),
    (("anatomy",), ("labels", "mesh"), 'labels = "mouse-labels.nii.gz" or mesh = "mouse.msh"'),
    (("tracer",), ("name", "file"), 'name = "synomag-d" or file = "my-tracer.toml"'),
    (("device",), ("name", "file"), 'name = "berkeley-ffp" or file = "my-device.toml"'),
    (("anatomy", "add"), ("sphere", "mask", "iron_above"), 'sphere = "4.1 -2.0 31.5 mm, 4 mm"'),
    (("goals",), ("metric", "template"), 'metric = "CEM43T90" or template = "thermal-dose"'),
    (("goals",), ("at_least", "at_most", "template"), 'at_least = "10 min"'),
    (("limits",), ("at_least", "at_most"), 'at_most = "42 degC"'),
    (("boundary", "bed"), ("normal", "surface"), 'normal = "0 -1 0"'),
)
_SURFACE = "heat_transfer with ambient, or temperature, or insulated = true"
_AIR = {"heat_transfer", "ambient", "ambient_course", "emissivity", "surroundings"}
_REGISTRATION = ("file", "landmarks", "reference")
_FILES = (
    (("iron",), "image"),
    (("iron",), "registration"),
    *((("iron", "registration"), key) for key in _REGISTRATION),
    (("iron", "registration"), "moving"),
    (("iron",), "calibration"),
    (("anatomy",), "labels"),
    (("anatomy",), "label_table"),
    (("anatomy",), "mesh"),
    (("anatomy", "add"), "mask"),
    (("tracer",), "file"),
    (("device",), "file"),
    (("device",), "to_device"),
    (("device",), "selection"),
    (("device",), "drive"),
    (("tracer",), "table"),
    (("session",), "trajectory"),
    (("physiology",), "core_course"),
    (("boundary", "skin"), "ambient_course"),
    (("boundary", "bed"), "ambient_course"),
    (("vessels",), "path"),
)
_IMAGES = {
    "iron.image": PLACED_IMAGES,
    "iron.registration.reference": PLACED_IMAGES,
    "iron.registration.moving": PLACED_IMAGES,
    "iron.registration.landmarks": LANDMARKS,
    "anatomy.labels": LABELS,
}
_FOLDERS = ("iron.image", "iron.registration.reference", "iron.registration.moving")
_LONGEST_NAME = 255


def complaints_between(raw: Mapping[str, object], where: str) -> Iterator[str]:
    """Complaints between keys: keys that exclude or need each other, and what is not built yet."""
    for path, keys, example in _ONE_OF:
        for name, table in _tables_at(raw, path):
            given = [key for key in keys if key in table]
            if len(given) != 1:
                have = f"has {' and '.join(given)}" if given else f"has none of {', '.join(keys)}"
                yield f"{where}: {name}: {have}; expected exactly one, such as {example}"
    for name, iron in _tables_at(raw, ("iron",)):
        yield from _signal_or_iron(iron, f"{where}: {name}")
        yield from _scan_times(iron, f"{where}: {name}")
    for name, way in _tables_at(raw, ("iron", "registration")):
        if "moving" in way and "reference" not in way:
            yield (
                f"{where}: {name}.moving = {toml_text(way['moving'])}: expected beside it the image that it is brought "
                'to, such as reference = "anatomy-ct.nii.gz"'
            )
    for name, anatomy in _tables_at(raw, ("anatomy",)):
        if "labels" in anatomy and "label_table" not in anatomy and not names_segments(Path(str(anatomy["labels"]))):
            yield f'{where}: {name}.label_table: missing: expected a table, such as "mouse-labels.csv"'
    for path in (("boundary", "skin"), ("boundary", "bed")):
        for name, surface in _tables_at(raw, path):
            yield from _surface(surface, f"{where}: {name}")
    for name, physiology in _tables_at(raw, ("physiology",)):
        if "core_course" in physiology and "core" in physiology:
            yield (
                f"{where}: {name}: has core and core_course; expected one of them: a core that follows a file is "
                "no state of its own"
            )
    for name, mesh in _tables_at(raw, ("mesh",)):
        if mesh.get("order", 1) not in (1, 2):
            yield f"{where}: {name}.order = {toml_text(mesh['order'])}: expected 1 (linear elements) or 2 (quadratic)"
    yield from _repetitions(raw, "probes", where)
    yield from _repetitions(raw, "vessels", where)
    yield from _probe_columns(raw, where)
    yield from _templates(raw, where)
    for name, session in _tables_at(raw, ("session",)):
        if session.get("shortest") is True:
            yield from (
                f"{where}: {goal}.window: has no place in a session whose length is to be found ({name}.shortest)"
                for key in ("goals", "limits")
                for goal, table in _tables_at(raw, (key,))
                if "window" in table
            )
    for name, steering in _tables_at(raw, ("steering",)):
        for key, example in (("gradients", '["1.2 T/m", "2.35 T/m"]'), ("directions", '["A", "R"]')):
            if steering.get(key) == []:
                yield f"{where}: {name}.{key}: is empty; expected one or more, such as {example}"


def _signal_or_iron(iron: Mapping[str, object], where: str) -> Iterator[str]:
    """A calibrated image has a unit, a signal image a calibration; what goes with each."""
    if "calibration" not in iron:
        if "unit" not in iron:
            yield (
                f'{where}.unit: missing: expected the unit of the image, such as "mg/mL", or for an image of signal '
                'calibration = "fiducials.csv"'
            )
        if "roi" in iron:
            yield (
                f"{where}.roi = {toml_text(iron['roi'])}: marks voxels of a signal image; expected with it "
                'calibration = "fiducials.csv"'
            )
        return
    for key, why in (("unit", "a signal image has none"), ("uncertainty", "the calibration tells it")):
        if key in iron:
            yield f"{where}: has calibration and {key}: {why}; leave {key} out"


def _scan_times(iron: Mapping[str, object], where: str) -> Iterator[str]:
    """Scan and heating come in this order, both in a zone of time or neither."""
    try:
        scanned, heated = read_when(iron.get("scanned_at")), read_when(iron.get("heating_at"))
    except NotAQuantity:
        return  # is complained of elsewhere, or one of them is not given
    said = f"{where}.heating_at = {toml_text(iron['heating_at'])}"
    if (scanned.tzinfo is None) != (heated.tzinfo is None):
        yield f"{said}: expected a zone of time in both or in neither of scanned_at and heating_at"
    elif heated < scanned:
        yield f"{said}: before the scan, scanned_at = {toml_text(iron['scanned_at'])}; expected a later time"


def named_files(raw: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """``(key, name)`` of every file that a protocol names."""
    for path, key in _FILES:
        for name, table in _tables_at(raw, path):
            given = table.get(key)
            for file in given if isinstance(given, list) else [given]:
                if isinstance(file, str):
                    yield f"{name}.{key}", file


def file_complaints(raw: Mapping[str, object], folder: Path, where: str) -> Iterator[str]:
    """Files that are not there, or of a kind that cannot be read yet."""
    for key, name in named_files(raw):
        path, said = folder / name, f"{where}: {key} = {toml_text(name)}"
        if len(path.name) > _LONGEST_NAME:
            yield f"{said}: no such file: the name is too long for one"
        elif os.path.isdir(path):
            if key not in _FOLDERS:
                yield f"{said}: is a folder; expected a file"
        elif not os.path.isfile(path):
            near = difflib.get_close_matches(path.name, _listing(path.parent), 1)
            hint = f'; did you mean "{near[0]}"?' if near else ""
            yield f"{said}: no such file in {path.parent}{hint}"
        elif key in _IMAGES and not name.lower().endswith(_IMAGES[key]):
            yield f"{said}: of no known kind; expected one of {', '.join(_IMAGES[key])}"


def name_complaints(raw: Mapping[str, object], folder: Path, where: str) -> Iterator[str]:
    """Species, tissues and regions that nobody knows; the label table is read for its regions."""
    for _, anatomy in _tables_at(raw, ("anatomy",)):
        species = anatomy.get("species", "mouse")
        if isinstance(species, str):
            refused = list(_refusals(species_facts, species))
            yield from (f"{where}: {words}" for words in refused or _anaesthesia(raw, species))
        read = read_label_table if "label_table" in anatomy else segment_table
        table = folder / str(anatomy.get("label_table", anatomy.get("labels")))[:_LONGEST_NAME]
        if "labels" in anatomy and os.path.isfile(table) and (read is read_label_table or names_segments(table)):
            yield from _refusals(read, table)
            yield from _region_complaints(raw, table, read, where)
    for key, tissue in _tissues(raw):
        yield from (f"{where}: {key}: {words}" for words in _refusals(canonical_tissue, tissue))


def _tables_at(raw: Mapping[str, object], path: tuple[str, ...]) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Tables under ``path``, those of a list one by one; what is no table is complained of elsewhere."""
    found: list[tuple[str, object]] = [("", raw)]
    for key in path:
        deeper = [
            (f"{name}.{key}".lstrip("."), table[key])
            for name, table in found
            if isinstance(table, Mapping) and key in table
        ]
        found = [
            (f"{name}[{i}]", part) for name, value in deeper if isinstance(value, list) for i, part in enumerate(value)
        ]
        found += [(name, value) for name, value in deeper if not isinstance(value, list)]
    yield from ((name, table) for name, table in found if isinstance(table, Mapping))


def _surface(surface: Mapping[str, object], where: str) -> Iterator[str]:
    ways = [bool(_AIR & surface.keys()), "temperature" in surface, surface.get("insulated") is True]
    if sum(ways) != 1:
        yield f"{where}: expected exactly one of {_SURFACE}"
    if "ambient" in surface and "ambient_course" in surface:
        yield f"{where}: has ambient and ambient_course; expected one of them: a course begins at its own temperature"
    if "emissivity" in surface and "heat_transfer" not in surface:
        yield (
            f'{where}.emissivity: expected heat_transfer beside it, of convection alone, such as "5 W/m^2/K": '
            "the species' own heat transfer has radiation in it"
        )
    if "surroundings" in surface and "emissivity" not in surface:
        yield f"{where}.surroundings: expected emissivity beside it, such as 0.98"


def _anaesthesia(raw: Mapping[str, object], species: str) -> Iterator[str]:
    for _, physiology in _tables_at(raw, ("physiology",)):
        agent = physiology.get("anaesthesia")
        if isinstance(agent, str):
            yield from _refusals(lambda name: anaesthetise((), species, name), agent)


def _templates(raw: Mapping[str, object], where: str) -> Iterator[str]:
    """A template says everything but its regions, and which other regions it spares."""
    for name, goal in _tables_at(raw, ("goals",)):
        others = goal.keys() - {"region", "template", "spared", "metric", "at_least", "at_most"}
        if "template" in goal and others:
            yield f"{where}: {name}: a template takes no {', '.join(sorted(others))}; write its goals out instead"
        if "spared" in goal and "template" not in goal:
            yield f"{where}: {name}.spared: belongs to a template; expected a limit of its own"


def _repetitions(raw: Mapping[str, object], tables: str, where: str) -> Iterator[str]:
    seen: set[str] = set()
    for key, table in _tables_at(raw, (tables,)):
        name = table.get("name")
        if isinstance(name, str) and name in seen:
            yield f'{where}: {key}.name = "{name}": used twice; expected a name of its own'
        seen |= {name} if isinstance(name, str) else set()


def _probe_columns(raw: Mapping[str, object], where: str) -> Iterator[str]:
    """Probes whose column in a run's tables would be another's: each has ``name``, ``name_low`` and ``name_high``."""
    names = [str(table.get("name")) for _, table in _tables_at(raw, ("probes",))]
    for key, table in _tables_at(raw, ("probes",)):
        name = str(table.get("name"))
        for ending in ("_low", "_high"):
            if name.endswith(ending) and name.removesuffix(ending) in names:
                yield (
                    f'{where}: {key}.name = "{name}": is a column of probe "{name.removesuffix(ending)}" in the tables '
                    "of a run; expected another name"
                )


def _listing(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir()) if os.path.isdir(folder) else []


def _refusals[Value](read: Callable[[Value], object], value: Value) -> Iterator[str]:
    """The complaints of ``read``."""
    try:
        read(value)
    except InputError as error:
        yield from error.complaints


def _tissues(raw: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    given = raw.get("tissues")
    yield from ((f"tissues.{name}", name) for name in (given if isinstance(given, Mapping) else ()))
    for key, added in _tables_at(raw, ("anatomy", "add")):
        tissue = added.get("tissue")
        if isinstance(tissue, str):
            yield f"{key}.tissue", tissue


def _region_complaints(
    raw: Mapping[str, object], table: Path, read: Callable[[Path], Mapping[int, Label]], where: str
) -> Iterator[str]:
    try:
        known = list(regions_of(read(table)))
    except InputError:
        return
    added = (table.get("region") for _, table in _tables_at(raw, ("anatomy", "add")))
    known += [name for name in added if isinstance(name, str)]
    for path, key, special in (
        (("goals",), "region", (SKIN, CORE)),
        (("iron",), "uptake", ()),
        (("limits",), "region", (SKIN, CORE, EVERYWHERE_ELSE)),
        (("goals",), "spared", (SKIN,)),
    ):
        for name, part in _tables_at(raw, path):
            given = part.get(key, ())
            for region in [given] if isinstance(given, str) else given if isinstance(given, list) else ():
                if isinstance(region, str) and region not in (*known, *special):
                    yield (
                        f"{where}: {name}.{key} = {toml_text(region)}: not a region of {table.name}; "
                        f"{suggestion(region, tuple(dict.fromkeys((*known, *special))))}"
                    )
