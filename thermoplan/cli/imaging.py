"""Between iron and its image: convert, register, scan, quantify."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .app import Json, OldPlace, output_file, say, verb

_PANEL = "Images and iron"
Image = Annotated[
    Path | None, typer.Option("-o", "--output", metavar="FILE", help="The image to write, .mdf, .nii or .nii.gz.")
]


@verb(rich_help_panel=_PANEL)
def convert(
    source: Annotated[Path, typer.Argument(metavar="A", help="An image: MDF, NIfTI, NRRD, DICOM or NumPy.")],
    place: OldPlace = None,
    output: Image = None,
    unit: Annotated[str | None, typer.Option(metavar="UNIT", help="Unit of A's values, such as mg/mL.")] = None,
    frame: Annotated[int | None, typer.Option(min=1, help="Of several frames, which; the first is 1.")] = None,
    channel: Annotated[int | None, typer.Option(min=1, help="Of several channels, which; the first is 1.")] = None,
    affine: Annotated[Path | None, typer.Option(metavar="FILE", help="Places a bare array: voxel to RAS, mm.")] = None,
    allow_shear: Annotated[bool, typer.Option("--allow-shear", help="Take axes that are not at right angles.")] = False,
    as_json: Json = False,
) -> None:
    """Write an image in another format, on its own voxels; with a unit, in mg of iron per mL."""
    from ..commands.convert import ImageChoice, convert_image
    from .show_imaging import show_converted

    wanted = ImageChoice(frame, channel, affine, allow_shear)
    say(convert_image(source, output_file(place, output), unit, wanted), as_json, show_converted)


@verb(rich_help_panel=_PANEL)
def register(
    moving: Annotated[Path, typer.Argument(metavar="MOVING", help="The scan, or its landmarks.")],
    fixed: Annotated[Path, typer.Argument(metavar="FIXED", help="The anatomy's image, or its landmarks.")],
    landmarks: Annotated[Path | None, typer.Option(metavar="CSV", help="name,moving_x_mm,...,fixed_z_mm")] = None,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="The transform to write, .txt or .tfm.")
    ] = Path("transform.txt"),
    as_json: Json = False,
) -> None:
    """Bring a scan into the anatomy's frame: by landmarks (.csv, .fcsv, .mrk.json) or by the images' intensities."""
    from ..commands.register import register_scan
    from .show_imaging import show_registered

    say(register_scan(moving, fixed, output, landmarks), as_json, show_registered)


@verb(rich_help_panel=_PANEL)
def scan(
    iron: Annotated[Path, typer.Argument(metavar="IRON", help="An image of iron, or a protocol that names one.")],
    place: OldPlace = None,
    output: Image = None,
    unit: Annotated[str | None, typer.Option(metavar="UNIT", help="Unit of IRON's values, such as mg/mL.")] = None,
    tracer: Annotated[str | None, typer.Option(metavar="NAME|FILE", help="A tracer of the library or a file.")] = None,
    device: Annotated[str | None, typer.Option(metavar="NAME|FILE", help="A machine, such as momentum.")] = None,
    gradient: Annotated[str | None, typer.Option(help='Instead of the machine\'s, such as "5.7 T/m".')] = None,
    kind: Annotated[str | None, typer.Option(help="Without a machine: ffp or ffl.")] = None,
    channels: Annotated[str | None, typer.Option(help='Directions that drive and receive: "S" or "R A S".')] = None,
    fwhm: Annotated[str | None, typer.Option(help='A Gaussian of this width instead, such as "3 mm".')] = None,
    relaxation: Annotated[str, typer.Option(help="none, both (scans both ways) or one-way.")] = "none",
    voxel: Annotated[str, typer.Option(help='Edge of a voxel, such as "1 mm" or "1 1 2 mm".')] = "1 mm",
    noise: Annotated[str | None, typer.Option(help='Standard deviation of a voxel, such as "0.05 mg/mL".')] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the noise; the same seed gives the same image.")] = 1,
    sensitivity: Annotated[float, typer.Option(help="Signal of a voxel per mg/mL.")] = 1.0,
    as_json: Json = False,
) -> None:
    """Turn known iron into the MPI image a scanner would make of it: blur, voxels, noise."""
    from ..commands.scan import ScanRequest, scan_file
    from .show_imaging import show_scanned

    request = ScanRequest(
        unit,
        tracer,
        device,
        gradient,
        kind,
        channels,
        fwhm,
        relaxation,
        voxel=voxel,
        noise=noise,
        seed=seed,
        sensitivity=sensitivity,
    )
    say(scan_file(iron, output_file(place, output), request), as_json, show_scanned)


@verb(rich_help_panel=_PANEL)
def quantify(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="A signal image: MDF, NIfTI, NRRD, DICOM, NumPy.")],
    calibration: Annotated[
        Path,
        typer.Option(
            metavar="CSV",
            help="Samples of known iron: name,iron_ug,x_mm,y_mm,z_mm,radius_mm (balls in "
            "the image), or iron_ug,signal[,signal_sd]; or concentration_mg_ml,volume_ul as iron.",
        ),
    ],
    roi: Annotated[
        str,
        typer.Option(
            metavar="RULE",
            help='Which voxels count, for samples and subject alike: "everything", "half-maximum", '
            '"40 % of maximum", "background + 5 sigma", "threshold 0.2", "k-means", each '
            'also with ", grown" (as far as '
            'signal shows) or ", grown 2 mm".',
        ),
    ] = "background + 5 sigma, grown",
    labels: Annotated[Path | None, typer.Option(metavar="FILE", help="Regions, in the same frame.")] = None,
    table: Annotated[Path | None, typer.Option(metavar="CSV", help="label,region,tissue of --labels.")] = None,
    background: Annotated[
        str | None, typer.Option(metavar="BALL", help='Without tracer, such as "4 -2 31 mm, 4 mm"; else found.')
    ] = None,
    through_zero: Annotated[
        bool, typer.Option("--through-zero", help="No test for an intercept; one sample is enough then.")
    ] = False,
    frame: Annotated[int | None, typer.Option(min=1, help="Of several frames, which; the first is 1.")] = None,
    channel: Annotated[int | None, typer.Option(min=1, help="Of several channels, which; the first is 1.")] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="The iron map to write, in mg/mL.")
    ] = None,
    uncertainty: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Its standard uncertainty to write, in mg/mL.")
    ] = None,
    csv: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="The table of regions to write.")] = None,
    as_json: Json = False,
) -> None:
    """Turn signal into milligrams of iron, with an error bar: by region, and as a map to plan on."""
    from ..commands.quantify import QuantifyRequest, quantify_file
    from .show_imaging import show_quantified

    request = QuantifyRequest(calibration, roi, labels, table, background, through_zero, frame, channel)
    say(quantify_file(image, request, output=output, uncertainty=uncertainty, table=csv), as_json, show_quantified)
