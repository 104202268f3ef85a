"""Methods paragraph for a paper, and the limits of validity, written from ``plan.json``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..device.kinds import limitation
from . import formats as f
from .formats import at, usable

if TYPE_CHECKING:
    from ..files.run.plan_record import PlanRecord

STANDING_LIMITS = (
    "Research use. A plan is never a medical device's output; no one may be treated on its strength alone.",
    "In-vivo accuracy is not validated by anything published in reach: what is verified here is the "
    "arithmetic, against closed forms, reference solutions and conservation laws.",
    "The heat per gram of iron (SLP) is uncertain by a factor of several unless it was measured at this "
    "amplitude and frequency and in tissue.",
    "Perfusion, conductivity and heat capacity are tabulated averages; a tumour's own perfusion can differ "
    "severalfold.",
    "Iron is taken to stay where the image shows it for the whole session.",
    "CEM43 is an empirical dose; it is shown with two digits, because the data behind it carry no more.",
)


def methods_paragraph(plan: PlanRecord) -> str:
    """The sentences whose facts the plan has."""
    sentences = (
        _mesh_sentence(plan),
        _iron_sentence(plan),
        _field_sentence(plan),
        _heat_sentence(plan),
        _steering_sentence(plan),
        _dose_sentence(plan),
        _accuracy_sentence(plan),
    )
    return " ".join(s for s in sentences if s)


def _mesh_sentence(plan: PlanRecord) -> str:
    nodes, tets = at(plan, "mesh.nodes"), at(plan, "mesh.tetrahedra")
    if not nodes:
        return ""
    regions = ", ".join(name for name in at(plan, "regions", {}) if name != "everywhere-else")
    return f"The anatomy ({regions}) was meshed with {nodes:,} nodes and {tets or 0:,} linear tetrahedra."


def iron_uncertainty_words(plan: PlanRecord) -> str:
    """Uncertainty of the iron in words, where the plan tells."""
    known = at(plan, "iron.relative_uncertainty")
    return f"calibration known to ± {f.percent(known)} (one standard uncertainty)" if usable(known) and known else ""


def _iron_sentence(plan: PlanRecord) -> str:
    mass = at(plan, "iron.mesh_mg")
    if not usable(mass):
        return ""
    text = f"The iron image put {f.significant(mass, 3)} mg of iron into the mesh"
    if known := iron_uncertainty_words(plan):
        text += f", {known}"
    if roi := at(plan, "iron.calibrated_by.roi"):
        text += f', from its signal by samples of known iron, voxels of both marked by the rule "{roi}"'
    fwhm = at(plan, "iron.fwhm_mm")
    if at(plan, "iron.confined") and usable(fwhm):
        text += (
            f"; iron within one point-spread width ({f.significant(fwhm, 2)} mm) of a region that takes up "
            f"tracer was moved into it ({f.significant(at(plan, 'iron.moved_mg'), 2)} mg), mass conserved"
        )
    if usable(gain := at(plan, "iron.deblur_noise_gain")):
        text += (
            f". The image was sharpened first, non-negative and mass kept, its noise "
            f"growing at most {f.significant(gain, 2)} times; sharpening can invent iron"
        )
    return f"{text}. {at(plan, 'iron.registration.words') or ''}".strip()


def _field_sentence(plan: PlanRecord) -> str:
    device = at(plan, "device", {})
    if not device:
        return ""
    gradient = at(device, "gradient_t_m")
    where = f" with a selection-field gradient of {f.significant(gradient, 3)} T/m" if gradient else ""
    amplitude, frequency = (f.significant(at(device, key), 3) for key in ("amplitude_mt", "frequency_khz"))
    return (
        f"Heating was modelled for {at(device, 'name', 'the device')} ({at(device, 'kind', 'field')})"
        f"{where}, drive field {amplitude} mT peak at {frequency} kHz; the tracer's loss under drive and "
        f"bias along and across the drive axis followed {_loss_model_words(plan)}. {_slp_sentence(plan)}"
    ).strip()


def _loss_model_words(plan: PlanRecord) -> str:
    """The model of the loss and where it holds, as the plan records them."""
    name = at(plan, "tracer.model_name") or f'the model "{at(plan, "tracer.model", "not recorded")}"'
    holds = at(plan, "tracer.model_validity")
    return f"{name}, which holds {holds}" if holds else name


def _slp_sentence(plan: PlanRecord) -> str:
    slp, factor = at(plan, "summary.slp_w_per_g_fe"), at(plan, "summary.tissue_factor")
    if not usable(slp):
        return ""
    text = f"The specific loss power was {f.significant(slp, 3)} W per gram of iron"
    text += f" ({at(plan, 'summary.slp_basis', 'basis not stated')})"
    if usable(factor) and factor != 1.0:
        text += f", with a factor of {factor:g} from water to tissue"
    return text + "."


def _heat_sentence(plan: PlanRecord) -> str:
    end, course = at(plan, "timing.heating_end_s"), at(plan, "core.temperature_c", [])
    session = f" over {f.significant(end / 60.0, 3)} min of heating and the cool-down" if usable(end) else ""
    pool = course and max(course) - min(course) > 1e-6
    blood = "the blood's temperature as a state" if pool else "blood at a fixed arterial temperature"
    kind = at(plan, "solver.elements", "linear")
    terms = at(plan, "solver.terms", [])
    held = f" The equation had these terms: {', '.join(terms)}." if terms else ""
    return (
        f"Tissue temperature followed the Pennes equation with {blood}, solved with {kind} finite "
        f"elements{session}, from the steady state before treatment.{held}"
    )


def _steering_sentence(plan: PlanRecord) -> str:
    if plan.get("kind") == "simulate" or not plan.get("optimizer"):
        return ""
    found = at(plan, "optimizer", {})
    method = at(found, "method", "optimization")
    rounds = f" ({found['iterations']} iterations)" if found.get("iterations") else ""
    stops = at(plan, "trajectory.positions")
    places = f" over {stops} positions of the field-free region" if stops else ""
    return (
        f"Time shares{places} were found by {method}{rounds} on a reduced model; the temperatures "
        "reported are of the full model, solved over the sequence that the machine plays, every dwell and "
        "rest included."
    )


def _dose_sentence(plan: PlanRecord) -> str:
    return (
        "Thermal dose is CEM43 (R = 0.5 at and above 43 °C, 0.25 below), over heating and cool-down; Tx is "
        "the temperature exceeded by x % of a region's volume, and CEM43max the mean dose of the hottest 1 mm³."
    )


def _accuracy_sentence(plan: PlanRecord) -> str:
    balance, prediction = at(plan, "checks.energy_balance_rel"), at(plan, "checks.prediction_k")
    parts = []
    if usable(balance):
        parts.append(f"energy closed within {f.significant(balance, 1)} of the largest power term")
    if usable(prediction):
        gap = f.significant(prediction, 2)
        parts.append(f"the search's prediction differed from the verified solution by at most {gap} K")
    version = at(plan, "provenance.thermoplan")
    tool = f" (thermoplan {version})" if version else ""
    return f"Numerically, {' and '.join(parts)}{tool}." if parts else ""


def validity_limits(plan: PlanRecord) -> list[str]:
    """The standing limits, and those of this plan."""
    own = []
    if plan.get("quick"):
        own.append("This is a quick plan on a coarse mesh: read trends from it, plan the session without --quick.")
    factor = at(plan, "summary.tissue_factor")
    if usable(factor) and factor != 1.0:
        own.append(
            f"The SLP carries a factor of {factor:g} from water to tissue; 0.3 to 1 is possible, "
            "and it costs 2 K of T90."
        )
    return [*STANDING_LIMITS, *own, *filter(None, [limitation(at(plan, "device.kind"))])]
