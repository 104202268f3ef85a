"""Tissue: sourced thermal and electrical properties, perfusion laws, what a whole animal does."""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib.resources import files
from types import MappingProxyType

import numpy as np

from ..base.arrays import Array
from ..base.errors import InputError
from ..base.plain_data import construct

BLOOD_KG_M3 = 1049.75
"""Density of blood [ITIS5]."""
BLOOD_J_KG_K = 3617.0
"""Heat capacity of blood [ITIS5]."""

BLOOD_HEAT_J_M3_K = BLOOD_KG_M3 * BLOOD_J_KG_K
"""Density times heat capacity of blood [ITIS5]."""

_EPS0 = 8.8541878128e-12
_COLUMNS = {
    "density": "density_kg_m3",
    "heat_capacity": "heat_capacity_j_kg_k",
    "conductivity": "conductivity_w_m_k",
    "perfusion": "perfusion_w_m3_k",
    "metabolic_heat": "metabolic_w_m3",
    "electrical_conductivity": "electrical_conductivity_s_m",
    "relative_permittivity": "relative_permittivity",
}
_ANAESTHETICS = ("isoflurane",)
_LIFELESS = {
    key: {"value": "0", "low": "0", "high": "0", "source": "assumed", "note": "a phantom has none"}
    for key in ("perfusion_w_m3_k", "metabolic_w_m3")
}
_MAY_BE_ZERO = {"perfusion_w_m3_k", "metabolic_w_m3", "electrical_conductivity_s_m"}
_ALIASES = {
    "tumor": "tumour",
    "body": "soft-tissue",
    "other": "soft-tissue",
    "connective": "soft-tissue",
    "kidneys": "kidney",
    "lungs": "lung",
    "bones": "bone",
    "skeleton": "bone",
    "eyes": "eye",
    "gut": "bowel",
    "intestine": "bowel",
    "intestines": "bowel",
    "colon": "bowel",
    "glands": "gland",
    "adipose": "fat",
    "marrow": "bone",
    "cerebellum": "brain",
    "medulla": "brain",
    "testes": "testis",
    "myocardium": "heart",
    "vessel": "blood",
}


@dataclass(frozen=True, slots=True)
class Tissue:
    """Properties of one tissue, and where each was found.

    ``perfusion_w_m3_k`` is perfusion rate (1/s) times the heat capacity of blood per volume.
    ``sources`` and ``notes`` have an entry per property, ``intervals`` its ``(low, high)``.
    """

    name: str
    density_kg_m3: float
    heat_capacity_j_kg_k: float
    conductivity_w_m_k: float
    perfusion_w_m3_k: float
    metabolic_w_m3: float
    electrical_conductivity_s_m: float
    relative_permittivity: float
    sources: Mapping[str, str]
    intervals: Mapping[str, tuple[float, float]]
    notes: Mapping[str, str]

    @property
    def perfusion_1_s(self) -> float:
        """Volume of blood per volume of tissue and second."""
        return self.perfusion_w_m3_k / BLOOD_HEAT_J_M3_K

    def with_values(self, **overrides: float) -> Tissue:
        """A copy with values of the protocol, by property name; they count as exact."""
        bad = [
            f"tissues.{self.name}.{k} = {v}: expected a {_expectation(k)}"
            for k, v in overrides.items()
            if k not in _COLUMNS.values() or not _is_allowed(k, v)
        ]
        if bad:
            raise InputError(bad)
        stated = {
            "sources": MappingProxyType({**self.sources, **dict.fromkeys(overrides, "protocol")}),
            "intervals": MappingProxyType({**self.intervals, **{k: (v, v) for k, v in overrides.items()}}),
            "notes": MappingProxyType({**self.notes, **dict.fromkeys(overrides, "")}),
        }
        return construct(partial(replace, self), {**overrides, **stated})


@dataclass(frozen=True, slots=True)
class Fact:
    """One number of the species table."""

    value: float
    unit: str
    low: float
    high: float
    source: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Species:
    """Whole-animal facts of a species by body mass; laws go with mass to the power 0.75 [Kleiber1947]."""

    name: str
    facts: Mapping[str, Fact]

    @property
    def body_mass_kg(self) -> tuple[float, float]:
        """The range of body mass in which the laws are meant."""
        return self.facts["body_mass_low"].value, self.facts["body_mass_high"].value

    @property
    def core_c(self) -> float:
        return self.facts["core"].value

    @property
    def is_alive(self) -> bool:
        """True for a body with blood and metabolic heat; a phantom has neither."""
        return self.facts["blood_fraction"].value > 0.0

    @property
    def skin_heat_transfer_w_m2_k(self) -> float:
        return self.facts["skin_heat_transfer"].value

    def metabolic_w(self, mass_kg: float) -> float:
        """Resting metabolic rate; outside the range of body mass the rate per mass stays at its edge."""
        return self._law("metabolic_rate", mass_kg)

    def cardiac_output_m3_s(self, mass_kg: float) -> float:
        return self._law("cardiac_output", mass_kg) * 1e-3 / 60.0

    def blood_j_k(self, mass_kg: float) -> float:
        """Heat capacity of the circulating blood."""
        return self.facts["blood_fraction"].value * mass_kg * BLOOD_J_KG_K

    def mass_warning(self, mass_kg: float) -> str | None:
        low, high = self.body_mass_kg
        if low <= mass_kg <= high:
            return None
        return (
            f"the anatomy weighs {mass_kg * 1e3:.3g} g, outside {low * 1e3:g} to {high * 1e3:g} g of the "
            f"species {self.name}: metabolic rate and blood volume are extrapolated per mass"
        )

    def _law(self, fact: str, mass_kg: float) -> float:
        inside = min(max(mass_kg, self.body_mass_kg[0]), self.body_mass_kg[1])
        return float(self.facts[fact].value * inside**0.75 * (mass_kg / inside))


@cache
def tissue_table(species: str = "mouse", frequency_hz: float = 354e3) -> Mapping[str, Tissue]:
    """The table of a species; electrical properties at the given frequency."""
    _species_facts(species)
    found: dict[str, dict[str, dict[str, str]]] = {}
    for row in _rows("tissues.csv"):
        if row["species"] in (species, "any"):
            found.setdefault(row["tissue"], {})[_COLUMNS[row["property"]]] = row
    if not species_facts(species).is_alive:
        found = {name: {**rows, **_LIFELESS} for name, rows in found.items()}
    electrical = {row["tissue"]: row for row in _rows("dielectric.csv")}
    return MappingProxyType({name: _tissue(name, rows, electrical[name], frequency_hz) for name, rows in found.items()})


def canonical_tissue(name: str) -> str:
    """The table's name of a tissue; other spellings are understood, unknown ones refused."""
    key = name.strip().lower().replace("_", "-").replace(" ", "-")
    key = _ALIASES.get(key, key)
    if key not in tissue_table():
        raise InputError(f'tissue "{name}" is not in the table; it has: {", ".join(tissue_table())}')
    return key


def region_tissues(
    tissue_names: Iterable[str],
    species: str = "mouse",
    *,
    frequency_hz: float = 354e3,
    overrides: Mapping[str, Mapping[str, float]] = MappingProxyType({}),
) -> tuple[Tissue, ...]:
    """One tissue a region, with the protocol's values where it gives some (by tissue, then property)."""
    table = dict(tissue_table(species, frequency_hz))
    for name, values in overrides.items():
        key = canonical_tissue(name)
        table[key] = table[key].with_values(**values)
    return tuple(table[canonical_tissue(name)] for name in tissue_names)


def species_facts(species: str) -> Species:
    """Laws and ranges of a species."""
    return Species(species, _species_facts(species))


def anaesthetise(tissues: Iterable[Tissue], species: str, agent: str) -> tuple[Tissue, ...]:
    """The same tissues under an anaesthetic that lowers cardiac output: every perfusion of the table falls by
    one factor, those of the protocol stay."""
    facts = _species_facts(species)
    known = [name for name in facts if name in _ANAESTHETICS]
    if agent not in known:
        wanted = f"expected one of {', '.join(known)}" if known else f"a {species} is not anaesthetised: remove the key"
        raise InputError(f'physiology.anaesthesia = "{agent}": {wanted}')
    return tuple(_slow_perfusion(tissue, agent, facts[agent]) for tissue in tissues)


def _slow_perfusion(tissue: Tissue, agent: str, factor: Fact) -> Tissue:
    key = "perfusion_w_m3_k"
    if tissue.sources[key] == "protocol":
        return tissue
    low, high = tissue.intervals[key]
    note = "; ".join(filter(None, [tissue.notes[key], f"times {factor.value:g} under {agent} [{factor.source}]"]))
    return replace(
        tissue,
        perfusion_w_m3_k=factor.value * tissue.perfusion_w_m3_k,
        intervals=MappingProxyType({**tissue.intervals, key: (factor.low * low, factor.high * high)}),
        notes=MappingProxyType({**tissue.notes, key: note}),
    )


def scaled_metabolism(
    tissues: Sequence[Tissue],
    volumes_m3: Sequence[float] | Array,
    species: str,
    overridden: Collection[str] = (),
) -> Array:
    """Metabolic heat ``(r,)`` in W/m3 that makes the body's resting metabolic rate.

    The table's values are scaled by one factor. Tissues named in ``overridden``, and those whose value
    the protocol gave, are taken as they stand; where they make more than the whole rate, or none of the
    table's is left, nothing is scaled.
    """
    volumes = np.asarray(volumes_m3, float)
    heat = np.array([t.metabolic_w_m3 for t in tissues])
    given = np.array([t.name in overridden or t.sources["metabolic_w_m3"] == "protocol" for t in tissues])
    table_w = float((heat * volumes)[~given].sum())
    mass_kg = float(sum(t.density_kg_m3 * v for t, v in zip(tissues, volumes, strict=True)))
    left_w = species_facts(species).metabolic_w(mass_kg) - float((heat * volumes)[given].sum())
    factor = left_w / table_w if table_w > 0.0 and left_w > 0.0 else 1.0
    return np.where(given, heat, factor * heat)


PerfusionLaw = Callable[[Array], Array]
"""Temperature in degrees C to perfusion in W/m3/K, both ``(n,)``."""

REST_C = 37.0
"""Temperature at which perfusion is that of a tissue at rest."""


def _lang(low: float, rise: float) -> PerfusionLaw:
    return lambda t: (low + rise * np.exp(-(np.maximum(45.0 - t, 0.0) ** 2) / 12.0)) * BLOOD_J_KG_K


def sigmoid_law(
    rest_w_m3_k: float,
    *,
    rise: float = 2.0,
    rise_at_c: float = 41.0,
    stop_at_c: float = 44.0,
    width_k: float = 0.5,
) -> PerfusionLaw:
    """Perfusion that warmth raises ``rise`` times and greater heat shuts down, both as logistic steps.

    The shape is that of what is seen in tumours; its numbers are choices, so vary them [assumed].
    """

    def law(temperature_c: Array) -> Array:
        opened, shut = (_step((temperature_c - at) / width_k) for at in (rise_at_c, stop_at_c))
        return rest_w_m3_k * (1.0 + (rise - 1.0) * opened) * (1.0 - shut)

    return law


def _step(x: Array) -> Array:
    return 0.5 * (1.0 + np.tanh(0.5 * x))


def table_law(temperature_c: Sequence[float], perfusion_w_m3_k: Sequence[float]) -> PerfusionLaw:
    """Linear between the points of a table, constant outside it."""
    t, w = np.asarray(temperature_c, float), np.asarray(perfusion_w_m3_k, float)
    if t.ndim != 1 or t.shape != w.shape or len(t) < 2 or not (np.diff(t) > 0.0).all():
        raise InputError("perfusion table: expected two or more temperatures that rise, each with a perfusion")
    if not (np.isfinite(w).all() and (w >= 0.0).all()):
        raise InputError("perfusion table: expected finite perfusions that are not negative")
    return lambda temperature: np.interp(temperature, t, w)


def scaled_law(law: PerfusionLaw, rest_w_m3_k: float, rest_c: float = REST_C) -> PerfusionLaw:
    """The course of a law, at the perfusion that a tissue of another animal has at rest."""
    factor = rest_w_m3_k / float(law(np.array(rest_c)))
    return lambda temperature_c: factor * law(temperature_c)


PERFUSION_LAWS: Mapping[str, PerfusionLaw] = MappingProxyType(
    {
        "lang-muscle": _lang(0.45, 3.55),
        "lang-fat": _lang(0.36, 0.36),
        "lang-tumour": lambda t: (
            np.where(t > 42.0, 0.416, 0.833 - np.clip(t - 37.0, 0.0, 5.0) ** 4.8 / 5438.0) * BLOOD_J_KG_K
        ),
        "sigmoid-tumour": sigmoid_law(1e4),
    }
)
"""Laws by name, of man [Lang1999] but for the last; `scaled_law` takes them to another animal."""

LAW_SOURCES: Mapping[str, str] = MappingProxyType(
    {name: "Lang1999" if name.startswith("lang-") else "assumed" for name in PERFUSION_LAWS}
)


def _rows(name: str) -> list[dict[str, str]]:
    text = files("thermoplan.data").joinpath(name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


@cache
def _species_facts(species: str) -> Mapping[str, Fact]:
    text = files("thermoplan.data").joinpath("species.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text)
    if species not in table:
        raise InputError(f'anatomy.species = "{species}": expected one of {", ".join(table)}')
    return MappingProxyType({name: Fact(**entry) for name, entry in table[species].items()})


def _tissue(
    name: str, rows: Mapping[str, Mapping[str, str]], electrical: Mapping[str, str], frequency_hz: float
) -> Tissue:
    sigma, eps = _cole_cole(electrical, frequency_hz)
    values = {"electrical_conductivity_s_m": sigma, "relative_permittivity": eps}
    dielectric = dict.fromkeys(values, electrical["source"])
    return Tissue(
        name,
        **values,
        **{key: float(row["value"]) for key, row in rows.items()},
        sources=MappingProxyType({key: row["source"] for key, row in rows.items()} | dielectric),
        intervals=MappingProxyType(
            {k: (float(r["low"]), float(r["high"])) for k, r in rows.items()}
            | {k: (0.7 * v, 1.4 * v) for k, v in values.items()}
        ),
        notes=MappingProxyType(
            {key: row["note"] for key, row in rows.items()} | dict.fromkeys(values, electrical["note"])
        ),
    )


def _cole_cole(row: Mapping[str, str], frequency_hz: float) -> tuple[float, float]:
    """Conductivity (S/m) and relative permittivity from four dispersions [Gabriel1996]."""
    omega = 2.0 * np.pi * frequency_hz
    value = float(row["permittivity_inf"]) + float(row["sigma_s_m"]) / (1j * omega * _EPS0)
    for n, unit, scale in ((1, "ps", 1e-12), (2, "ns", 1e-9), (3, "us", 1e-6), (4, "ms", 1e-3)):
        omega_tau = omega * float(row[f"tau_{n}_{unit}"]) * scale
        value += float(row[f"delta_{n}"]) / (1.0 + (1j * omega_tau) ** (1.0 - float(row[f"alpha_{n}"])))
    return float(-value.imag * omega * _EPS0), float(value.real)


def _is_allowed(key: str, value: float) -> bool:
    return bool(np.isfinite(value)) and (value > 0.0 or (value == 0.0 and key in _MAY_BE_ZERO))


def _expectation(key: str) -> str:
    if key not in _COLUMNS.values():
        return f"property of the table: {', '.join(_COLUMNS)}"
    return "finite number that is not negative" if key in _MAY_BE_ZERO else "finite number above zero"
