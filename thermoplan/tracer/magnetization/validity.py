"""Ranges of validity of the models: in words, and as reasons against trusting one at a point."""

from __future__ import annotations

from collections.abc import Mapping

FIXED_AXIS = frozenset({"neel", "blocked"})

_TURNS = "for particles that turn as a whole with one relaxation time; a Neel time stands in for one only in effect"
NAMES: Mapping[str, str] = {
    "mrsh": "the effective-field equation of Martsenyuk, Raikher and Shliomis",
    "fokker-planck": "the Fokker-Planck equation of a rotating dipole in spherical harmonics",
    "linear": "linear response with Rosensweig's chord susceptibility",
    "linear-initial": "linear response with the initial susceptibility",
    "shliomis": "relaxation with a constant time (Shliomis 1972)",
    "neel": "Neel reversal over Brown's high barrier, easy axes fixed in every direction",
    "blocked": "quasi-static hysteresis of blocked grains (Stoner and Wohlfarth)",
    "table": "a measured table",
}
VALIDITY: Mapping[str, str] = {
    "mrsh": f"{_TURNS}; within 7 % of the exact solution for m B / kT of the drive up to 20, omega tau 0.1 to 100, any "
    "bias and angle",
    "fokker-planck": f"{_TURNS}; exact at any bias and angle for m B / kT of the drive up to some 200; where the "
    "bias is 30 more than the drive by the effective field, which is within 0.1 % there",
    "linear": f"{_TURNS}; for m B / kT of the drive below 1, beyond which the chord only guesses saturation; any bias",
    "linear-initial": f"{_TURNS}; for m B / kT of the drive below 1; any bias",
    "shliomis": f"{_TURNS}; for m B / kT of drive and bias below 1; off by up to 14 times under a strong bias",
    "neel": "for particles that cannot turn, barriers K V of 4 kT and more, and fields below the anisotropy field; the "
    "field across an easy axis is left out, a low estimate",
    "blocked": "for particles that cannot turn, barriers K V above some 25 kT, where neither heat nor frequency helps "
    "a moment to switch",
    "table": "as far as the table goes: amplitudes and frequencies outside it are refused, a bias beyond its largest "
    "keeps the value there",
}
"""Range of validity of each model; the figures are those of its tests."""


def outside_validity(
    model: str, xi_a: float, omega_tau: float, xi_bias: float, barrier: float | None = None
) -> list[str]:
    """Reasons against trusting a model here, in sentences; empty where there are none."""
    strong = max(xi_a, xi_bias)
    rules = {
        "mrsh": [(xi_a > 20.0, f"xi = {xi_a:.3g}: the closure was compared with the exact solution up to 20")],
        "fokker-planck": [],
        "linear": [(xi_a > 1.0, f"xi = {xi_a:.3g}: linear response holds below 1")],
        "linear-initial": [(xi_a > 1.0, f"xi = {xi_a:.3g}: linear response holds below 1")],
        "shliomis": [
            (
                strong > 1.0,
                f"xi = {strong:.3g}: one relaxation time for any field holds below 1; under "
                "bias the loss is off by up to 14 times",
            )
        ],
        "neel": [
            (barrier is not None and barrier < 4.0, f"barrier = {barrier or 0:.3g} kT: too low to hop over"),
            (
                barrier is not None and strong > 2.0 * barrier,
                "the field removes the barrier: reversal is no longer thermal",
            ),
        ],
        "blocked": [
            (
                barrier is not None and barrier < 25.0,
                f"barrier = {barrier or 0:.3g} kT: heat helps switching below some 25 kT",
            )
        ],
    }
    found = [text for broken, text in rules[model] if broken]
    if model not in FIXED_AXIS and omega_tau > 100.0:
        found.append(f"omega tau = {omega_tau:.3g}: a particle this slow heats by reversal inside it, if at all")
    return found
