"""Digital scan of iron: quantities as text in, an image and a record of how it was made out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..base.arrays import Array
from ..base.errors import InputError
from ..base.image import Image
from ..base.units import NotAQuantity, direction, iron_factor, quantity, vector
from ..device import DEVICE_KINDS, Device
from ..files.images.scan_facts import ScanFacts, write_scan
from ..files.images.volumes import read_volume
from ..imaging.psf import GaussianPsf, LaggingPsf, Psf, device_psf, fwhm_m
from ..imaging.scanner import simulate_scan
from ..plan.case.iron_source import place_iron
from ..protocol import read_protocol
from ..protocol.library import chosen_device
from ..protocol.toml_tables import DeviceTable
from ..tracer.tracer import Tracer, omega_tau
from .answer_types import ScanAnswer
from .point_queries import named_tracer

IDEAL_KINDS = tuple(name for name, kind in DEVICE_KINDS.items() if kind.ideal)
"""Kinds of a scan without a machine: a gradient alone makes their field."""
RELAXATIONS = ("none", "both", "one-way")
"""Relaxation of the picture: none, or a lag along both sweeps or one."""


@dataclass(frozen=True, slots=True)
class ScanRequest:
    """Options of a scan, as text; None where a protocol or a default decides."""

    unit: str | None = None
    tracer: str | None = None
    device: str | None = None
    gradient: str | None = None
    kind: str | None = None
    channels: str | None = None
    fwhm: str | None = None
    relaxation: str = "none"
    voxel: str = "1 mm"
    noise: str | None = None
    seed: int = 1
    sensitivity: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class _Scene:
    """Iron that is scanned, and the tracer and machine where they are known."""

    iron: Image
    tracer: Tracer | None
    device: Device | None


def scan_file(source: Path, target: Path, request: ScanRequest) -> ScanAnswer:
    """Scan the iron of an image, or of a protocol, and write the picture."""
    notes: list[str] = []
    scene = _scene(source, request, notes)
    psf, words = _psf(scene, request, notes)
    noise = 0.0 if request.noise is None else quantity(request.noise, "iron concentration", "--noise")
    picture = simulate_scan(
        scene.iron,
        psf,
        voxel_m=_voxel_m(request.voxel),
        noise_kg_m3=noise,
        rng=np.random.default_rng(request.seed),
        sensitivity=request.sensitivity,
    )
    widths = np.array([fwhm_m(psf, axis) for axis in np.eye(3)])
    kept = write_scan(target, picture, _facts(scene, request, widths))
    notes += _about(picture, target, kept, widths)
    return {
        "image": str(target),
        "shape": list(picture.shape),
        "spacing_mm": (1e3 * picture.spacing_m).tolist(),
        "psf": words,
        "fwhm_mm": (1e3 * widths).tolist(),
        "iron_mg": scene.iron.integral() * 1e6,
        "signal_mg": picture.integral() / request.sensitivity * 1e6,
        "sensitivity": request.sensitivity,
        "highest": float(picture.data.max()),
        "noise_mg_ml": noise,
        "seed": request.seed if noise else None,
        "highest_over_noise": float(picture.data.max()) / (noise * request.sensitivity) if noise else None,
        "notes": notes,
    }


def _scene(source: Path, request: ScanRequest, notes: list[str]) -> _Scene:
    """Iron, tracer and machine: the request's, else the protocol's."""
    if source.suffix.lower() == ".toml":
        if request.unit is not None:
            raise InputError(f'--unit "{request.unit}": {source.name} says the unit of its image; leave it out here')
        protocol = read_protocol(source)
        factor, image = 1.0, place_iron(protocol.iron, notes)[0].image
        tracer, device = protocol.tracer, protocol.device
        notes.append(
            f"{source.name}: its image is scanned as if it were the iron itself; {protocol.tracer.name} and "
            f"{protocol.device.name} are the protocol's unless named here"
        )
    else:
        factor, tracer, device = _factor(request.unit), None, None
        image = read_volume(source, notes=notes)
    iron = image.with_data(np.asarray(image.data, float) * factor)
    tracer = tracer if request.tracer is None else named_tracer(request.tracer)
    return _Scene(iron, tracer, _device(request, device, notes))


def _factor(unit: str | None) -> float:
    if unit is None:
        raise InputError('--unit: missing: an image does not say what its values are; expected a unit, such as "mg/mL"')
    try:
        return iron_factor(unit)
    except NotAQuantity as problem:
        raise InputError(f'--unit "{unit}": {problem}') from None


def _device(request: ScanRequest, device: Device | None, notes: list[str]) -> Device | None:
    if request.kind not in (None, *IDEAL_KINDS):
        raise InputError(f'--kind "{request.kind}": expected one of {", ".join(IDEAL_KINDS)}')
    gradient = None if request.gradient is None else quantity(request.gradient, "gradient", "--gradient")
    if request.device is not None:
        path = Path(request.device)
        own = path.suffix == ".toml"
        table = DeviceTable(file=path.name) if own else DeviceTable(name=request.device)
        device = chosen_device(table, path.parent, "--device", notes)
    if device is None and gradient is not None:
        device = Device(
            f"{request.kind or IDEAL_KINDS[0]} scanner",
            request.kind or IDEAL_KINDS[0],
            gradient,
            20e-3,
            20e3,
            drive_axis=np.eye(3)[2],
            line_axis=np.eye(3)[1],
        )
        if request.relaxation != "none":
            raise InputError(f"--relaxation {request.relaxation}: needs --device, whose drive says how fast it scans")
    elif device is not None and request.kind not in (None, device.kind):
        raise InputError(f"--kind {request.kind}: {device.name} is of kind {device.kind}; leave one of them out")
    return device if gradient is None or device is None else replace(device, gradient_t_m=gradient)


def _psf(scene: _Scene, request: ScanRequest, notes: list[str]) -> tuple[Psf, str]:
    """The point-spread function, and its name in words."""
    psf: Psf
    if request.relaxation not in RELAXATIONS:
        raise InputError(f'--relaxation "{request.relaxation}": expected one of {", ".join(RELAXATIONS)}')
    if request.fwhm is not None:
        psf, words = GaussianPsf(np.full(3, quantity(request.fwhm, "length", "--fwhm"))), f"Gaussian of {request.fwhm}"
    elif scene.tracer is None or scene.device is None:
        missing = [
            name
            for name, part in (("--tracer", scene.tracer), ("--device or --gradient", scene.device))
            if part is None
        ]
        raise InputError(
            f"{' and '.join(missing)}: missing: an x-space image follows from tracer and machine, such as "
            '--tracer synomag-d --device momentum; or give its width, --fwhm "3 mm"'
        )
    else:
        psf, words = _tensor(scene.tracer, scene.device, request, notes)
    if request.relaxation == "none":
        return psf, words
    if scene.tracer is None or scene.device is None:
        raise InputError("--relaxation: needs --tracer and --device: how long it lags and how fast it scans")
    path = lag_m(scene.tracer, scene.device)
    length = float(np.linalg.norm(path))
    return (
        LaggingPsf(psf, path, length, both_ways=request.relaxation == "both"),
        f"{words}, relaxation over {1e3 * length:.3g} mm ({request.relaxation})",
    )


def _tensor(tracer: Tracer, device: Device, request: ScanRequest, notes: list[str]) -> tuple[Psf, str]:
    channels = None if request.channels is None else [_letter(word) for word in request.channels.split()]
    psf = device_psf(tracer, device, channels)
    if note := DEVICE_KINDS[device.kind].imaging_note:
        notes.append(f"{device.name}: {note}")
    if tracer.effective:
        notes.append(f"{tracer.name}: {tracer.effective}")
    notes.append(
        "the tails of an x-space point are followed to two full widths; what lies farther out counts as filtered away"
    )
    read = request.channels or "its drive axis"
    return psf, f"x-space, {tracer.name} in {device.gradient_t_m:g} T/m ({device.kind}), read along {read}"


def _letter(word: str) -> tuple[float, float, float]:
    try:
        return direction(word)
    except NotAQuantity:
        raise InputError(f'--channels: "{word}": expected letters of R A S, such as "S" or "R A S"') from None


def lag_m(tracer: Tracer, device: Device) -> Array:
    """Way of a field-free region at full speed within the tracer's relaxation time ``(3,)``."""
    gradient = device.gradient_t_m * device.imaging_tensor()
    sweep = np.linalg.solve(gradient, device.amplitude_t * device.drive_axis)
    return omega_tau(tracer, device.frequency_hz) * sweep


def _voxel_m(text: str) -> Array | float:
    try:
        return np.array(vector(text))
    except NotAQuantity:
        return quantity(text, "length", "--voxel")


def _facts(scene: _Scene, request: ScanRequest, widths: Array) -> ScanFacts:
    device = scene.device
    return ScanFacts(
        tracer="" if scene.tracer is None else scene.tracer.name,
        scanner="thermoplan scan" if device is None else f"thermoplan scan, {device.name}",
        topology="" if device is None else DEVICE_KINDS[device.kind].mdf_topology,
        gradient_t_m=None if device is None else device.gradient_t_m * device.gradient_tensor(),
        fwhm_m=widths,
    )


def _about(picture: Image, target: Path, kept: bool, widths: Array) -> list[str]:
    notes = []
    below = int((picture.data < 0).sum())
    if below:
        notes.append(
            f"{below} voxels fall below zero by noise, as a scanner's do; quantify the image before planning on it"
        )
    if not kept:
        mean = 1e3 * float(np.exp(np.log(widths).mean()))
        notes.append(f'{target.name}: this format keeps no width; a plan on it needs [iron] fwhm = "{mean:.2g} mm"')
    return notes
