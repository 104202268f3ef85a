"""Build the shipped mice: labels, table and iron map of each. `python meshes/build_mouse.py`

A 24 g mouse lying prone, from shapes of this project's own making, with a tumour in its flank, with a second one
20 mm away along the bore, or with a lesion in its liver. +x right, +y ventral, +z to the head, in mm. Every organ
is cut to the volume that its share of the body mass and its density give: Brown 1997, as README.md lists it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import nibabel
import numpy as np
import shapes
from scipy import ndimage
from shapes import Grid, blend, capsule, chain, ellipsoid, largest, trunk, tube, union

from thermoplan.anatomy.meshing.smoothed_surface import smoothed_area_m2
from thermoplan.base.image import Image
from thermoplan.files.images.scan_facts import ScanFacts, write_scan
from thermoplan.imaging.psf import signal_sizes, tangential_width
from thermoplan.protocol.library import library_tracers

HERE = Path(__file__).parent
BODY_G = 24.0
WHEN = datetime(2026, 1, 1, tzinfo=UTC)
VOXEL_MM = 0.3
LOW, HIGH = (-24.0, -16.0, -58.0), (24.0, 18.0, 95.0)
COVER_MM = 2.6
FWHM_MM, IRON_VOXEL_MM = 2.0, 1.0
TRACER = "synomag-d"


@dataclass(frozen=True, slots=True)
class Tumour:
    """A ball of tumour; ``COVER_MM`` of other tissue lies over it at the least."""

    label: int
    region: str
    centre_mm: tuple[float, float, float]
    radius_mm: float


@dataclass(frozen=True, slots=True)
class Study:
    """An animal: its files start with ``name``; iron of each region in mg/mL."""

    name: str
    tumours: tuple[Tumour, ...]
    iron_mg_ml: dict[str, float]


FLANK = Tumour(11, "tumour", (6.8, -1.0, 28.0), 4.0)
STUDIES = (
    Study("mouse", (FLANK,), {"tumour": 6.0, "liver": 3.0, "spleen": 4.5}),
    Study("mouse-dual", (FLANK, Tumour(12, "tumour-2", (6.2, 0.5, 8.0), 4.0)), {"tumour": 10.0, "tumour-2": 10.0}),
    Study("mouse-liver", (Tumour(11, "lesion", (4.6, 2.0, 53.0), 3.0),), {"lesion": 16.0, "liver": 1.0, "spleen": 1.5}),
)


@dataclass(frozen=True, slots=True)
class Organ:
    """A region, the share of body mass that Brown 1997 gives it, and its IT'IS density."""

    label: int
    region: str
    tissue: str
    mass_fraction: float
    density_g_ml: float
    level: Callable[[Grid], np.ndarray]

    @property
    def volume_mm3(self) -> float:
        return 1e3 * BODY_G * self.mass_fraction / self.density_g_ml


def trunk_and_head(at: Grid) -> np.ndarray:
    return trunk(
        at,
        (
            (-3.0, 2.0, 2.0, 0.5),
            (0.0, 5.2, 5.0, 0.5),
            (6.0, 8.5, 7.6, 0.3),
            (16.0, 10.2, 8.9, 0.0),
            (28.0, 10.7, 9.2, 0.0),
            (40.0, 10.6, 9.1, 0.0),
            (50.0, 10.1, 8.8, 0.0),
            (58.0, 9.0, 8.4, 0.0),
            (66.0, 7.3, 7.4, 0.2),
            (72.0, 7.3, 7.3, 0.4),
            (78.0, 6.8, 6.7, 0.8),
            (84.0, 4.7, 4.7, 1.8),
            (89.0, 2.8, 2.8, 2.6),
            (91.5, 1.6, 1.6, 2.8),
        ),
        2.0,
    )


def hind_leg(at: Grid, side: int) -> np.ndarray:
    return chain(
        at,
        [(6.5 * side, 2, 9), (12.5 * side, 5, 14), (15.5 * side, 8, 4.5), (18 * side, 10.5, 12)],
        [4.8, 3.6, 2.8, 2.7],
    )


def fore_leg(at: Grid, side: int) -> np.ndarray:
    joints = [(6 * side, 2, 58), (11.5 * side, 5.5, 52), (14 * side, 8.5, 59.5), (15 * side, 10, 65.5)]
    return chain(at, joints, [3.8, 3.0, 2.7, 2.6])


TAIL = [(0, 0, 2), (0.5, 2, -10), (3, 5, -25), (4, 7, -40), (1, 8, -54)]


def skin_surface(at: Grid, tumours: tuple[Tumour, ...]) -> np.ndarray:
    level = blend(
        trunk_and_head(at),
        hind_leg(at, 1),
        hind_leg(at, -1),
        fore_leg(at, 1),
        fore_leg(at, -1),
        tube(at, TAIL, 2.3, 14),
        ellipsoid(at, (6.9, -5.0, 73.5), (3.2, 3.6, 2.3)),
        ellipsoid(at, (-6.9, -5.0, 73.5), (3.2, 3.6, 2.3)),
        width=1.6,
    )
    return blend(level, *(ellipsoid(at, t.centre_mm, [t.radius_mm + COVER_MM] * 3) for t in tumours), width=1.6)


def pair(shape: Callable[[Grid, int], np.ndarray]) -> Callable[[Grid], np.ndarray]:
    return lambda at: union(shape(at, 1), shape(at, -1))


def bowel(at: Grid) -> np.ndarray:
    loops = [
        (-2, 3.2, 42),
        (3.5, 3.8, 42.5),
        (6.0, 2.8, 38),
        (0, 4.4, 36.5),
        (-5.6, 3.2, 35.5),
        (-4.5, 3.8, 30),
        (0, 3.4, 30),
        (1.5, 3.6, 24.5),
        (-4, 3.6, 24),
        (-4.5, 2.6, 17),
    ]
    return union(ellipsoid(at, (-3.6, 0.8, 45), (3.4, 3.4, 3.4)), tube(at, loops, 2.2, 36))


def bone(at: Grid) -> np.ndarray:
    spine = tube(
        at,
        [(0, -2.5, 1), (0, -4.6, 12), (0, -5.4, 26), (0, -5.4, 40), (0, -5.0, 54), (0, -3.2, 66), (0, -2, 70)],
        1.75,
        24,
    )
    skull = ellipsoid(at, (0, -0.8, 76), (5.4, 4.4, 6.3))
    jaw = capsule(at, (0, 2.2, 80), (0, 2.6, 87), 1.7, 1.1)
    legs = [
        chain(at, [(3 * s, -2, 6), (6.5 * s, 2, 9), (12.4 * s, 5, 13.7), (14.8 * s, 7.4, 7.0)], [1.3, 1.3, 1.2, 1.0])
        for s in (1, -1)
    ]
    arms = [chain(at, [(5.5 * s, 0, 61), (6.3 * s, 2.2, 57.6), (11.4 * s, 5.4, 52.4)], [1.2] * 3) for s in (1, -1)]
    return union(spine, skull, jaw, *legs, *arms)


ORGANS = (
    Organ(10, "brain", "brain", 0.0165, 1.0455, lambda at: ellipsoid(at, (0, -0.8, 76), (4.6, 3.6, 5.5))),
    Organ(7, "heart", "heart", 0.0050, 1.0808, lambda at: ellipsoid(at, (-0.8, 2.6, 62), (2.6, 2.6, 3.9))),
    Organ(
        6, "lungs", "lung", 0.0073, 0.394, pair(lambda at, s: ellipsoid(at, (3.7 * s + 0.3, -0.4, 62), (2.9, 3.9, 4.8)))
    ),
    Organ(8, "bowel", "bowel", 0.0422, 1.030, bowel),
    Organ(3, "liver", "liver", 0.0549, 1.07875, lambda at: ellipsoid(at, (0.4, 0.8, 53), (8.4, 7.0, 5.4))),
    Organ(
        4,
        "spleen",
        "spleen",
        0.0046,
        1.089,
        lambda at: tube(at, [(-7.4, -3.2, 46), (-7.9, -1.8, 42), (-7.4, 0.5, 37)], 1.5, 8),
    ),
    Organ(
        5,
        "kidneys",
        "kidney",
        0.0167,
        1.06625,
        pair(lambda at, s: ellipsoid(at, (4.7 * s, -3.4, 38 + 1.5 * s), (2.8, 3.0, 5.5))),
    ),
    Organ(9, "bone", "bone", 0.1073, 1.908, bone),
)
SKIN = Organ(2, "skin", "skin", 0.1653, 1.109, trunk_and_head)
SOFT_DENSITY_G_ML = 1.0904
BODY = 1


def labels_on(at: Grid, voxel_mm: float, tumours: tuple[Tumour, ...]) -> np.ndarray:
    """The label volume; every region has its own volume to a voxel."""
    voxel_mm3 = voxel_mm**3
    rest_g = BODY_G * (1.0 - sum(o.mass_fraction for o in (*ORGANS, SKIN)))
    balls = {t.label: ellipsoid(at, t.centre_mm, [t.radius_mm] * 3) >= 0.0 for t in tumours}
    tumour = union(*balls.values())
    total = sum(o.volume_mm3 for o in (*ORGANS, SKIN)) + 1e3 * rest_g / SOFT_DENSITY_G_ML
    outer = skin_surface(at, tumours)
    body = largest(outer, np.ones(outer.shape, bool), round(total / voxel_mm3) + int(tumour.sum()))
    steepness = np.sqrt(sum(g * g for g in np.gradient(outer, voxel_mm)))
    depth = (outer - outer[body].min()) / np.maximum(steepness, 0.5)
    labels = np.where(body, np.uint8(BODY), np.uint8(0))
    labels[largest(-depth, body & ~tumour, round(SKIN.volume_mm3 / voxel_mm3))] = SKIN.label
    for label, ball in balls.items():
        labels[ball] = label
    for organ in ORGANS:
        labels[largest(organ.level(at), labels == BODY, round(organ.volume_mm3 / voxel_mm3))] = organ.label
    return labels


def iron_on(labels: np.ndarray, at: Grid, study: Study) -> np.ndarray:
    """What the animal holds: even in liver and spleen, within 20 % of even in a tumour."""
    iron = np.zeros(labels.shape, np.float32)
    for organ in ORGANS:
        iron[labels == organ.label] = study.iron_mg_ml.get(organ.region, 0.0)
    for tumour in study.tumours:
        x, y, z = (c - m for c, m in zip(at, tumour.centre_mm, strict=True))
        rim = np.sqrt(x * x + y * y + z * z) / tumour.radius_mm
        uneven = 1.0 + 0.10 * (z + y) / tumour.radius_mm + 0.12 * (rim - 0.75)
        inside = labels == tumour.label
        iron[inside] = study.iron_mg_ml[tumour.region] * uneven[inside] / uneven[inside].mean()
    return iron


def scanned(iron: np.ndarray, affine_mm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The scanner's picture of it: blurred, on larger voxels, its mass kept. Also its affine in mm."""
    blurred = ndimage.gaussian_filter(iron, FWHM_MM / np.sqrt(8.0 * np.log(2.0)) / VOXEL_MM, mode="constant")
    found = affine_mm[:3, 3] + VOXEL_MM * np.argwhere(blurred > 1e-3)
    low = np.floor(found.min(axis=0)) - 1.0
    count = np.ceil(found.max(axis=0) - low).astype(int) + 2
    out = np.diag([IRON_VOXEL_MM] * 3 + [1.0])
    out[:3, 3] = low
    centres = np.moveaxis(np.indices(count), 0, -1) * IRON_VOXEL_MM + low
    index = np.moveaxis((centres - affine_mm[:3, 3]) / VOXEL_MM, -1, 0)
    picture = ndimage.map_coordinates(blurred, index, order=1, output=np.float64)
    mass = iron.sum(dtype=float) * VOXEL_MM**3
    return picture * mass / (picture.sum() * IRON_VOXEL_MM**3), out


def write_labels(path: Path, labels: np.ndarray, affine_mm: np.ndarray) -> None:
    image = nibabel.Nifti1Image(labels, affine_mm)
    image.set_sform(affine_mm, 2)
    image.set_qform(affine_mm, 2)
    image.header.set_xyzt_units("mm")
    nibabel.save(image, path)


def write_table(path: Path, study: Study) -> None:
    rows = [(BODY, "body", "soft-tissue"), *((t.label, t.region, "tumour") for t in study.tumours)]
    rows += [(organ.label, organ.region, organ.tissue) for organ in (*ORGANS, SKIN)]
    lines = ["label,region,tissue", *(",".join(map(str, row)) for row in sorted(rows))]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main(folder: Path, names: list[str]) -> None:
    for study in STUDIES:
        if not names or study.name in names:
            build(folder, study)


def build(folder: Path, study: Study) -> None:
    at = shapes.grid(LOW, HIGH, VOXEL_MM)
    labels = labels_on(at, VOXEL_MM, study.tumours)
    filled = np.argwhere(labels > 0)
    crop = tuple(slice(a - 2, b + 3) for a, b in zip(filled.min(axis=0), filled.max(axis=0), strict=True))
    labels = labels[crop]
    at = tuple(np.moveaxis(np.moveaxis(c, k, 0)[crop[k]], 0, k) for k, c in enumerate(at))
    affine = np.diag([VOXEL_MM] * 3 + [1.0])
    affine[:3, 3] = np.add(LOW, [VOXEL_MM * part.start for part in crop])
    write_labels(folder / f"{study.name}-labels.nii.gz", labels, affine)
    write_table(folder / f"{study.name}-labels.csv", study)
    iron = iron_on(labels, at, study)
    picture, picture_mm = scanned(iron, affine)
    facts = ScanFacts(tracer=TRACER, scanner="simulated", topology="FFL", gradient_t_m=gradient_t_m())
    write_scan(
        folder / f"{study.name}-mpi.mdf", Image(picture.astype(np.float32), in_metres(picture_mm)), facts, created=WHEN
    )
    report(study, labels, iron)


def gradient_t_m() -> np.ndarray:
    """Of a field-free line along A in which a point of the tracer is as wide as the picture's blur, 4.77 T/m."""
    xi_per_t, _ = signal_sizes(library_tracers()[TRACER])
    return tangential_width() / (xi_per_t[0] * 1e-3 * FWHM_MM) * np.diag([1.0, 0.0, -1.0])


def in_metres(affine_mm: np.ndarray) -> np.ndarray:
    return np.diag([1e-3, 1e-3, 1e-3, 1.0]) @ affine_mm


def report(study: Study, labels: np.ndarray, iron: np.ndarray) -> None:
    """Print what was made beside what the source asks for."""
    voxel_ml = 1e-3 * VOXEL_MM**3
    rows = [(o.region, o.volume_mm3, labels == o.label) for o in (*ORGANS, SKIN)]
    rows += [(t.region, 4.0 / 3.0 * np.pi * t.radius_mm**3, labels == t.label) for t in study.tumours]
    print(f"{study.name}\n{'region':10} {'source mm3':>10} {'made mm3':>10} {'iron mg':>8}")
    for name, wanted, mask in rows:
        made, held = 1e3 * voxel_ml * mask.sum(), voxel_ml * iron[mask].sum()
        print(f"{name:10} {wanted:10.1f} {made:10.1f} {held:8.3f}")
    area = smoothed_area_m2(labels > 0, np.diag([1e-3 * VOXEL_MM] * 3 + [1.0]))
    print(f"whole body {(labels > 0).sum() * voxel_ml:.2f} mL, skin {area * 1e4:.1f} cm2")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=HERE)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(study.name for study in STUDIES)}; all by default")
    given = parser.parse_args()
    main(given.folder, given.names)
