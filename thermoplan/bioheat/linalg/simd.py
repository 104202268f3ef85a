"""What Numba does not say by itself: eight doubles at once, memory asked for ahead, and compiled for good.

A compiled function is kept beside the date of its own file alone: change this one and touch those that use it.
"""

from __future__ import annotations

from contextlib import suppress

from ...base.errors import MissingPart

try:
    from llvmlite import ir
    from numba import njit, types
    from numba.core.datamodel.models import PrimitiveModel
    from numba.extending import intrinsic, register_model
except ModuleNotFoundError as absent:
    raise MissingPart(f'{absent.name} is missing: pip install "thermoplan[fem]"') from absent

LANES = 8
REORDERED = ("contract", "nsz", "reassoc")
"""Sums in an order that the compiler chooses once: the same in every run on a machine."""
_EIGHT = ir.VectorType(ir.DoubleType(), LANES)
_NUMBER = ir.IntType(32)


def compiled(*signature):
    """Compile for these types, or take it from Numba's cache where that has a folder that can be written."""

    def made_of(function):
        made = njit(fastmath=set(REORDERED))(function)
        with suppress(RuntimeError):  # Numba's word for no such folder
            made.enable_caching()
        with suppress(OSError):  # the function is there, and only its keeping failed
            made.compile(signature)
        made.disable_compile()  # a vector that may be written is taken where one is only read
        return made

    return made_of


class Lanes(types.Type):
    """Eight neighbours of a vector, for compiled code alone; where a machine has no such registers LLVM takes smaller
    ones."""

    def __init__(self) -> None:
        super().__init__("eight lanes")


@register_model(Lanes)
class _LanesModel(PrimitiveModel):
    def __init__(self, manager, kind) -> None:
        super().__init__(manager, kind, _EIGHT)


_LANES = Lanes()


def _at(context, builder, array, values):
    data = context.make_array(array)(context, builder, values[0]).data
    return builder.gep(data, [values[1]])


@intrinsic
def soon(typing, array, position):
    """Ask for the cache line of ``array[position]``, past its end too: nothing is read there."""

    def generate(context, builder, signature, values):
        place = builder.bitcast(_at(context, builder, array, values), ir.IntType(8).as_pointer())
        form = ir.FunctionType(ir.VoidType(), [place.type, _NUMBER, _NUMBER, _NUMBER])
        ask = builder.module.declare_intrinsic("llvm.prefetch", [place.type], form)
        builder.call(ask, [place, _NUMBER(0), _NUMBER(3), _NUMBER(1)])  # to read, into every cache, as data
        return context.get_dummy_value()

    return types.void(array, types.uint64), generate


@intrinsic
def eight(typing, array, position):
    """``array[position : position + 8]``; nobody checks that it is there."""

    def generate(context, builder, signature, values):
        read = builder.load(builder.bitcast(_at(context, builder, array, values), _EIGHT.as_pointer()))
        read.align = LANES
        return read

    return _LANES(array, types.uint64), generate


@intrinsic
def put_eight(typing, array, position, lanes):
    """Write ``array[position : position + 8]``."""

    def generate(context, builder, signature, values):
        place = builder.bitcast(_at(context, builder, array, values), _EIGHT.as_pointer())
        builder.store(values[2], place).align = LANES
        return context.get_dummy_value()

    return types.void(array, types.uint64, lanes), generate


@intrinsic
def alike(typing, number):
    """The same number eight times."""

    def generate(context, builder, signature, values):
        nothing, zeros = ir.Constant(_EIGHT, ir.Undefined), ir.Constant(ir.VectorType(_NUMBER, LANES), [0] * LANES)
        return builder.shuffle_vector(builder.insert_element(nothing, values[0], _NUMBER(0)), nothing, zeros)

    return _LANES(types.float64), generate


@intrinsic
def plus_times(typing, much, first, second):
    """``much + first * second``, lane by lane, rounded once where the machine can."""

    def generate(context, builder, signature, values):
        return builder.fadd(values[0], builder.fmul(values[1], values[2], flags=REORDERED), flags=REORDERED)

    return _LANES(much, first, second), generate


@intrinsic
def total(typing, lanes):
    """Sum of eight, in pairs."""

    def generate(context, builder, signature, values):
        parts = [builder.extract_element(values[0], _NUMBER(k)) for k in range(LANES)]
        while len(parts) > 1:
            parts = [builder.fadd(a, b) for a, b in zip(parts[::2], parts[1::2], strict=True)]
        return parts[0]

    return types.float64(lanes), generate
