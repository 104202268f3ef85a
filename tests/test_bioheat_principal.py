"""Principal combinations of long rows, made in place a piece of the nodes at a time."""

from __future__ import annotations

import numpy as np
import pytest

from thermoplan.bioheat.engines.compression import PIECE, combine_rows, compress_rows, products, rows_of

WIDTH = 2 * PIECE + 7
SIZES = np.array([1.0, 1e-2, 1e-4])


def mixtures():
    """Six rows that are mixtures of three waves, orthogonal over the nodes, of the sizes in SIZES."""
    angle = 2.0 * np.pi * np.arange(WIDTH) / WIDTH
    waves = np.array([np.sin(angle), np.cos(angle), np.sin(2.0 * angle)])
    mix = np.linalg.qr(np.random.default_rng(0).normal(size=(6, 3)))[0]
    return (mix * SIZES) @ waves, np.sqrt(0.5 * WIDTH) * SIZES


def test_principal_rows_take_the_place_of_the_rows_and_are_as_long_as_what_was_mixed():
    rows, lengths = mixtures()
    room = rows.astype(np.float32)
    kept = compress_rows(rows_of(room), room, 1e-5)
    gram = products(rows_of(room[:kept]), rows_of(room[:kept]), WIDTH)
    assert kept == 3
    assert np.sqrt(np.diag(gram)) == pytest.approx(lengths, rel=2e-3)
    assert gram[0, 1:] == pytest.approx(0.0, abs=1e-6 * gram[0, 0])


def test_what_is_shorter_than_the_tolerance_is_left_out_and_so_is_what_is_too_many():
    rows, _ = mixtures()
    assert compress_rows(rows_of(rows), np.empty((6, WIDTH), np.float32), 1e-3) == 2
    assert compress_rows(rows_of(rows), np.empty((6, WIDTH), np.float32), 1e-5, most=1) == 1


def test_products_of_pieces_are_those_of_the_whole_rows():
    rows, _ = mixtures()
    others = rows[::2].copy()
    assert products(rows_of(rows), rows_of(others), WIDTH) == pytest.approx(rows @ others.T, rel=1e-12, abs=1e-12)


def test_rows_may_be_mixed_where_they_stand():
    rows, _ = mixtures()
    mix, room = np.random.default_rng(1).normal(size=(4, 6)), rows.copy()
    combine_rows(mix, rows_of(room), room)
    assert room[:4] == pytest.approx(mix @ rows, abs=1e-12)
