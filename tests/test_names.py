"""Names of runs, regions, probes and vessels: what is none is refused by `check`, what is one is harmless in files."""

from __future__ import annotations

import os

import h5py
import numpy as np
import pytest
from small_case import PROTOCOL, write_case

from thermoplan.base.errors import InputError
from thermoplan.base.names import dataset_names, name_fault, slug
from thermoplan.commands.check import check_protocol
from thermoplan.files.run.run_folder import free_folder
from thermoplan.plan import simulate
from thermoplan.protocol import read_protocol

NONE_AT_ALL = ["", " ", ".", "..", "/", "-", "a\nb", "a\tb", "é" * 61, "n" * 240]
AWKWARD = ["liver/left", "../../etc/passwd", "a.b", "Leber links", "è", ".hidden", "n" * 120, "core (left)", 'say "x"']


@pytest.mark.parametrize("name", NONE_AT_ALL)
@pytest.mark.parametrize("key", ["name", "probes.0.name"])
def test_what_is_no_name_is_refused_by_key(tmp_path, key, name):
    path = write_case(tmp_path)
    with pytest.raises(InputError) as caught:
        read_protocol(path, {key: name})
    (words,) = caught.value.complaints
    assert words.startswith(f"protocol.toml: {key.replace('.0', '[0]')} = ") and "expected a" in words


@pytest.mark.parametrize("name", [".", "..", "n" * 240])
def test_a_region_of_the_labels_is_refused_by_check_with_its_file(tmp_path, name):
    path = write_case(tmp_path, protocol=PROTOCOL.replace('uptake = ["liver"]', ""))
    table = (tmp_path / "labels.csv").read_text().replace("3,liver,", f"3,{name},")
    (tmp_path / "labels.csv").write_text(table)
    with pytest.raises(InputError, match=r'labels.nii.gz: region ".*: expected a name'):
        check_protocol(path)


@pytest.mark.parametrize("name", AWKWARD)
def test_an_awkward_name_stays_within_its_folder(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    folder = free_folder(name)
    assert name_fault(name) == "" and folder.parent == tmp_path / "runs"
    assert len(os.fsencode(slug(name))) <= 100 and not slug(name).startswith(".")


def test_data_sets_in_hdf5_have_no_separators_and_no_double():
    made = dataset_names(["liver/left", "liver.left", "liver_left", "tumour"])
    assert made == {
        "liver/left": "liver_left",
        "liver.left": "liver_left_",
        "liver_left": "liver_left__",
        "tumour": "tumour",
    }


def test_a_probe_is_not_named_like_a_column_of_another(tmp_path):
    probes = [{"name": name, "position": "0 0 8 mm"} for name in ("tip", "tip_low")]
    with pytest.raises(InputError, match=r'probes\[1\].name = "tip_low": is a column of probe "tip"'):
        read_protocol(write_case(tmp_path), {"probes": probes})


def test_a_run_of_awkward_names_is_written_whole_and_stays_in_its_folder(tmp_path, monkeypatch):
    awkward = {"liver": "liver/left", "tumour": "../tumour", "centre": "/../ce.ntre"}
    protocol = PROTOCOL.replace('name = "block"', 'name = "../../block/../x"').replace('"10 min"', '"20 s"')
    for plain, name in awkward.items():
        protocol = protocol.replace(f'"{plain}"', f'"{name}"')
    path = write_case(tmp_path / "case", protocol=protocol)
    table = path.parent / "labels.csv"
    table.write_text(table.read_text().replace("liver,liver", "liver/left,liver").replace("tumour,t", "../tumour,t"))
    (path.parent / "t.csv").write_text("start_s,dwell_s,x_mm,y_mm,z_mm,amplitude_mT\n0,20,0,0,8,13\n")
    monkeypatch.setattr("thermoplan.plan.result.mkdtemp", lambda prefix: str(tmp_path / "made"))
    plan = simulate(read_protocol(path, {"session.cool_down": "1 s"}), path.parent / "t.csv", quick=True)
    page = plan.report()
    assert page.path.parent == tmp_path / "made" / "block-..-x" and "../tumour" in page.path.read_text()
    with h5py.File(page.path.parent / "fields.vtkhdf") as file:
        assert np.array_equal(file["VTKHDF/FieldData/liver_left"][()], [[1, 3]])
    assert sorted(part.name for part in tmp_path.iterdir()) == ["case", "made"]
