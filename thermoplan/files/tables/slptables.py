"""A measured table of SLP, as a CSV of amplitude, frequency, bias and loss per gram of iron."""

from __future__ import annotations

from pathlib import Path

from ...tracer.slp_table import SlpTable, slp_table
from .columns import read_columns

_SCALES = {
    "amplitude_mT": ("amplitude_t", 1e-3),
    "frequency_kHz": ("frequency_hz", 1e3),
    "slp_W_g": ("slp_w_kg", 1e3),
    "along_mT": ("along_t", 1e-3),
    "across_mT": ("across_t", 1e-3),
}


def read_slp_table(path: Path | str) -> SlpTable:
    """Columns ``amplitude_mT,frequency_kHz,slp_W_g`` and, for a bias, ``along_mT,across_mT``; a full grid."""
    path = Path(path)
    found = read_columns(path, list(_SCALES)[:3], list(_SCALES)[3:])
    return slp_table({_SCALES[name][0]: _SCALES[name][1] * values for name, values in found.items()}, path.name)
