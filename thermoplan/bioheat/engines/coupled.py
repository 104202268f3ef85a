"""The exact engine with feedback: ETD2RK [CoxMatthews2002] over whole cycles, every dwell still played.

Over a stretch of h seconds the feedback is held at its value at the start; dwells, cycles and rests are then played
exactly, to ``a``. What the feedback became meanwhile enters as a straight line in time, exactly too:

    y(tau) = y_held(tau) + tau^2 phi2(-tau A) (g(a) - g(y_0)) / h

Its last term is the difference of a first and a second order method, and so the estimate that sets h. Feedback
follows temperatures that move over tens of seconds, so a stretch holds many dwells.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Unpack

import numpy as np
from numpy.typing import ArrayLike

from ...base.arrays import Array
from ...base.errors import SolverError
from ..feedback import Feedback
from ..linalg.krylov import KrylovSpace, build_space
from ..linalg.phi import phi2, phi3
from ..load_sequence import Cycle, Segment
from ..system import ThermalSystem
from .checkpoint import NO_CHECKPOINT
from .engine_run import EngineRun, Moment, RunOptions, resume_run, start_run, yield_outputs
from .evolve import combine, play_piece, watched_integrals

FIRST_STRETCH_S = 10.0
"""First stretch. One that is too long is refused and cut, one that is too short grows threefold: twice as much costs a
refusal, or saves a stretch."""
SHORTEST_STRETCH_S = 1e-4
"""Stretch below which a feedback counts as one that jumps. At twice as much some steep laws would be given up."""
LONGEST_STRETCH_S = 120.0
"""Longest stretch, so that a feedback which awakes late is seen; twice as much saves half of few stretches."""
TOLERANCE_K = 1e-2
"""Correction of a stretch. Its error is of the next order: twice as much makes stretches 1.4 times as long and their
error twice as large."""
PLAYED = 1e-4
"""Of the tolerance, the error that a stretch is played to: energy then closes to 1e-6."""
CORRECTED = 1e-5
"""Of the tolerance, the error of a stretch's correction: energy then closes to 1e-6."""
SAFE = 0.9
"""Of the stretch that the estimate allows, the one that is taken; a tenth more is refused more often than it saves."""
WHOLE = 1.2
"""Stretches up to which a part is played whole; see ``REFUSED``."""
REFUSED = 1.5
"""Tolerances above which a stretch is refused. The next is at most ``SAFE / sqrt(REFUSED)`` = 0.74 of the part: the
part is then 1.36 stretches long, more than ``WHOLE``, and split."""
MOST_GROWTH = 3.0
"""Stretches that the next may be long, as an estimate that is very small says little."""
LEAST_SHRINKAGE = 0.2
"""Of a stretch, the least that the next may be."""


def evolve_coupled(
    system: ThermalSystem,
    pieces: Sequence[Segment | Cycle],
    output_times_s: ArrayLike,
    *,
    feedback: Feedback,
    tolerance_k: float = TOLERANCE_K,
    **options: Unpack[RunOptions],
) -> Iterator[tuple[float, Array]]:
    """As ``evolve``, with feedback relative to its value in ``system.base_c`` (see ``settle``).

    Parameters
    ----------
    tolerance_k
        Largest correction of a stretch over the nodes; the error of a run is well below it.
    """
    run = start_run(system, pieces, output_times_s, tolerance_k=PLAYED * tolerance_k, options=options)
    keeping = options.get("keeping", NO_CHECKPOINT)
    left = resume_run(run, pieces, keeping)
    coupling = _Coupling(run, feedback, tolerance_k)
    if keeping.start is not None:
        coupling.stretch = keeping.start.pace_s
    yield from yield_outputs(run.rises(coupling.play(left)), system.base_c, options.get("ledger"))


class _Coupling:
    """A run, its feedback, and the length of stretch that it bears."""

    def __init__(self, run: EngineRun, feedback: Feedback, tolerance_k: float) -> None:
        self.run, self.feedback, self.tolerance = run, feedback, tolerance_k
        self.stretch = FIRST_STRETCH_S
        self.base = feedback.power_w(0.0, run.system.base_c)
        self.gained = np.zeros(2)

    def gain(self, time_s: float, y: Array) -> Array:
        """Feedback power in W relative to the state before heating, none where nodes are held."""
        state = self.run.system.base_c + y / self.run.op.root_capacity
        power: Array = self.feedback.power_w(time_s, state) - self.base
        power[self.run.system.held] = 0.0
        return power

    def play(self, pieces: Sequence[Segment | Cycle]) -> Iterator[Moment]:
        yield self.run.clock, self.run.y, np.append(self.run.integrals, self.gained)
        for piece in pieces:
            rest: list[Segment | Cycle] = [piece]
            while rest:
                part, *later = _split(rest[0], self.stretch, rest[1:])
                moments = self._play_stretch(part)
                if moments is not None:
                    rest = later
                    yield from moments
                    self.run.mark(self.stretch)
        yield self.run.clock, self.run.y, np.append(self.run.integrals, self.gained)

    def _play_stretch(self, part: Segment | Cycle) -> list[Moment] | None:
        """Play one stretch; None, with a shorter stretch set, where the feedback moved too much."""
        run, h = self.run, part.duration_s
        before = run.clock, run.y, run.integrals
        held = self.gain(run.clock, run.y)
        run.offset = held / run.op.root_capacity
        keeping, run.keeping = run.keeping, NO_CHECKPOINT  # an uncorrected state is no checkpoint
        moments = list(play_piece(run, part))
        run.keeping = keeping
        change = self.gain(run.clock, run.y) - held
        space = build_space(run.op, change / run.op.root_capacity / h, h, tolerance=CORRECTED * self.tolerance)
        if space.reach < h:
            raise SolverError(
                f"feedback: a Krylov space of {len(space.rates_1_s)} vectors is good for "
                f"{space.reach:.1e} s of a stretch of {h:.1f} s"
            )
        correction = combine(space, phi2(space.rates_1_s, [h]))[0]
        error = run.op.largest_k(correction)
        self.stretch = float(
            np.clip(
                SAFE * h * np.sqrt(self.tolerance / max(error, 1e-300)),
                LEAST_SHRINKAGE * h,
                min(MOST_GROWTH * max(h, self.stretch), LONGEST_STRETCH_S),
            )
        )
        if error > REFUSED * self.tolerance:
            if h < SHORTEST_STRETCH_S or not np.isfinite(error):
                raise SolverError(
                    f"feedback: still moves by {error:.1e} K in {h:.1e} s at {before[0]:.2f} s, "
                    f"wanted {self.tolerance:.0e} K"
                )
            run.clock, run.y, run.integrals = before
            return None
        run.y = run.y + correction
        return self._correct(moments, before[0], (held, change), space)

    def _correct(
        self, moments: list[Moment], begun: float, powers_w: tuple[Array, Array], space: KrylovSpace
    ) -> list[Moment]:
        """Moments of a stretch, and the run's integrals, with the feedback's change as a straight line.

        ``powers_w`` are the feedback at the start and its change, ``space`` is that of the change.
        """
        run, n = self.run, self.run.system.n_nodes
        h = run.clock - begun
        flows = run.op.communicator.summed(np.array([[p[:n].sum(), p.sum()] for p in powers_w]))
        since = np.array([time - begun for time, _, _ in moments])
        found: list[Moment] = []
        if moments:
            states = combine(space, phi2(space.rates_1_s, since))
            sums = watched_integrals(space, run.rows, phi3, since)
            gained = self.gained + np.outer(since, flows[0]) + np.outer(since**2 / (2.0 * h), flows[1])
            found = [
                (t, y + dy, np.append(s + ds, g))
                for (t, y, s), dy, ds, g in zip(moments, states, sums, gained, strict=True)
            ]
        run.integrals = run.integrals + watched_integrals(space, run.rows, phi3, [h])[0]
        self.gained = self.gained + h * flows[0] + 0.5 * h * flows[1]
        return found


def _split(piece: Segment | Cycle, stretch: float, after: Sequence[Segment | Cycle]) -> list[Segment | Cycle]:
    """The piece as a part of about one stretch and what is left of it; a part that was refused comes back shorter."""
    if isinstance(piece, Segment):
        if piece.duration_s <= WHOLE * stretch:
            return [piece, *after]
        left = piece.duration_s - stretch
        return [Segment(piece.load_w, stretch), Segment(piece.load_w, left), *after]
    repeats = max(1, round(stretch / piece.period_s))
    if repeats >= piece.repeats:
        if piece.repeats == 1 and piece.period_s > WHOLE * stretch:
            return [*_split(piece.segments[0], stretch, []), *piece.segments[1:], *after]
        return [piece, *after]
    now, later = (Cycle(piece.segments, n) for n in (repeats, piece.repeats - repeats))
    return [*_split(now, stretch, []), later, *after]
