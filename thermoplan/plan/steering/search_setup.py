"""Setup of a search: columns, their heat, the reduced model; and the machine and session that suit best."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...base.arrays import Array
from ...base.progress import Stages
from ...bioheat import Segment, play_with_warming, split_warming
from ...bioheat.engines.reduced import ReducedModel
from ...device import Device
from ...files.run.search_record import ChosenRecord, MachineRecord, SessionRecord
from ...goals import Resolved
from ...optimize import Shares
from ...optimize.program.modal_heat import restrict
from ...power.heating_basis import Column, HeatingBasis
from ...protocol import Protocol
from ...trajectory.positions import MOST_POSITIONS
from ..case.heating_model import HeatingModel
from ..case.linearized import steepest_regulation_w_k
from ..case.model_cache import cached_model, regulate_model
from ..case.safety_limits import safety_budgets
from .attempts import Finder
from .candidates import WINDOWS, candidate_columns, search_settings, window_edges_s, without_gradient

STEP_S = 15.0
"""Step in which a session is shortened; half of it costs one more search, for a difference that no session keeps."""
FINEST = 0.02
"""Step as a part of the session, where that is longer: of an hour it is 72 s."""


IDLE_TIMES = 40
"""Times at which an animal that nothing heats is looked at, evenly over session and cool-down: it cools over many
minutes, and twice as many change nothing that is seen."""


@dataclass(frozen=True, slots=True, eq=False)
class IdleCourse:
    """Rise ``(t, n_dof)`` of an animal that nothing heats, at ``times_s (t,)``, after its warmth is switched off."""

    times_s: Array
    rise_k: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class SearchSetup:
    """One machine and one session, ready to be searched.

    ``basis`` has the candidate ``columns`` first, then one per amplitude without any gradient; ``chosen`` has a row of
    plain data for each machine and each session that was tried. ``idle`` is how the animal cools while nothing heats
    it, None where it stays as it was.
    """

    heating_model: HeatingModel
    resolved: Resolved
    columns: tuple[Column, ...]
    basis: HeatingBasis
    model: ReducedModel
    edges_s: Array
    chosen: ChosenRecord
    idle: IdleCourse | None = None

    @property
    def duration_s(self) -> float:
        """Time of heating."""
        return float(self.edges_s[-1])

    @property
    def heating_k_s(self) -> Array:
        """Heating rate of each candidate column at each node if no heat left it, ``(c, n)``."""
        system = self.heating_model.system
        return self.basis.load_w[: len(self.columns)] / system.capacity_j_k[: system.n_nodes]

    def with_budgets(self, resolved: Resolved) -> Resolved:
        """The rows, and the budgets of safety as costs of the basis' columns."""
        return replace(resolved, budgets=safety_budgets(self.heating_model, self.basis))

    def lasting(self, duration_s: float) -> SearchSetup:
        """The same with another duration."""
        protocol = self.heating_model.case.protocol
        session = replace(protocol.session, duration_s=duration_s)
        heating_model = _with_protocol(self.heating_model, replace(protocol, session=session))
        return replace(self, heating_model=heating_model, edges_s=window_edges_s(duration_s, len(self.edges_s) - 1))

    def search_once(self, stages: Stages, start: Array | None = None) -> Shares:
        """Shares of one search, without the machine's moves."""
        asked = self.with_budgets(self.resolved)
        find = Finder(self.heating_model, self.model, asked, self.columns, self.edges_s, self.heating_k_s, stages)
        settings = replace(search_settings(self.heating_model.case), starts=1)
        return find.search(np.arange(len(self.columns)), settings, start)


def prepare_search(heating_model: HeatingModel, resolved: Resolved, stages: Stages) -> SearchSetup:
    """Basis and reduced model of every machine that may be chosen, and of those the one that serves the goals best;
    then, where the protocol asks for it, the shortest session that meets them."""
    protocol = heating_model.case.protocol
    machines = [_with_protocol(heating_model, replace(protocol, device=device)) for device in variants(protocol)]
    with stages.stage("heating basis"):
        most = max(1, MOST_POSITIONS // len(machines))
        columns = [candidate_columns(machine.case, most) for machine in machines]
        free = without_gradient(heating_model.case, columns[0])
        parts = [machine.basis(own) for machine, own in zip(machines, columns, strict=True)] + [
            heating_model.basis(free)
        ]
        basis = _join_bases(parts)
    duration = protocol.session.duration_s
    with stages.stage("reduced model"):
        model = regulate_model(
            cached_model(heating_model.system, basis.load_w, duration, stages),
            heating_model.system,
            steepest_regulation_w_k(heating_model.feedback),
        )
    idle = idle_course(heating_model, duration)
    windows = WINDOWS if protocol.steering.windows is None else protocol.steering.windows
    edges = window_edges_s(duration, windows)
    last = np.arange(len(basis.columns) - len(free), len(basis.columns))
    ends = np.cumsum([len(own) for own in columns])
    setups = []
    for machine, own, end in zip(machines, columns, ends, strict=True):
        kept = np.concatenate([np.arange(end - len(own), end), last])
        setups.append(
            SearchSetup(machine, resolved, own, basis.with_columns(kept), restrict(model, kept), edges, {}, idle)
        )
    best = setups[0] if len(setups) == 1 else _choose_machine(setups, stages)
    return _shorten(best, stages) if protocol.session.shortest else best


def idle_course(heating_model: HeatingModel, duration_s: float) -> IdleCourse | None:
    """Course of an animal whose warmth is switched off where heating begins; None where its warmth goes on."""
    system, (warming, _) = heating_model.system, split_warming(heating_model.feedback)
    if warming is None or warming.is_regulated:
        return None
    times = np.linspace(0.0, duration_s + search_settings(heating_model.case).cool_down_s, IDLE_TIMES)
    nothing = [Segment(np.zeros(system.n_nodes), float(times[-1]))]
    history = play_with_warming(system, nothing, times, feedback=heating_model.feedback)
    return IdleCourse(times, np.array([state - system.base_c for _, state in history], np.float32))


def variants(protocol: Protocol) -> Iterator[Device]:
    """The machine with each gradient, and each direction of its line, that the protocol lets a plan choose from."""
    device, steering = protocol.device, protocol.steering
    for gradient in steering.gradients_t_m or (device.gradient_t_m,):
        for line in steering.directions or (None,):
            yield replace(device.turned(line), gradient_t_m=gradient)


def _with_protocol(heating_model: HeatingModel, protocol: Protocol) -> HeatingModel:
    return replace(heating_model, case=replace(heating_model.case, protocol=protocol))


def _join_bases(parts: list[HeatingBasis]) -> HeatingBasis:
    return HeatingBasis(
        tuple(c for part in parts for c in part.columns),
        np.concatenate([p.load_w for p in parts]),
        np.concatenate([p.iron_w for p in parts]),
        np.concatenate([p.eddy_w for p in parts]),
        parts[0].node_volumes_m3,
    )


def _choose_machine(setups: list[SearchSetup], stages: Stages) -> SearchSetup:
    """The machine whose search ends lowest; what each could do is told."""
    found = [setup.search_once(stages) for setup in setups]
    rows = [_machine_row(setup, shares) for setup, shares in zip(setups, found, strict=True)]
    best = min(range(len(setups)), key=lambda i: found[i].objective)
    rows[best]["chosen"] = True
    return replace(setups[best], chosen={"machines": rows})


def _machine_row(setup: SearchSetup, shares: Shares) -> MachineRecord:
    device = setup.heating_model.case.protocol.device
    return {
        "gradient_t_m": device.gradient_t_m,
        "line_axis": None if device.line_axis is None else device.line_axis.tolist(),
        "objective": shares.objective,
        "missed": list(shares.broken),
        "chosen": False,
        "goals": _goal_values(setup, shares),
    }


def _goal_values(setup: SearchSetup, shares: Shares) -> dict[str, float]:
    rows = zip(setup.resolved.rows, shares.values, strict=False)
    return {f"{row.region} {row.goal.metric}": value for row, value in rows if row.goal.kind == "goal"}


def _shorten(setup: SearchSetup, stages: Stages) -> SearchSetup:
    """The shortest session that a search meets every goal in, by bisection; the longest where none does."""
    tried: list[SessionRecord] = []

    def meets(duration_s: float, start: Array | None) -> Array | None:
        trial = setup.lasting(duration_s)
        shares = trial.search_once(stages, start)
        tried.append({"duration_s": duration_s, "met": not shares.broken, "goals": _goal_values(trial, shares)})
        return None if shares.broken else shares.shares

    high = setup.duration_s
    good = meets(high, None)
    low = 0.0 if good is not None else high
    while high - low > max(STEP_S, FINEST * high):
        middle = STEP_S * np.ceil(0.5 * (low + high) / STEP_S)
        if middle >= high:
            break
        found = meets(float(middle), good)
        low, high, good = (low, float(middle), found) if found is not None else (float(middle), high, good)
    return replace(setup.lasting(high), chosen={**setup.chosen, "sessions": tried})
