"""A box with a tumour, a liver and blood, small enough for all of its modes: an exact "reduced" model."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy import linalg, sparse

from thermoplan.anatomy.anatomy import Anatomy

RHO_C = 3.8e6
CONDUCTIVITY = 0.52
PERFUSION_W_M3_K = {"body": 2e4, "tumour": 1e4, "liver": 1.1e5}
IRON_KG_M3 = {"body": 0.0, "tumour": 6.0, "liver": 3.0}
SLP_W_KG = 250e3
BASE_C = 36.5


@dataclass(frozen=True)
class SmallModel:
    rates_1_s: np.ndarray
    modes: np.ndarray
    inputs: np.ndarray
    base_c: np.ndarray
    load_w: np.ndarray
    centers_m: np.ndarray
    capacity_j_k: np.ndarray

    def with_columns(self, load_w, centers_m=None) -> SmallModel:
        padded = np.hstack([load_w, np.zeros((len(load_w), len(self.base_c) - load_w.shape[1]))])
        return SmallModel(
            self.rates_1_s,
            self.modes,
            padded @ self.modes,
            self.base_c,
            load_w,
            self.centers_m if centers_m is None else centers_m,
            self.capacity_j_k,
        )


def bricks(shape, spacing_m, regions) -> Anatomy:
    """Cubes cut in six, mirrored about the middle of x; ``regions`` maps a name to a test of element centres."""
    counts = np.array(shape) + 1
    grid = np.array(list(product(*(range(n) for n in counts))))
    corner = np.array(list(product(*(range(n) for n in shape))))
    number = np.array([counts[1] * counts[2], counts[2], 1])
    steps = np.array(list(product((0, 1), repeat=3)))
    mirrored = np.where(corner[:, :1, None] >= shape[0] / 2, [[[1, 0, 0]]], 0)
    cube = (corner[:, None] + np.abs(mirrored - steps)) @ number
    tets = np.concatenate(
        [cube[:, list(t)] for t in ((0, 1, 3, 7), (0, 5, 1, 7), (0, 4, 5, 7), (0, 3, 2, 7), (0, 6, 4, 7), (0, 2, 6, 7))]
    )
    points = grid * spacing_m
    flip = np.linalg.det(points[tets[:, 1:]] - points[tets[:, :1]]) < 0
    tets[flip] = tets[flip][:, [0, 1, 3, 2]]
    centre, region = points[tets].mean(axis=1), np.zeros(len(tets), int)
    for i, inside in enumerate(regions.values(), start=1):
        region[inside(centre)] = i
    names = ("body", *regions)
    return Anatomy(points, tets, region, names, names)


def phantom(shape=(16, 6, 6), spacing_m=2e-3, *, symmetric=False) -> Anatomy:
    """Tumour near one end (or in the middle), liver at the other; 8 mm gap between them."""
    length = shape[0] * spacing_m
    middle = np.array([length / 2 if symmetric else 7e-3, shape[1] * spacing_m / 2, shape[2] * spacing_m / 2])
    regions = {"tumour": lambda c: np.linalg.norm(c - middle, axis=1) < 4.5e-3}
    if not symmetric:
        regions["liver"] = lambda c: c[:, 0] > length - 1.2e-2
    return bricks(shape, spacing_m, regions)


def model(
    anatomy: Anatomy,
    centers_m,
    *,
    width_m=4e-3,
    blood_j_k=30.0,
    scales=(1.0,),
    spacing_m=2e-3,
    iron=None,
    perfusion=None,
) -> SmallModel:
    """Conduction on the grid, perfusion to a pool of blood, convection on the skin; Gaussian FFR columns."""
    n, volume = len(anatomy.points_m), anatomy.node_volumes_m3
    per_cell = {name: i for i, name in enumerate(anatomy.region_names)}

    def nodal(values):
        cell = np.array([values[name] for name in per_cell])[anatomy.region] * anatomy.volumes_m3 / 4.0
        return np.bincount(anatomy.tets.ravel(), np.repeat(cell, 4), n)

    perfusion = nodal(perfusion or PERFUSION_W_M3_K)
    mass = nodal({name: (iron or IRON_KG_M3)[name] for name in per_cell})
    index = np.round(anatomy.points_m / spacing_m).astype(int)
    stiffness = sparse.lil_array((n + 1, n + 1))
    key = {tuple(p): i for i, p in enumerate(index)}
    counts = index.max(axis=0) + 1
    for i, p in enumerate(index):
        for axis in range(3):
            j = key.get(tuple(p + np.eye(3, dtype=int)[axis]))
            if j is not None:
                faces = np.delete(np.where((p == 0) | (p == counts - 1), 0.5, 1.0), axis).prod()
                g = CONDUCTIVITY * spacing_m * faces
                stiffness[i, i] += g
                stiffness[j, j] += g
                stiffness[i, j] -= g
                stiffness[j, i] -= g
    skin = np.zeros(n)
    area = (
        np.linalg.norm(
            np.cross(*(anatomy.points_m[anatomy.outer[:, k]] - anatomy.points_m[anatomy.outer[:, 0]] for k in (1, 2))),
            axis=1,
        )
        / 2
    )
    np.add.at(skin, anatomy.outer.ravel(), np.repeat(area / 3, 3))
    dense = stiffness.toarray()
    dense[np.arange(n), np.arange(n)] += perfusion + 10.0 * skin
    dense[n, n] = perfusion.sum()
    dense[n, :n] = dense[:n, n] = -perfusion
    capacity = np.append(RHO_C * volume, blood_j_k)
    rates, modes = linalg.eigh(dense, np.diag(capacity))
    centers = np.atleast_2d(centers_m)
    distance = np.linalg.norm(anatomy.points_m[None] - centers[:, None], axis=2)
    load = np.concatenate([s * mass * SLP_W_KG * np.exp(-0.5 * (distance / (width_m * s**0.25)) ** 2) for s in scales])
    empty = SmallModel(
        rates,
        modes,
        np.zeros((0, len(rates))),
        np.full(n + 1, BASE_C),
        load,
        np.concatenate([centers] * len(scales)),
        capacity,
    )
    return empty.with_columns(load)


def grid_of(center_m, reach_m, step_m) -> np.ndarray:
    line = np.arange(-reach_m, reach_m + 1e-9, step_m)
    return np.array(center_m) + np.array(list(product(line, repeat=3)))
