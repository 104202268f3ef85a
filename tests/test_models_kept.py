"""A reduced model that is wanted again is not made again, and one of anything else is."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from heat_cases import box, problem
from small_case import write_case

from thermoplan.base import cache
from thermoplan.base.progress import Stages
from thermoplan.bioheat import Boundary, thermal_system
from thermoplan.plan.case import model_cache
from thermoplan.plan.case.case import build_case
from thermoplan.plan.case.heating_model import build_heating_model
from thermoplan.plan.case.inputs import read_inputs
from thermoplan.plan.case.model_cache import cached_model
from thermoplan.plan.steering.search_setup import prepare_search
from thermoplan.plan.steering.steer import resolve_goals
from thermoplan.protocol import read_protocol


@pytest.fixture
def built(monkeypatch, tmp_path):
    """Sizes of the models that were made, with an empty cache."""
    monkeypatch.setenv("THERMOPLAN_CACHE", str(tmp_path / "cache"))
    made, honest = [], model_cache.reduced_model

    def counted(system, load_w, duration_s, **more):
        made.append(len(load_w))
        return honest(system, load_w, duration_s, **more)

    monkeypatch.setattr(model_cache, "reduced_model", counted)
    return made


def body(perfusion: float = 1e4):
    mesh = box((5, 5, 5), (0.012, 0.012, 0.012))
    system = thermal_system(problem(mesh, perfusion=perfusion, boundaries=(Boundary("robin", 10.0, 25.0),)))
    loads = np.zeros((3, system.n_nodes))
    loads[np.arange(3), [86, 87, 93]] = 0.02
    return system, loads


def ready(protocol, stages):
    """What a plan searches with, from the protocol on."""
    heating_model = build_heating_model(build_case(read_inputs(protocol), stages, quick=True), stages)
    return prepare_search(heating_model, resolve_goals(heating_model), stages)


def test_a_second_plan_makes_no_model_and_another_perfusion_makes_one(built, tmp_path):
    path = write_case(tmp_path / "case")
    stages = Stages()
    first, again = ready(read_protocol(path), Stages()), ready(read_protocol(path, {"name": "another title"}), stages)
    assert len(built) == 1
    assert any("taken from the cache" in line for line in stages.log)
    np.testing.assert_array_equal(first.model.modes, again.model.modes)
    ready(read_protocol(path, {"tissues.tumour.perfusion": "1.1e4 W/m^3/K"}), Stages())
    assert len(built) == 2


def test_everything_that_a_model_depends_on_is_in_its_name(built, monkeypatch):
    system, loads = body()
    cases = [
        (system, loads, 60.0),
        (body(1.01e4)[0], loads, 60.0),
        (system, 1.01 * loads, 60.0),
        (system, loads, 61.0),
        (system, loads[:2], 60.0),
        (replace(system, capacity_j_k=1.01 * system.capacity_j_k), loads, 60.0),
        (replace(system, base_c=system.base_c + 0.1), loads, 60.0),
    ]
    for _ in range(2):
        for case in cases:
            cached_model(*case, Stages())
    assert len(built) == len(cases)
    monkeypatch.setattr(model_cache, "MODES", 20)
    cached_model(*cases[0], Stages())
    monkeypatch.setattr(model_cache, "_code", lambda: "another version")
    cached_model(*cases[0], Stages())
    assert len(built) == len(cases) + 2


def test_a_model_from_the_cache_is_the_one_that_was_made(built):
    system, loads = body()
    made, again = (cached_model(system, loads, 60.0, Stages()) for _ in range(2))
    assert len(built) == 1
    for name in ("rates_1_s", "modes", "inputs", "base_c"):
        np.testing.assert_array_equal(getattr(made, name), getattr(again, name))
    assert made.error_k == again.error_k


@pytest.mark.parametrize("harm", ["cut", "flipped", "emptied", "of something else"])
def test_a_damaged_file_is_made_anew_with_a_note(built, harm, tmp_path):
    system, loads = body()
    good = cached_model(system, loads, 60.0, Stages())
    (file,) = (tmp_path / "cache").glob("reduced-*.npz")
    data = bytearray(file.read_bytes())
    if harm == "of something else":
        np.savez(file, values=np.zeros(3))
    else:
        data[len(data) // 2] ^= 0xFF
        file.write_bytes({"cut": data[:1000], "flipped": data, "emptied": b""}[harm])
    stages = Stages()
    found = cached_model(system, loads, 60.0, stages)
    assert len(built) == 2
    assert any("is damaged: made anew" in line for line in stages.log)
    np.testing.assert_array_equal(found.modes, good.modes)
    cached_model(system, loads, 60.0, Stages())
    assert len(built) == 2


@pytest.mark.parametrize(("place", "value"), [(4, 211), (6, 9), (8, 99)], ids=["version", "flags", "method"])
def test_no_damage_ends_a_plan(place, value, tmp_path, monkeypatch):
    # of a zip file whose parts are said to need another version, to be encrypted, or packed in an unknown way
    monkeypatch.setenv("THERMOPLAN_CACHE", str(tmp_path))
    cache.store_cached("x", {"a": np.arange(5.0)})
    file = tmp_path / "x.npz"
    good = file.read_bytes()
    listed = good.rindex(b"PK\x01\x02")
    for at in (place, listed + place + 2):
        data = bytearray(good)
        data[at] = value
        file.write_bytes(data)
        found = cache.load_cached("x")
        assert found is None or found["a"].tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]
    np.save(tmp_path / "y.npy", np.arange(5.0))
    file.write_bytes((tmp_path / "y.npy").read_bytes())
    assert cache.load_cached("x") is None and cache.is_cached("x")


def test_the_code_of_the_whole_room_of_heat_is_in_a_model_s_name(monkeypatch, tmp_path):
    before = model_cache._code()
    shutil.copytree(Path(model_cache.bioheat.__file__).parent, tmp_path / "bioheat")
    monkeypatch.setattr(model_cache.bioheat, "__file__", str(tmp_path / "bioheat" / "__init__.py"))
    model_cache._code.cache_clear()
    assert model_cache._code() == before
    kernels = tmp_path / "bioheat" / "linalg" / "kernels.py"
    kernels.write_text(kernels.read_text() + "# another sum\n")
    model_cache._code.cache_clear()
    assert model_cache._code() != before
    model_cache._code.cache_clear()


def test_a_cache_that_cannot_be_written_is_done_without(built, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("THERMOPLAN_CACHE", str(tmp_path / "file" / "below"))
    system, loads = body()
    assert cached_model(system, loads, 60.0, Stages()).size > 0


def test_files_that_were_not_used_for_longest_go_first(monkeypatch, tmp_path):
    monkeypatch.setenv("THERMOPLAN_CACHE", str(tmp_path))
    for age, name in enumerate(("reduced-new", "reduced-middle", "reduced-old", "response-older")):
        cache.store_cached(name, {"x": np.zeros(1000)})
        os.utime(tmp_path / f"{name}.npz", (1e9 - age, 1e9 - age))
    assert cache.load_cached("reduced-old") is not None  # a use makes it the newest
    size = (tmp_path / "reduced-new.npz").stat().st_size
    cache.evict("reduced-*", 2.5 * size)
    assert {file.stem for file in tmp_path.iterdir()} == {"reduced-new", "reduced-old", "response-older"}
