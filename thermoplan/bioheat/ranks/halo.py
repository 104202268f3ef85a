"""Halo exchange between ranks: the values along the fronts of a part in a product, and sums over all parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

import numpy as np
from scipy.linalg.blas import daxpy

from ...base.arrays import Array, IntArray
from ...base.errors import MissingPart
from ...base.mpi_launch import REMEDY
from ..linalg.krylov import Operator, ProductCounter
from ..system import ThermalSystem
from .partition import Part, parts

try:
    with suppress(ModuleNotFoundError):
        import dolfinx_solver  # noqa: F401  (its wheel has to be imported before whatever uses its libraries)
    from mpi4py import MPI as MPI
except (ImportError, RuntimeError) as absent:
    raise MissingPart(f"several ranks need mpi4py and its library ({absent}): {REMEDY}") from absent


class HaloExchange:
    """Communicator of a part: neighbours exchange the values along their fronts while each multiplies its own rows.

    Parameters
    ----------
    others
        On rank 0, the dofs of every other rank.
    """

    def __init__(self, comm: MPI.Intracomm, part: Part, others: Sequence[IntArray] = ()) -> None:
        self.comm, self.part, self.others = comm, part, others
        self._halo = np.zeros(part.border.shape[1])
        self._sent = {to: np.zeros(len(which)) for to, which in part.sends.items()}
        self._bled = part.system.has_blood
        self._mine, self._all = np.zeros(2), np.zeros(2)

    def n_dof(self, here: int) -> int:
        return self.part.n_dof

    def widest(self, here: int) -> int:
        return self.part.widest

    def product(self, own: Callable[[], float], y: Array, *, share: float, out: Array) -> float:
        part, comm, n = self.part, self.comm, self.part.system.n_nodes
        waiting = [comm.Irecv(self._halo[a:b], rank) for rank, (a, b) in part.receives.items()]
        for rank, which in part.sends.items():
            np.take(y, which, out=self._sent[rank])
            waiting.append(comm.Isend(self._sent[rank], rank))
        if len(part.to_blood):
            self._mine[:] = part.to_blood @ y[:n], y[-1] if self._bled else 0.0
            waiting.append(comm.Iallreduce(self._mine, self._all))
        along = own()
        MPI.Request.Waitall(waiting)
        fronts = share * (part.border @ self._halo)
        out[part.edge] += fronts
        along += y[part.edge] @ fronts
        if len(part.to_blood):
            from_nodes, blood = share * self._all
            daxpy(part.to_blood, out, n, blood)
            along += blood * self._mine[0]
            if self._bled:
                out[-1] += from_nodes
                along += from_nodes * y[-1]
        return float(along)

    def summed(self, values: Array) -> Array:
        total = np.array(values, float)
        if total.size:
            self.comm.Allreduce(MPI.IN_PLACE, total)
        return total

    def total(self, value: float) -> float:
        return float(self.summed(np.array(value)))

    def largest(self, value: float) -> float:
        return float(self.comm.allreduce(value, MPI.MAX))

    def typical_1_s(self, diagonal: Array, percentile: float) -> float:
        return self.part.typical[percentile]

    def noise(self, here: int) -> Array:
        return np.random.default_rng(0).standard_normal(self.part.n_dof)[self.part.own]

    @property
    def bytes_held(self) -> int:
        """Memory of the matrix and of one vector's neighbours."""
        matrices = (self.part.system.stiffness, self.part.border)
        return int(sum(m.data.nbytes + m.indices.nbytes + m.indptr.nbytes for m in matrices) + self._halo.nbytes)

    @property
    def leads(self) -> bool:
        return self.comm.rank == 0

    def gathered(self, y: Array) -> Array | None:
        """Whole vector on rank 0, None elsewhere."""
        if not self.leads:
            self.comm.Send(np.ascontiguousarray(y), 0)
            return None
        whole = np.empty(self.part.n_dof)
        whole[self.part.own] = y
        for rank, own in enumerate(self.others, 1):
            piece = np.empty(len(own))
            self.comm.Recv(piece, rank)
            whole[own] = piece
        return whole

    def scattered(self, whole: Array | None) -> Array:
        """Own part of a vector, which rank 0 gives."""
        if whole is not None:
            for rank, own in enumerate(self.others, 1):
                self.comm.Send(whole[own], rank)
            return whole[self.part.own]
        piece = np.empty(len(self.part.own))
        self.comm.Recv(piece, 0)
        return piece


def make_halo(comm: MPI.Intracomm, system: ThermalSystem | None, *, counter: ProductCounter | None = None) -> Operator:
    """Operator of this rank's part of a system, which rank 0 gives; all ranks call it together.

    Its communicator is a `HaloExchange`, which has the part; the largest rate of the whole is found at once.
    """
    if system is None:
        halo = HaloExchange(comm, comm.recv(source=0))
    else:
        shares = parts(system, comm.size)
        part, others = next(shares), []
        for rank, share in enumerate(shares, 1):
            comm.send(share, rank)
            others.append(share.own)
        halo = HaloExchange(comm, part, others)
    op = Operator(halo.part.system.stiffness, halo.part.root_capacity, communicator=halo, counter=counter)
    _ = op.radius_1_s  # all ranks take part in it, and later rank 0 asks alone
    return op


def halo_of(op: Operator) -> HaloExchange:
    """Halo exchange of an operator that `make_halo` made."""
    if not isinstance(op.communicator, HaloExchange):
        raise TypeError("an operator of one process: expected one of Crew.operator")
    return op.communicator
