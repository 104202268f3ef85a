"""Values that may be left out: zero is a value, and only None stands for "not given"."""

from __future__ import annotations


def first_of[Value](*values: Value | None) -> Value | None:
    """The first of ``values`` that is not None; None where all are."""
    return next((value for value in values if value is not None), None)
