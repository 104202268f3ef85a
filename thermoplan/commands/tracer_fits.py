"""Tracer from measurements: SLP of a calorimeter's curve, and a fit of its parameters to SLPs over the fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..base.arrays import Array, BoolArray
from ..base.errors import InputError
from ..files.tables.columns import read_columns
from ..files.tables.tracer_toml import measured_toml, write_tracer
from ..power.heating_warnings import model_warnings
from ..tracer.calorimetry import corrected_slope
from ..tracer.fitting import TracerFit, fit_tracer
from ..tracer.heated_part import find_heated_part
from ..tracer.measured_slp import TISSUE_FACTOR, Estimate, MeasuredSlp
from ..tracer.tracer import Tracer
from .answer_types import CalorimetryAnswer, FitAnswer, FitRow
from .options import parse_options
from .point_queries import named_tracer

_SHOWN = {
    "heating_efficiency": ("heating_efficiency", 1.0),
    "core_diameter": ("core_diameter_nm", 1e9),
    "anisotropy": ("anisotropy_kj_m3", 1e-3),
    "relaxation_time": ("relaxation_time_us", 1e6),
}
_SAMPLE_KINDS = {
    "iron": "sample iron",
    "heat_capacity": "heat capacity of a sample",
    "error": "fraction",
    "from": "time",
    "to": "time",
    "start": "temperature",
    "tissue_factor": "fraction",
}
_LOOSE = 3.0
"""Ratio of the ends of an interval beyond which a parameter counts as hardly fixed."""
_MISFIT = 0.15
"""Relative misfit beyond which the model does not follow: more than calorimeters scatter."""


def calorimetry_answer(curve: Path, sample: Mapping[str, str | None], field: Mapping[str, str]) -> CalorimetryAnswer:
    """SLP of a heating curve, ``time_s,temperature_C``, by the corrected-slope method.

    ``sample`` states iron, heat_capacity, and where known medium, tissue_factor, error (of iron and heat capacity,
    relative), from, to and start; ``field`` amplitude and frequency. All are text with a unit.
    """
    known = parse_options(sample, _SAMPLE_KINDS)
    drive = parse_options(field, {"amplitude": "drive", "frequency": "frequency"})
    columns = read_columns(curve, ["time_s", "temperature_C"])
    time_s, temperature_c = columns["time_s"], columns["temperature_C"]
    refuse_falling_times(time_s, curve.name)
    heated, before, notes = _heating_part(time_s, temperature_c, known)
    start = known.get("start")
    if start is None and before.any():
        start = float(temperature_c[before].mean())
    iron_kg, heat_capacity_j_k = known["iron"], known["heat_capacity"]
    found = corrected_slope(
        time_s[heated], temperature_c[heated], iron_kg=iron_kg, heat_capacity_j_k=heat_capacity_j_k, start_c=start
    )
    slp = _widen(found.slp_w_kg, known.get("error", 0.0))
    stated = MeasuredSlp(
        slp.value,
        "iron",
        sample.get("medium") or "water",
        drive["amplitude"],
        drive["frequency"],
        tissue_factor=known.get("tissue_factor", TISSUE_FACTOR),
        source=f"calorimetry, {curve.name}",
        relative_error=relative_sd(slp),
    )
    return {
        "curve": str(curve),
        "slp_w_per_g_fe": slp.scaled(1e-3).record(),
        "loss_mw_k": found.loss_w_k * 1e3,
        "power_mw": slp.value * iron_kg * 1e3,
        "start_c": found.start_c,
        "samples": int(heated.sum()),
        "from_s": float(time_s[heated][0]),
        "to_s": float(time_s[heated][-1]),
        "slope_k_s": found.slope_k_s.tolist(),
        "rise_k": found.rise_k.tolist(),
        "heat_capacity_j_k": heat_capacity_j_k,
        "iron_mg": iron_kg * 1e6,
        "time_s": time_s.tolist(),
        "temperature_c": temperature_c.tolist(),
        "measured_slp": measured_toml(stated),
        "warnings": [*notes, *_curve_warnings(found.loss_w_k, slp, stated)],
    }


def refuse_falling_times(time_s: Array, name: str) -> None:
    """Refuse a record whose clock jumps or runs backwards anywhere, not only in the part that is used."""
    falls = np.flatnonzero(np.diff(time_s) <= 0.0)
    if len(falls):
        first = int(falls[0]) + 1
        raise InputError(
            f"{name}: row {first + 1}, time_s = {time_s[first]:g}: not after the {time_s[first - 1]:g} s of the row "
            f"above it ({len(falls)} such rows): times must rise through the whole record; mend the clock's jump, "
            "turn a reversed record about, or cut the file there"
        )


def _heating_part(
    time_s: Array, temperature_c: Array, known: Mapping[str, float]
) -> tuple[BoolArray, BoolArray, list[str]]:
    """Readings under the field, readings before it, and a note where the curve itself had to tell them."""
    first, last = known.get("from", time_s[0]), known.get("to", time_s[-1])
    chosen = (time_s >= first) & (time_s <= last)
    at = np.flatnonzero(chosen)
    if not len(at):
        raise InputError(
            f"--from, --to: no reading lies in this part; the record runs from {time_s[0]:g} s to {time_s[-1]:g} s"
        )
    part = find_heated_part(time_s[at], temperature_c[at], rest="from" not in known, cooling="to" not in known)
    on_s, off_s = time_s[at[part.first]], time_s[at[part.last]]
    found = [
        words
        for words, there in ((f"on at {on_s:g} s (--from)", part.rests), (f"off at {off_s:g} s (--to)", part.cools))
        if there
    ]
    notes = [f"by the curve itself the field went {' and '.join(found)}; only readings under the field are used"]
    return (time_s >= on_s) & (time_s <= off_s), time_s < on_s, notes if found else []


def relative_sd(estimate: Estimate) -> float:
    """Relative standard error of an estimate, as a tracer file may state it: 0.1 to 99 %."""
    return float(np.clip((estimate.high - estimate.value) / estimate.value / 1.96, 1e-3, 0.99))


def _widen(slp: Estimate, error: float) -> Estimate:
    """The estimate with the relative error of iron and heat capacity, a standard error, added in squares."""
    reach = [float(np.hypot(bound - slp.value, 1.96 * error * slp.value)) for bound in (slp.low, slp.high)]
    return Estimate(slp.value, slp.value - reach[0], slp.value + reach[1])


def _curve_warnings(loss_w_k: float, slp: Estimate, stated: MeasuredSlp) -> list[str]:
    found = []
    if loss_w_k < 0.0:
        found.append(
            "the curve steepens as it warms: heat loss comes out negative; check where the field went on "
            "(--from) and that the sample was at rest"
        )
    if slp.high - slp.low > slp.value:
        found.append("the interval is wider than the value: record longer or more often")
    if stated.medium == "water":
        found.append(_in_water(stated.tissue_factor))
    return found


def _in_water(factor: float) -> str:
    return f"measured in water: a factor of {factor:g} to tissue is taken, 0.3 to 1 is possible"


def fit_answer(
    measurements: Path,
    tracer: str,
    *,
    stated: Mapping[str, str | None],
    free: Sequence[str] = (),
    model: str | None = None,
    output: Path | None = None,
) -> FitAnswer:
    """Fit a tracer to SLPs, ``amplitude_mT,frequency_kHz,slp_W_g`` and what is optional; write it where told.

    ``stated`` has basis, medium and tissue_factor of all the measurements. ``free`` is by default the efficiency
    and as many of size and relaxation as the measurements can fix.
    """
    if output is not None and output.exists():
        raise InputError(f"{output}: is there already; choose another name with -o")
    start = _start_tracer(named_tracer(tracer), model)
    measured = _measurements(measurements, stated)
    names = tuple(free) or _free_parameters(start, len(measured))
    fit = fit_tracer(start, measured, names)
    if output is not None:
        write_tracer(output, replace(fit.tracer, name=output.stem), _comments(fit, measurements, tracer))
    estimates = {_SHOWN[name][0]: e.scaled(_SHOWN[name][1]).record() for name, e in fit.estimates.items()}
    return {
        "tracer": start.name,
        "model": start.model,
        "free": list(names),
        "estimates": estimates,
        "measurements": [_fit_row(m, value) for m, value in zip(measured, fit.fitted_w_kg, strict=True)],
        "misfit_rel": fit.misfit_rel,
        "basis": measured[0].basis,
        "medium": measured[0].medium,
        "tissue_factor": measured[0].factor,
        "file": None if output is None else str(output),
        "warnings": _fit_warnings(fit, measured),
    }


def _fit_row(measured: MeasuredSlp, fitted_w_kg: float) -> FitRow:
    return {
        "amplitude_mt": measured.amplitude_t * 1e3,
        "frequency_khz": measured.frequency_hz / 1e3,
        "along_mt": measured.along_t * 1e3,
        "across_mt": measured.across_t * 1e3,
        "slp_w_per_g": measured.value_w_kg / 1e3,
        "fitted_w_per_g": fitted_w_kg / 1e3,
    }


def _start_tracer(tracer: Tracer, model: str | None) -> Tracer:
    model = model or tracer.model
    if model == "table":
        raise InputError(
            f"tracer {tracer.name}: heats by a measured table, which has nothing to fit: name a --model, such as mrsh"
        )
    return replace(tracer, model=model, table=None)


def _measurements(path: Path, stated: Mapping[str, str | None]) -> list[MeasuredSlp]:
    columns = read_columns(
        path, ["amplitude_mT", "frequency_kHz", "slp_W_g"], ["along_mT", "across_mT", "relative_error"]
    )
    known = parse_options(stated, {"tissue_factor": "fraction"})
    factor = known.get("tissue_factor", TISSUE_FACTOR)
    count = len(columns["slp_W_g"])
    along, across = (columns.get(name, np.zeros(count)) * 1e-3 for name in ("along_mT", "across_mT"))
    errors = columns.get("relative_error", [None] * count)
    found, faults = [], []
    for i in range(count):
        try:
            found.append(
                MeasuredSlp(
                    columns["slp_W_g"][i] * 1e3,
                    stated["basis"] or "iron",
                    stated["medium"] or "water",
                    columns["amplitude_mT"][i] * 1e-3,
                    columns["frequency_kHz"][i] * 1e3,
                    tissue_factor=factor,
                    source=path.name,
                    along_t=abs(along[i]),
                    across_t=abs(across[i]),
                    relative_error=errors[i],
                )
            )
        except InputError as error:
            faults += [f"{path.name}: row {i + 1}: {c.removeprefix('tracer.measured_slp.')}" for c in error.complaints]
    if faults:
        raise InputError(dict.fromkeys(faults))
    return found


def _free_parameters(tracer: Tracer, count: int) -> tuple[str, ...]:
    """Efficiency, core size, and what its relaxation rests on, while there is a measurement more than parameters."""
    wish = ["heating_efficiency", "core_diameter"]
    if tracer.relaxation_time_s is not None:
        wish.append("relaxation_time")
    elif tracer.anisotropy_j_m3 is not None:
        wish.append("anisotropy")
    return tuple(wish[: max(1, count - 1)])


def _comments(fit: TracerFit, measurements: Path, tracer: str) -> list[str]:
    found = [f"Fitted by thermoplan to {measurements.name}, starting from {tracer}; intervals are of 95 %."]
    for name, estimate in fit.estimates.items():
        label, scale = _SHOWN[name]
        found.append(f"{label} = {estimate.scaled(scale)}")
    return [*found, f"misfit {fit.misfit_rel:.1%} rms; the heating efficiency follows from measured_slp"]


def _fit_warnings(fit: TracerFit, measured: Sequence[MeasuredSlp]) -> list[str]:
    found = [
        f"the measurements hardly fix {name}, {estimate.scaled(_SHOWN[name][1])}: it stays near the tracer's own; "
        "measure at more amplitudes and frequencies or under a bias, or leave it out of --fit"
        for name, estimate in fit.estimates.items()
        if estimate.high > _LOOSE * estimate.low
    ]
    if fit.misfit_rel > _MISFIT:
        found.append(f"the fit misses the measurements by {fit.misfit_rel:.0%}: this model does not follow them")
    hardest = max(measured, key=lambda m: m.amplitude_t)
    found += model_warnings(
        fit.tracer,
        amplitude_t=hardest.amplitude_t,
        frequency_hz=hardest.frequency_hz,
        along_t=hardest.along_t,
        across_t=hardest.across_t,
    )
    if hardest.medium == "water":
        found.append(_in_water(hardest.tissue_factor))
    return found
