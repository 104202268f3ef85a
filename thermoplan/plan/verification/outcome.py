"""Outcome of a trajectory, gathered while it is played: temperatures, doses, probes and goals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ...anatomy.anatomy import Anatomy
from ...base.arrays import Array, IntArray
from ...base.errors import InputError, SolverError
from ...bioheat import EnergyAudit, FeedbackSum, Segment, evolve, play_with_warming, split_warming
from ...files.run.plan_record import SolverRecord
from ...goals import Meter, Resolved
from ...goals.dose import Dose, DoseMap, cem43_min
from ...goals.metrics.statistics import exceedance, mean_over
from ...goals.region_series import RegionSeries
from ...power.heating_basis import HeatingBasis
from ...protocol import Protocol
from ..case.heating_model import HeatingModel
from .frames import FrameKeeper, Frames, frame_times_s
from .resume import Resumable

SLP_FACTORS = (0.7, 1.3)
"""The span of SLP that every plan shows beside its own, and beside what its tracer's SLP leaves open."""


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """Outcome of a trajectory by the full model.

    ``values`` of the resolved rows, ``end_c (n_nodes,)`` at the end of heating, ``core_c (t,)`` or None for a fixed
    core, ``warming_w (t,)`` the power of what warms the animal or None where it never changes, ``focus_c`` T90 of the
    first target with the SLP scaled, by factor (of the rise: with perfusion that depends on temperature an
    approximation).
    """

    basis: HeatingBasis
    shares: Array
    series: RegionSeries
    dose: DoseMap
    values: tuple[float, ...]
    end_c: Array
    core_c: Array | None
    warming_w: Array | None
    probes_c: Mapping[str, Array]
    probe_rows: Mapping[str, tuple[IntArray, Array]]
    focus_c: Mapping[float, Array]
    frames: Frames
    heating_end_s: float
    end_s: float
    energy_balance_rel: float
    solver: SolverRecord

    @property
    def time_s(self) -> Array:
        """Times of the courses."""
        return self.series.time_s

    def focus_dose_min(self, factor: float) -> float:
        """CEM43T90 of the first target with the SLP scaled."""
        return float(cem43_min(zip(self.time_s, self.focus_c[factor], strict=True)))

    def focus_hold_c(self, factor: float) -> float:
        """T90 of the first target, mean over the last third of the heating, with the SLP scaled."""
        return mean_over(self.time_s, self.focus_c[factor], self.heating_end_s * 2.0 / 3.0, self.heating_end_s)

    def focus_end_c(self, factor: float) -> float:
        """T90 of the first target at the end of heating with the SLP scaled."""
        return float(np.interp(self.heating_end_s, self.time_s, self.focus_c[factor]))


def reported_regions(anatomy: Anatomy, resolved: Resolved | None) -> dict[str, tuple[IntArray, Array]]:
    """Name -> nodes and volumes: the anatomy's regions, the skin, and whatever else is judged, but for the core."""
    found = {}
    for name in (*anatomy.region_names, *(() if "skin" in anatomy.region_names else ("skin",))):
        weights = anatomy.node_weights_m3(anatomy.cells(name))
        nodes = np.flatnonzero(weights)
        if len(nodes):
            found[name] = (nodes, weights[nodes])
    for row in resolved.rows if resolved else ():
        if row.region not in found and row.region != "core":
            found[row.region] = (row.nodes, row.weights_m3)
    return found


class OutcomeRecorder:
    """Consumers of one history, fed together."""

    KEPT = ("probe_c", "core", "warming_w", "focus_c", "end_c", "last_s")

    def __init__(
        self, heating_model: HeatingModel, resolved: Resolved | None, heating_s: float, times_s: Array
    ) -> None:
        self.heating_model, self.heating_s = heating_model, heating_s
        self.dose = Dose()
        self.frames = FrameKeeper(frame_times_s(times_s, heating_s, heating_model.system.n_nodes))
        self.series = RegionSeries(reported_regions(heating_model.case.anatomy, resolved))
        self.meter = Meter(resolved, heating_s, self.dose) if resolved else None
        self.probes = {
            p.name: _probe_row(heating_model.case.anatomy, heating_model.case.protocol, p.name)
            for p in heating_model.case.protocol.probes
        }
        self.probe_c: dict[str, list[float]] = {name: [] for name in self.probes}
        self.core: list[float] = []
        self.warming, _ = split_warming((heating_model.finer or heating_model).feedback)
        self.reader, _ = split_warming(heating_model.feedback)
        self.warming_w: list[float] = []
        focus = heating_model.case.targets[0] if heating_model.case.targets else None
        self.focus = self.series.regions.get(focus) if focus else None
        self.focus_c: list[Array] = []
        self.end_c: Array | None = None
        self.last_s = 0.0

    def add(self, time_s: float, temperature: Array) -> None:
        """Take the temperatures at one time."""
        n = self.heating_model.system.n_nodes
        self.dose.add(time_s, temperature[:n])
        self.frames.add(time_s, temperature[:n], self.dose.cem43_min)
        self.series.add(time_s, temperature)
        if self.meter:
            self.meter.add(time_s, temperature)
        for name, (nodes, weights) in self.probes.items():
            self.probe_c[name].append(float(weights @ temperature[nodes]))
        if self.heating_model.system.has_blood:
            self.core.append(float(temperature[-1]))
        if self.warming and self.reader:
            self.warming_w.append(self.warming.given_w(time_s, self.reader.reading_c(temperature)))
        if self.focus:
            self.focus_c.append(temperature[self.focus[0]])
        if abs(time_s - self.heating_s) < 1e-6:
            self.end_c = temperature[:n].copy()
        self.last_s = time_s

    def consumers(self) -> dict[str, Resumable]:
        """Consumers by name, this recorder among them."""
        meter = {"meter": self.meter} if self.meter else {}
        return {"dose": self.dose, "frames": self.frames, "series": self.series, "recorder": self, **meter}

    def outcome(self, basis: HeatingBasis, shares: Array, audit: EnergyAudit, solver: SolverRecord) -> Outcome:
        """Outcome once the history has ended."""
        if self.end_c is None:
            raise SolverError("full model: the run ended before its heating did")
        return Outcome(
            basis,
            shares,
            self.series,
            self.dose.map(),
            self.meter.values() if self.meter else (),
            self.end_c,
            self._core_c(),
            np.array(self.warming_w) if self.warming else None,
            {name: np.array(values) for name, values in self.probe_c.items()},
            self.probes,
            self._scale_focus(basis, shares),
            self.frames.frames(),
            self.heating_s,
            self.last_s,
            audit.balance_rel,
            solver,
        )

    def _core_c(self) -> Array | None:
        """Core temperature as it was computed, or measured by the protocol; None where it is fixed."""
        course = self.heating_model.case.protocol.physiology.core_course
        if self.core or course is None:
            return np.array(self.core) if self.core else None
        return np.asarray(course.at(self.series.time_s))

    def _scale_focus(self, basis: HeatingBasis, shares: Array) -> dict[float, Array]:
        """T90 of the first target if the tracer heated less or more; eddy currents and warming stay as they are."""
        if not self.focus:
            return {}
        nodes, weights = self.focus
        base = (self.heating_model.finer or self.heating_model).system.base_c[nodes]
        eddy = self._rise_without_tracer(basis, shares, nodes)
        found = {}
        for factor in {*SLP_FACTORS, *self.heating_model.case.heat_factors}:
            found[factor] = np.array(
                [
                    float(exceedance(base + e + factor * (t - base - e), weights, 90.0))
                    for t, e in zip(self.focus_c, eddy, strict=True)
                ]
            )
        return found

    def _rise_without_tracer(self, basis: HeatingBasis, shares: Array, nodes: IntArray) -> Array:
        """Rise without the tracer ``(t, k)``: by eddy currents at their mean power over the session, and by a warming
        that changes."""
        times, system = self.series.time_s, self.heating_model.system
        power = float(shares @ basis.eddy_w)
        load = np.zeros(system.n_nodes)
        if self.heating_model.eddy is not None and power > 0.0:
            load = self.heating_model.eddy.load_w * (power / self.heating_model.eddy.power_w)
        pieces = [Segment(load, self.heating_s)]
        if times[-1] > self.heating_s:
            pieces.append(Segment(0.0 * load, times[-1] - self.heating_s))
        base = system.base_c[nodes]
        if self.reader is not None:
            played = play_with_warming(system, pieces, times, feedback=FeedbackSum((self.reader,)))
            return np.array([state[nodes] - base for _, state in played])
        if not load.any():
            return np.zeros((len(times), len(nodes)))
        return np.array([t - base for _, t in evolve(system, pieces, times, rows=nodes, tolerance_k=1e-3)])


def _probe_row(anatomy: Anatomy, protocol: Protocol, name: str) -> tuple[IntArray, Array]:
    probe = next(p for p in protocol.probes if p.name == name)
    cell, weights = anatomy.located(np.array([probe.position_m]))
    if cell[0] < 0:
        place = " ".join(f"{1e3 * v:.1f}" for v in probe.position_m)
        raise InputError(
            f'{protocol.path.name}: probes.{name}: position = "{place} mm": outside the mesh; move it into the body'
        )
    return anatomy.tets[cell[0]], weights[0]
