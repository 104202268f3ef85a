"""Every key of a protocol is read, and what it says is looked at by every verb that could use it, or the reason why not
stands here: a setting that one verb honours and another forgets cannot be added unseen."""

from __future__ import annotations

import dataclasses
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel
from small_case import PROTOCOL, write_case

from thermoplan.bioheat.vessels import Vessel
from thermoplan.commands.check import check_protocol
from thermoplan.device import Device
from thermoplan.goals import Goal
from thermoplan.plan import make_plan, simulate
from thermoplan.power.safety import HardLimit
from thermoplan.protocol import protocol as data
from thermoplan.protocol import read_protocol, toml_tables
from thermoplan.tracer.measured_slp import MeasuredSlp
from thermoplan.tracer.tracer import Population, Tracer

RICH = """
[[vessels]]
name = "aorta"
path = "aorta.csv"
diameter = "1 mm"
flow = "5 mL/min"

[warming]
kind = "regulated-pad"
normal = "P"

[tissues.muscle]
perfusion = "lang-muscle"
metabolic_heat = "700 W/m^3"

[safety]
h_f_at_most = "1e12 A/m/s"
absorbed_at_most = "5 W"

[steering]
windows = 1

[[anatomy.add]]
region = "node"
tissue = "tumour"
sphere = "0 6 0 mm, 3 mm"

[[limits]]
region = "liver"
metric = "Tmax"
at_most = "45 degC"
"""
COPIES = ("dataclasses.py", "copy.py", "<string>")
"""Files whose code looks at every field when an object is copied, compared or shown: that is no use of what it says."""
READ = "is used up when the protocol is read"
OTHER = "belongs to another way of saying this, which this protocol has not"
TOLD = "is told where the library is listed, and enters nothing"
SEARCH = "is of the search, which a given trajectory has not"
MACHINE = "is held against a trajectory, which check has only where the protocol names one"
RANGED = "is within its range, and shown by a plan"
SLP = "is used up when the tracer is calibrated, and told by the verbs that state the SLP"
ALWAYS = {
    "IronInput": {"moving": OTHER, "roi": OTHER, "scanned_at": READ, "heating_at": READ},
    "AnatomyInput": {"mesh_unit_m": OTHER},
    "AddedRegion": {"iron_above_kg_m3": OTHER, "mask": OTHER},
    "Protocol": {"text": "is the file itself, kept with a run that is written"},
    "Tracer": {"imaging": OTHER},
    "Physiology": {"arterial_given": READ},
    "WarmingInput": {"heat_transfer_w_m2_k": OTHER, "temperature_c": OTHER},
    "MeasuredSlp": dict.fromkeys(("across_t", "along_t", "extrapolate", "relative_error", "source", "tracer"), SLP),
    "Device": {"moves_stage": "is of the trade-off alone"},
}
UNUSED: dict[str, dict[str, dict[str, str]]] = {
    "plan": {},
    "simulate": {
        "SteeringInput": dict.fromkeys(
            ("amplitudes_t", "directions", "gradients_t_m", "min_dwell_s", "spacing_m", "windows"), SEARCH
        ),
        "Session": {"shortest": SEARCH},
        "Device": {"notes": TOLD},
    },
    "check": {
        "Protocol": {"files": "is kept with a run that is written"},
        "SteeringInput": dict.fromkeys(
            ("min_dwell_s", "spacing_m", "windows"), "is within its range, and shown by a plan"
        ),
        "ShotInput": {"duration_s": RANGED},
        "Session": {"output_step_s": READ, "shortest": "is shown by a plan"},
        "Goal": {"source": TOLD},
        "Vessel": {"flow_m3_s": "is of a note on the mesh"},
        "Tracer": {
            "effective": TOLD,
            "source": TOLD,
            **dict.fromkeys(("hydrodynamic_diameter_m", "table", "tau0_s", "viscosity_pa_s"), OTHER),
        },
        "Population": {"hydrodynamic_diameter_m": OTHER},
        "Device": {
            "notes": TOLD,
            "source": TOLD,
            "rotating": OTHER,
            **dict.fromkeys(("bore_radius_m", "max_duty", "min_dwell_s", "settle_s", "slew_m_s"), MACHINE),
        },
    },
}
DATA = (
    data.Protocol,
    data.IronInput,
    data.AnatomyInput,
    data.AddedRegion,
    data.Physiology,
    data.Surface,
    data.WarmingInput,
    data.TissueInput,
    data.MeshInput,
    data.SteeringInput,
    data.ShotInput,
    data.Session,
    data.Probe,
    Goal,
    HardLimit,
    Vessel,
    Tracer,
    Population,
    MeasuredSlp,
    Device,
)
Seen = dict[str, set[str]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    short = PROTOCOL.replace('"10 min"', '"60 s"\ncool_down = "5 s"').replace('"2 min"', '"0.001 min"')
    (tmp_path / "aorta.csv").write_text("x_mm,y_mm,z_mm\n0,-6,-15\n0,-6,15\n")
    (tmp_path / "t.csv").write_text("start_s,dwell_s,x_mm,y_mm,z_mm,amplitude_mT\n0,60,0,0,8,13\n")
    return write_case(tmp_path, protocol=short + RICH)


def watch(monkeypatch: pytest.MonkeyPatch, cls: type, names: set[str], seen: Seen) -> None:
    """Note every attribute of these names that any code but that of copies looks at."""

    def looked_at(self: object, name: str) -> object:
        if name in names and not sys._getframe(1).f_code.co_filename.endswith(COPIES):
            seen[cls.__name__].add(name)
        return object.__getattribute__(self, name)

    monkeypatch.setattr(cls, "__getattribute__", looked_at, raising=False)


def fields(cls: type) -> set[str]:
    return {field.name for field in dataclasses.fields(cls)}


def test_every_datum_of_a_protocol_is_looked_at_by_check_plan_and_simulate(path, monkeypatch):
    protocol = read_protocol(path)
    seen: Seen = defaultdict(set)
    for cls in DATA:
        watch(monkeypatch, cls, fields(cls), seen)
    verbs: dict[str, Callable[[], object]] = {
        "check": lambda: check_protocol(protocol),
        "simulate": lambda: simulate(protocol, path.parent / "t.csv", quick=True),
        "plan": lambda: make_plan(protocol, quick=True),
    }
    for verb, play in verbs.items():
        seen.clear()
        play()
        left = {cls.__name__: fields(cls) - seen[cls.__name__] for cls in DATA}
        excused = {name: {**ALWAYS.get(name, {}), **UNUSED[verb].get(name, {})} for name in left}
        assert {name: some for name in left if (some := left[name] - excused[name].keys())} == {}, verb


def tables() -> Iterator[type[BaseModel]]:
    """Tables of a protocol but those of a tracer and a machine, which are taken whole (`library`)."""
    found = [part for part in vars(toml_tables).values() if isinstance(part, type) and issubclass(part, BaseModel)]
    whole = ("TracerKeys", "DeviceKeys", "Table", "TracerTable", "DeviceTable", "JudgedTable")
    yield from (part for part in found if part.__name__ not in whole)


def test_every_key_of_a_table_is_looked_at_when_a_protocol_is_read(path, monkeypatch):
    seen: Seen = defaultdict(set)
    for cls in tables():
        watch(monkeypatch, cls, set(cls.model_fields), seen)
    read_protocol(path, {"boundary.bed": {"heat_transfer": "5 W/m^2/K", "emissivity": 0.9, "normal": "P"}})
    read_protocol(path, {"goals": [{"region": "tumour", "template": "thermal-dose"}], "iron.registration": None})
    (path.parent / "moved.txt").write_text("1 0 0 0\n0 1 0 0\n0 0 1 0\n0 0 0 1\n")
    read_protocol(path, {"iron.registration": {"file": "moved.txt"}})
    read_protocol(path, {"iron.registration": {"reference": "iron.nii.gz"}})
    names = ("h_f_r", "nerve", "eddy_whole_body", "eddy_local")
    published = dict(zip(names, ("Brezovich1988", "Saritas2013", "IEC60601", "IEC60601"), strict=True))
    read_protocol(path, {"safety": {f"{name}_at_most": source for name, source in published.items()}})
    read_protocol(path, {"goals": [{"region": "tumour", "metric": "Tmax", "at_most": "50 degC"}]})
    read_protocol(path, {"boundary.bed": None, "warming": {"kind": "regulated-pad", "normal": "P"}})
    left = {cls.__name__: set(cls.model_fields) - seen[cls.__name__] for cls in tables()}
    assert {name: some for name, some in left.items() if some} == {"ProtocolTable": {"schema_"}}
