"""Compilation by Numba to machine code that is kept, and prefetch of memory, which Numba does not offer by itself.

A compiled function is kept beside the date of its own file alone: change this one and touch those that use it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ...base.errors import MissingPart

try:
    from llvmlite import ir
    from numba import njit, types
    from numba.extending import intrinsic
except ModuleNotFoundError as absent:
    raise MissingPart(f'{absent.name} is missing: pip install "thermoplan[fem]"') from absent

REORDERED = ("contract", "nsz", "reassoc")
"""Sums in an order that the compiler chooses once: the same in every run on a machine."""
_NUMBER = ir.IntType(32)
_TO_READ = 0
"""Prefetch for a read, in LLVM's numbers."""
_EVERY_CACHE = 3
"""Prefetch into every level of the cache, in LLVM's numbers."""
_DATA = 1
"""Prefetch into the cache of data, in LLVM's numbers."""


def compile_for[**P, R](*signature: Any) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Compile for these types, or take it from Numba's cache where that has a folder that can be written."""

    def compile_function(function: Callable[P, R]) -> Callable[P, R]:
        made = njit(fastmath=set(REORDERED))(function)
        with suppress(RuntimeError):  # Numba's word for no such folder
            made.enable_caching()
        with suppress(OSError):  # the function is there, and only its keeping failed
            made.compile(signature)
        made.disable_compile()  # a vector that may be written is taken where one is only read
        result: Callable[P, R] = made
        return result

    return compile_function


def _prefetch(typing: Any, array: Any, position: Any) -> Any:
    """Signature and code of ``prefetch``, for Numba."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        data = context.make_array(array)(context, builder, values[0]).data
        place = builder.bitcast(builder.gep(data, [values[1]]), ir.IntType(8).as_pointer())
        form = ir.FunctionType(ir.VoidType(), [place.type, _NUMBER, _NUMBER, _NUMBER])
        ask = builder.module.declare_intrinsic("llvm.prefetch", [place.type], form)
        builder.call(ask, [place, _NUMBER(_TO_READ), _NUMBER(_EVERY_CACHE), _NUMBER(_DATA)])
        return context.get_dummy_value()

    return types.void(array, types.uint64), generate


prefetch: Callable[..., None] = intrinsic(_prefetch)
"""``prefetch(array, position)`` asks for the cache line of ``array[position]``, past its end too: nothing is read."""
