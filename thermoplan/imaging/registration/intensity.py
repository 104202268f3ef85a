"""Rigid registration by intensities: mutual information [Mattes2003], searched by SimpleITK from several starts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...base.arrays import Array, freeze
from ...base.errors import InputError, MissingPart, SolverError
from ...base.image import Image
from .registration import Registration, move_points

_BINS = 32
"""Bins of the joint histogram; more need more samples, fewer blur the grey values of organs into each other."""
_SAMPLES = 30_000
"""Voxels that tell the metric on the finest level, about thirty a bin of the joint histogram."""
_SEED = 1  # the same images always give the same result
_ITERATIONS = 100
"""Steps of a level at most; a search that needs more has no clear place and fails the control searches."""
_STEP_MM = 1e-3
"""Step below which a search has converged, far below a voxel."""
_FEWEST_VOXELS = 8
"""Voxels along each axis of an image, and of a coarser level of it, at the least."""
_SHIFT_VOXELS = 3.0
"""Shift of the starts of the control searches from the result."""
_TURN_RAD = 0.08
"""Turn of the starts of the control searches from the result."""
_AGREEMENT_VOXELS = 1.0
"""Distance from the best within which a control search has found the same place."""
_AGREEING = 2
"""Control searches of the four that must have found it: else there is not one place."""
_OVERLAP = 0.5
_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
_REMEDY = (
    'register with landmarks (registration = { landmarks = "pairs.csv" }), or give a transform made elsewhere '
    '(registration = "transform.tfm")'
)


@dataclass(frozen=True, slots=True, eq=False)
class _ScanPair:
    """Two images ready to be searched; transforms between them are fixed to moving, RAS+ metres."""

    sitk: Any
    moving: Image
    fixed: Image
    moving_itk: Any
    fixed_itk: Any
    content_m: Array  # of the moving image
    centre_m: Array  # of the fixed image's content
    factors: tuple[int, ...]  # shrink factors, coarse to fine


def rigid_from_images(moving: Image, fixed: Image, source: str = "images") -> Registration:
    """The rigid motion of ``moving`` that makes the two images tell most about each other.

    Searched coarsely from the frames as they are, from equal centres and from equal centres of mass; then finely from
    the best end and from four starts around it. ``residual_m`` is the root mean square distance of fine ends that agree
    from the best, over the moving image's content, and with it the spread of a place within a voxel (its edge by the
    root of 12): agreement alone is not accuracy. Refused where most of them lie farther than a voxel of the coarser
    image from it.
    """
    sitk = _simpleitk()
    for image, which in ((moving, "moving"), (fixed, "fixed")):
        _check(image, f"{source}: the {which} image")
    pair = _ScanPair(
        sitk,
        moving,
        fixed,
        _sitk_image(sitk, moving),
        _sitk_image(sitk, fixed),
        _content_m(moving),
        _content_m(fixed).mean(axis=0),
        _factors(moving, fixed),
    )
    coarse = _ends(pair, _starts(pair), pair.factors[:-1] or pair.factors)
    start = _best(coarse, source)[0]
    ends = _ends(pair, (start, *_around(pair, start)), pair.factors[-2:])
    best = _best(ends, source)
    apart = sorted(_apart_m(pair, end[0], best[0]) for end in ends if end is not best)
    voxel = float(max(*moving.spacing_m, *fixed.spacing_m))
    agreeing = [gap for gap in apart if gap <= _AGREEMENT_VOXELS * voxel]
    if len(agreeing) < _AGREEING:
        widest = max(apart, default=np.inf) * 1e3
        raise SolverError(
            f"{source}: of 5 searches from neighbouring starts {1 + len(agreeing)} end within a voxel "
            f"({voxel * 1e3:.2g} mm) of the best, others up to {widest:.2g} mm away: the images do not "
            f"determine a place: {_REMEDY}"
        )
    matrix = np.linalg.inv(best[0])
    share = _overlap(pair, matrix)
    if share < _OVERLAP:
        raise SolverError(
            f"{source}: only {share:.0%} of the moving image's content would lie inside the fixed image: {_REMEDY}"
        )
    spread = float(np.sqrt(np.mean(np.square(agreeing))))
    return Registration(freeze(matrix), "intensity", source, float(np.hypot(spread, voxel / np.sqrt(12.0))))


def _simpleitk() -> Any:
    try:
        import SimpleITK
    except ImportError:
        raise MissingPart("registration of images needs SimpleITK: pip install 'thermoplan[registration]'") from None
    return SimpleITK


def _check(image: Image, which: str) -> None:
    if min(image.shape) < _FEWEST_VOXELS:
        raise InputError(
            f"{which} has {' x '.join(map(str, image.shape))} voxels; expected {_FEWEST_VOXELS} or more "
            f"along each axis: {_REMEDY}"
        )
    if not np.isfinite(image.data).all():
        raise InputError(f"{which} has values that are not finite: mask them first")
    if image.data.min() == image.data.max():
        raise InputError(f"{which} has one value everywhere, nothing to register by: {_REMEDY}")


def _starts(pair: _ScanPair) -> Iterator[Array]:
    """The frames as they are, equal centres of the grids, equal centres of the content."""
    yield np.eye(4)
    for place in (_middle_m, lambda image: _content_m(image).mean(axis=0)):
        start = np.eye(4)
        start[:3, 3] = place(pair.moving) - place(pair.fixed)
        yield start


def _around(pair: _ScanPair, end: Array) -> Iterator[Array]:
    """Four starts a few voxels and degrees off, in the directions of a tetrahedron."""
    shift_m = _SHIFT_VOXELS * float(max(*pair.moving.spacing_m, *pair.fixed.spacing_m))
    for sign in ((1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1)):
        step = np.array(sign) / np.sqrt(3.0)
        off = np.eye(4)
        off[:3, :3] = _rotation(_TURN_RAD * step)
        off[:3, 3] = pair.centre_m + shift_m * step - off[:3, :3] @ pair.centre_m
        yield end @ off


def _ends(pair: _ScanPair, starts: Iterable[Array], factors: Sequence[int]) -> list[tuple[Array, float]]:
    """End points of the searches and their metrics, lower is better; those in which the images part are left out."""
    found = (_search(pair, start, factors) for start in starts)
    return [end for end in found if end is not None]


def _best(ends: list[tuple[Array, float]], source: str) -> tuple[Array, float]:
    if not ends:
        raise SolverError(f"{source}: no search found a place where the two images overlap: {_REMEDY}")
    return min(ends, key=lambda end: end[1])


def _search(pair: _ScanPair, start: Array, factors: Sequence[int]) -> tuple[Array, float] | None:
    sitk = pair.sitk
    method, transform = sitk.ImageRegistrationMethod(), _euler(sitk, start, pair.centre_m)
    method.SetMetricAsMattesMutualInformation(numberOfHistogramBins=_BINS)
    method.SetMetricSamplingStrategy(method.REGULAR)
    shares = [min(1.0, _SAMPLES * factor**3 / pair.fixed.data.size) for factor in factors]
    method.SetMetricSamplingPercentagePerLevel(shares, _SEED)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=2e3 * float(max(pair.fixed.spacing_m)),
        minStep=_STEP_MM,
        numberOfIterations=_ITERATIONS,
        gradientMagnitudeTolerance=1e-8,
    )
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel(list(factors))
    method.SetSmoothingSigmasPerLevel([0.5 * (factor - 1) for factor in factors])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOff()
    method.SetInitialTransform(transform, inPlace=True)
    method.SetNumberOfThreads(1)  # sums in one order: the same images give the same transform
    try:
        method.Execute(pair.fixed_itk, pair.moving_itk)
    except RuntimeError:
        return None
    return _matrix(transform), float(method.GetMetricValue())


def _apart_m(pair: _ScanPair, one: Array, other: Array) -> float:
    """Root mean square distance between two ends over the moving image's content."""
    gap = move_points(np.linalg.inv(one), pair.content_m) - move_points(np.linalg.inv(other), pair.content_m)
    return float(np.sqrt((gap**2).sum(axis=1).mean()))


def _overlap(pair: _ScanPair, matrix: Array) -> float:
    """Share of the moving image's content that comes to lie inside the fixed image."""
    index = pair.fixed.indices(move_points(matrix, pair.content_m))
    return float(((index > -0.5) & (index < np.array(pair.fixed.shape) - 0.5)).all(axis=1).mean())


def _sitk_image(sitk: Any, image: Image) -> Any:
    """An image for SimpleITK, in LPS millimetres."""
    made = sitk.GetImageFromArray(np.ascontiguousarray(image.data.T, np.float32))
    affine = _LPS @ image.affine_m
    spacing = image.spacing_m
    made.SetSpacing((1e3 * spacing).tolist())
    made.SetOrigin((1e3 * affine[:3, 3]).tolist())
    made.SetDirection((affine[:3, :3] / spacing).ravel().tolist())
    return made


def _content_m(image: Image) -> Array:
    """Places of the voxels that are brighter than half way between the mean and the highest, thinned."""
    low, high = float(image.data.mean()), float(image.data.max())
    index = np.argwhere(image.data > low + 0.5 * (high - low))
    return image.positions_m(index[:: max(1, len(index) // 5000)])


def _middle_m(image: Image) -> Array:
    return image.positions_m((np.array(image.shape) - 1) / 2.0)


def _factors(*images: Image) -> tuple[int, ...]:
    """Shrink factors, coarse to fine, that leave enough voxels."""
    fewest = min(min(image.shape) for image in images)
    return tuple(factor for factor in (4, 2, 1) if factor == 1 or fewest // factor >= _FEWEST_VOXELS)


def _rotation(vector: Array) -> Array:
    """Rotation about ``vector`` by its length, radians."""
    angle = float(np.linalg.norm(vector))
    x, y, z = vector / angle
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    result: Array = np.eye(3) + np.sin(angle) * cross + (1.0 - np.cos(angle)) * cross @ cross
    return result


def _euler(sitk: Any, matrix: Array, centre: Array) -> Any:
    """``matrix`` (RAS+ metres) as SimpleITK's rigid transform about ``centre``."""
    inside = _LPS @ matrix @ _LPS
    middle = 1e3 * (_LPS[:3, :3] @ centre)
    transform = sitk.Euler3DTransform()
    transform.SetCenter(middle.tolist())
    transform.SetMatrix(inside[:3, :3].ravel().tolist(), 1e-6)
    transform.SetTranslation((1e3 * inside[:3, 3] + inside[:3, :3] @ middle - middle).tolist())
    return transform


def _matrix(transform: Any) -> Array:
    turn = np.array(transform.GetMatrix()).reshape(3, 3)
    centre, shift = np.array(transform.GetCenter()), np.array(transform.GetTranslation())
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = turn, (shift + centre - turn @ centre) * 1e-3
    return _LPS @ matrix @ _LPS
