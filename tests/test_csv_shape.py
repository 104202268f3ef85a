"""Every reader of CSV looks at the shape of its table: what is not one number under one name is refused."""

from __future__ import annotations

import ast
import codecs
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from test_trajectories import machine

import thermoplan
from thermoplan.base.errors import InputError
from thermoplan.commands.tracer_fits import _measurements
from thermoplan.files.images.labels import read_label_table
from thermoplan.files.run.trajectories import read_trajectory
from thermoplan.files.tables.calibrations import read_fiducials
from thermoplan.files.tables.columns import read_columns
from thermoplan.files.tables.fieldmaps import read_field_map
from thermoplan.files.tables.landmarks import read_pairs, read_points
from thermoplan.files.tables.slptables import read_slp_table
from thermoplan.files.text.text_files import read_text

PACKAGE = Path(thermoplan.__file__).parent


class Reader(NamedTuple):
    """A reader, a table that it reads, and a column of numbers of it."""

    read: Callable[[Path], object]
    text: str
    column: str
    suffix: str = ".csv"


FIELD = np.array([(x, y, z, -x, -y, 2 * z) for x in (-9, 0, 9) for y in (-9, 0, 9) for z in (-9, 0, 9)], float)
READERS = {
    "columns": Reader(
        lambda p: read_columns(p, ("time_s", "temperature_C")), "time_s,temperature_C\n0,25\n2,26\n", "temperature_C"
    ),
    "calibration": Reader(read_fiducials, "name,iron_ug,signal\na,10,7\nb,20,14\n", "signal"),
    "pairs": Reader(
        read_pairs,
        "name,moving_x_mm,moving_y_mm,moving_z_mm,fixed_x_mm,fixed_y_mm,fixed_z_mm\na,1,2,3,4,5,6\nb,2,2,4,5,5,7\n",
        "fixed_y_mm",
    ),
    "points": Reader(read_points, "name,x_mm,y_mm,z_mm\na,1,2,3\nb,4,5,6\n", "y_mm"),
    "labels": Reader(read_label_table, "label,region,tissue\n3,liver,liver\n4,spleen,spleen\n", "label"),
    "trajectory": Reader(
        lambda p: read_trajectory(p, machine(), 60.0),
        "start_s,dwell_s,x_mm,y_mm,z_mm,amplitude_mT\n0,1,2,3,4,13\n5,2,2,3,4,12\n",
        "amplitude_mT",
    ),
    "slp table": Reader(read_slp_table, "amplitude_mT,frequency_kHz,slp_W_g\n5,354,60\n13,354,250\n", "slp_W_g"),
    "field map": Reader(
        read_field_map,
        "x_mm,y_mm,z_mm,bx_mT,by_mT,bz_mT\n" + "".join(",".join(f"{v:g}" for v in row) + "\n" for row in FIELD),
        "bz_mT",
    ),
    "measurements": Reader(
        lambda p: _measurements(p, {"basis": "iron", "medium": "tissue"}),
        "amplitude_mT,frequency_kHz,slp_W_g\n5,354,60\n13,354,250\n",
        "slp_W_g",
    ),
    "fcsv": Reader(
        read_points,
        "# CoordinateSystem = RAS\n# columns = id,x,y,z,vis,label\n1,1,2,3,1,a\n2,4,5,6,1,b\n",
        "y",
        ".fcsv",
    ),
}
every_reader = pytest.mark.parametrize("name", READERS)


def content(value: object) -> object:
    """A value that compares by its numbers."""
    if isinstance(value, np.ndarray):
        return repr(value.tolist())
    if isinstance(value, dict):
        return {key: content(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [content(entry) for entry in value]
    slots = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
    return {name: content(getattr(value, name)) for name in slots} if slots else repr(value)


def read_as(name: str, folder: Path, raw: bytes) -> object:
    path = folder / f"table{READERS[name].suffix}"
    path.write_bytes(raw)
    return READERS[name].read(path)


def refused(name: str, folder: Path, text: str) -> str:
    with pytest.raises(InputError) as caught:
        read_as(name, folder, text.encode())
    assert all(line.startswith(f"table{READERS[name].suffix}: ") for line in caught.value.complaints)
    return str(caught.value)


def table_lines(name: str) -> tuple[str, str, list[str]]:
    """What stands before the names of the columns, the names, and the rows."""
    first, *rows = READERS[name].text.splitlines()
    if name == "fcsv":
        return f"{first}\n# columns = ", rows[0].partition("= ")[2], rows[1:]
    return "", first, rows


def changed(name: str, change: Callable[[list[str]], list[str]]) -> str:
    """The table with each of its lines, as a list of cells, changed."""
    before, head, rows = table_lines(name)
    lines = [",".join(change(line.split(","))) for line in (head, *rows)]
    return before + "\n".join(lines) + "\n"


@every_reader
def test_a_byte_order_mark_and_the_ends_of_lines_change_nothing(tmp_path, name):
    text = READERS[name].text
    plain = content(read_as(name, tmp_path, text.encode()))
    assert "object at" not in str(plain)
    for raw in (
        codecs.BOM_UTF8 + text.encode(),
        text.replace("\n", "\r\n").encode(),
        text.replace("\n", "\r").encode(),
    ):
        assert content(read_as(name, tmp_path, raw)) == plain
    padded = changed(name, lambda cells: [*cells, "", ""]) + "".join(["," * 3, "\n\n"])
    if name != "fcsv":  # whose two further cells mean something
        assert content(read_as(name, tmp_path, padded.encode())) == plain


@every_reader
@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-16-be-mark"])
def test_text_in_another_encoding_is_refused_by_name(tmp_path, name, encoding):
    text = READERS[name].text
    raw = codecs.BOM_UTF16_BE + text.encode("utf-16-be") if encoding.endswith("mark") else text.encode(encoding)
    with pytest.raises(InputError, match=r"^table\.f?csv: is text in UTF-(16|32): save it as UTF-8"):
        read_as(name, tmp_path, raw)


@every_reader
def test_a_column_named_twice_is_refused(tmp_path, name):
    at = table_lines(name)[1].split(",").index(READERS[name].column)
    words = refused(name, tmp_path, changed(name, lambda cells: [*cells, cells[at]]))
    assert f"has 2 columns {READERS[name].column}: which one counts cannot be known; rename or delete one" in words


@every_reader
def test_a_row_of_too_many_cells_is_refused_and_a_decimal_comma_named(tmp_path, name):
    before, head, rows = table_lines(name)
    at = head.split(",").index(READERS[name].column)
    cells = rows[1].split(",")
    torn = [*cells[: at + 1], "25", *cells[at + 1 :]]
    words = refused(name, tmp_path, before + "\n".join([head, rows[0], ",".join(torn), *rows[2:]]))
    assert (
        f"row 2 has {len(torn)} cells, {len(cells)} columns are named ({head.replace(',', ', ')}): decimal comma"
        in words
    )
    assert f'{READERS[name].column} = "{cells[at]},25"' in words and "write numbers with a point" in words


@every_reader
def test_a_row_of_too_few_cells_is_refused(tmp_path, name):
    before, head, rows = table_lines(name)
    short = ",".join(rows[1].split(",")[:-1])
    words = refused(name, tmp_path, before + "\n".join([head, rows[0], short, *rows[2:]]))
    width = len(head.split(","))
    assert f"row 2 has {width - 1} cells, {width} columns are named: no cell for {head.split(',')[-1]}" in words


@every_reader
@pytest.mark.parametrize("mark", [";", "\t"])
def test_columns_parted_by_something_else_are_refused(tmp_path, name, mark):
    before, head, rows = table_lines(name)
    text = before + "\n".join(line.replace(",", mark) for line in (head, *rows))
    words = refused(name, tmp_path, text)
    assert "expected commas between columns" in words
    refused(name, tmp_path, before + "\n".join([head, *(row.replace(",", mark) for row in rows)]))


@every_reader
def test_a_decimal_comma_in_quotes_is_named_with_the_number_that_was_meant(tmp_path, name):
    before, head, rows = table_lines(name)
    at = head.split(",").index(READERS[name].column)
    cells = rows[0].split(",")
    cells[at] = f'"{cells[at]},5"'
    words = refused(name, tmp_path, before + "\n".join([head, ",".join(cells), *rows[1:]]))
    meant = cells[at].strip('"')
    assert f'{READERS[name].column} = "{meant}": expected' in words and "row 1" in words
    if name != "labels":
        assert f"with a point for the decimal comma: {meant.replace(',', '.')}" in words


def test_an_empty_cell_at_the_end_hides_no_decimal_comma(tmp_path):
    (tmp_path / "a.csv").write_text("x_mm,y_mm,note\n1,2,\n1,5,2,\n")
    with pytest.raises(InputError, match=r"a\.csv: row 2 has 4 cells, 3 columns are named"):
        read_columns(tmp_path / "a.csv", ("x_mm", "y_mm"))


@every_reader
@pytest.mark.parametrize("written", ["1_000", "٣", "0x10", "1.0.0", "--1"])
def test_only_plain_numbers_are_numbers(tmp_path, name, written):
    before, head, rows = table_lines(name)
    at = head.split(",").index(READERS[name].column)
    cells = rows[0].split(",")
    cells[at] = written
    assert written in refused(name, tmp_path, before + "\n".join([head, ",".join(cells), *rows[1:]]))


def test_the_markups_of_slicer_5_have_two_cells_that_it_does_not_name(tmp_path):
    head = "# CoordinateSystem = LPS\n# columns = id,x,y,z,ow,ox,oy,oz,vis,sel,lock,label,desc,associatedNodeID\n"
    path = tmp_path / "F.fcsv"
    path.write_text(head + "1,-1.5,2,3,0,0,0,1,1,1,0,F-1,,,2,0\n2,4,5,6,0,0,0,1,1,1,0,F-2,,,2,0\n")
    points = read_points(path)
    assert points["F-1"] == pytest.approx([1.5e-3, -2e-3, 3e-3]) and list(points) == ["F-1", "F-2"]
    path.write_text(head + "1,-1,5,2,25,3,0,0,0,1,1,1,0,F-1,,\n")  # -1,5 and 2,25 shift what stands behind them
    with pytest.raises(InputError, match=r"F\.fcsv: row 1 has 16 cells, 14 columns are named"):
        read_points(path)


def test_all_the_rows_that_are_wrong_are_named_up_to_ten(tmp_path):
    rows = "".join(f"{k},25,{k:02d}\n" for k in range(30))
    path = tmp_path / "curve.csv"
    path.write_text("time_s,temperature_C\n" + rows)
    with pytest.raises(InputError) as caught:
        read_columns(path, ("time_s", "temperature_C"))
    assert len(caught.value.complaints) == 11 and caught.value.complaints[-1] == "curve.csv: and 20 more"
    assert caught.value.complaints[4] == (
        "curve.csv: row 5 has 3 cells, 2 columns are named (time_s, temperature_C): decimal commas "
        '(time_s = "4,25" or temperature_C = "25,04")? write numbers with a point'
    )


def test_a_text_that_is_not_utf8_is_refused_by_its_line(tmp_path):
    (tmp_path / "a.csv").write_bytes("name,iron_ug\nü,1\n".encode("latin-1"))
    with pytest.raises(InputError, match=r"a\.csv: is no text in UTF-8 \(byte 0xfc in line 2\): save it as UTF-8"):
        read_text(tmp_path / "a.csv")
    (tmp_path / "b.csv").write_bytes("a,b\n1,2\n".encode("utf-16-le"))  # without its mark
    with pytest.raises(InputError, match=r"b\.csv: is no text in UTF-8 \(a zero byte in line 1\)"):
        read_text(tmp_path / "b.csv")


def test_tables_of_users_are_read_at_one_place():
    """A reader of its own would look at its rows by name again."""
    own = {"csv.reader", "csv.DictReader"}
    found = {
        str(file.relative_to(PACKAGE))
        for file in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and ast.unparse(node) in own
    }
    assert found == {"files/text/csv_rows.py", "anatomy/tissue.py"}  # the second reads a table that is shipped
