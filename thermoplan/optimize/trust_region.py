"""Trust region of a sequential linear program: how far a step may go, and what came of the last one."""

from __future__ import annotations

from dataclasses import dataclass

_GOOD_PART = 0.75
"""A step that gains this part of what its program promised keeps the radius, or widens it; with less the promise was
too good. One half makes the same plans in as many steps."""
_WIDENING = 2.0
"""Factor of the radius after a good step that went all the way; with twice as much merits are within 0.3 %."""
_ALL_THE_WAY = 0.99
"""Part of the radius from which on a step went all the way; rounding alone leaves less."""
_LEAST_NARROWING = 0.7
"""A disappointing step narrows the radius at least to this part of the step. With half as much one of ten plans of a
phantom ends 2 % higher."""
_MOST_NARROWING = 0.05
"""And at most to this part, so that one bad step does not end the search; twice or half as much makes the same
plans."""
_CUT_OFF_NARROWING = 0.25
"""Part of the radius that is kept where rows that are no bounds cut off the iterate itself, so that nothing is known of
the step. With twice as much a search takes a tenth more steps."""


@dataclass(frozen=True, slots=True)
class TrustRegion:
    """Radius in which a linear program is solved, the ``most`` that it grows to, and the ``least`` that is worth a
    step; all are parts of a window, as the shares."""

    radius: float
    most: float
    least: float

    @property
    def is_spent(self) -> bool:
        return self.radius < self.least

    def after(self, move: Move) -> TrustRegion:
        """The region for the next step."""
        return TrustRegion(self._next_radius(move), self.most, self.least)

    def _next_radius(self, move: Move) -> float:
        """Wider where the promise was kept. Narrower where it was not: to where gain would be largest if it fell
        behind its promise as the square of the step."""
        if move.promised < 0.0:
            return _CUT_OFF_NARROWING * self.radius
        if move.gain >= _GOOD_PART * move.promised:
            return min(self.most, _WIDENING * self.radius) if move.step > _ALL_THE_WAY * self.radius else self.radius
        best = move.promised / (2.0 * (move.promised - move.gain))
        return min(self.radius, move.step) * min(max(best, _MOST_NARROWING), _LEAST_NARROWING)


@dataclass(frozen=True, slots=True)
class Move:
    """Step of a linear program: the gain in merit that it ``promised``, the ``gain`` that came of it, and the largest
    change of a share; ``bound`` is a lower bound of the objective where the problem is convex."""

    gain: float
    promised: float
    step: float
    bound: float | None
