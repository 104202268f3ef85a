"""Registration of the scan to the anatomy: its record, its words, and the targets whose place is doubtful."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from ...base.arrays import Array
from ...base.image import Image
from ...files.images.volumes import read_volume
from ...files.run.source_record import DisplacementRecord, RegistrationRecord
from ...imaging.registration import Registration
from ...protocol.protocol import IronInput

_WORDS = {"file": "a transform from a file", "landmarks": "paired landmarks", "intensity": "the images' intensities"}


def find_registration(source: IronInput, image: Image, notes: list[str]) -> Registration | None:
    """Registration that brings the image into the anatomy's frame; searched here where it rests on intensities."""
    if source.reference is None:
        return source.registration
    from ...imaging.registration.intensity import rigid_from_images

    moving = image if source.moving is None else read_volume(source.moving, notes=notes)
    names = f"{(source.moving or source.image).name} and {source.reference.name}"
    return rigid_from_images(moving, read_volume(source.reference, notes=notes), names)


def registration_record(
    registration: Registration | None, centroids_m: Mapping[str, Array]
) -> RegistrationRecord | None:
    """The registration as a record, with the displacement of each target's centroid that it assumed."""
    if registration is None:
        return None
    matrix = np.array(registration.matrix_m)
    matrix[:3, 3] *= 1e3
    landmarks, left_mm = registration.landmarks, (1e3 * registration.left_m).tolist()
    record: RegistrationRecord = {
        "method": registration.method,
        "source": registration.source,
        "matrix_mm": matrix.tolist(),
        "residual_mm": _mm(registration.residual_m),
        "leave_one_out_mm": _mm(registration.leave_one_out_m),
        "landmarks": {} if landmarks is None else dict(zip(landmarks.names, left_mm, strict=True)),
        "targets": {name: _displacement(registration, point) for name, point in centroids_m.items()},
        "words": "",
    }
    moved = "; ".join(f"the centroid of {name} {_displacement_words(row)}" for name, row in record["targets"].items())
    way = f"The scan was {_method_words(record)}; {residual_words(record)}"
    record["words"] = f"{way}. By that {moved}." if moved else f"{way}."
    return record


def _displacement(registration: Registration, point_m: Array) -> DisplacementRecord:
    way = 1e3 * registration.displacement_m(point_m)
    return {
        "displacement_mm": way.tolist(),
        "length_mm": float(np.linalg.norm(way)),
        "expected_error_mm": _mm(registration.expected_error_m(point_m)),
    }


def registration_rows(record: RegistrationRecord | None) -> Iterator[tuple[str, str]]:
    """Rows of `check` on the registration."""
    if record is None:
        yield "place", "the anatomy's frame, as the image states it; no displacement is assumed"
        return
    yield "place", f"{_method_words(record)}; {residual_words(record)}"
    for name, row in record["targets"].items():
        yield f"  {name}", f"its centroid {_displacement_words(row)}"


def _method_words(record: RegistrationRecord) -> str:
    return f"moved into the anatomy's frame by {_WORDS[record['method']]} ({record['source']})"


def _displacement_words(row: DisplacementRecord) -> str:
    way, error = " ".join(f"{v:.1f}" for v in row["displacement_mm"]), row["expected_error_mm"]
    said = f"was displaced by {row['length_mm']:.2g} mm ({way} mm, RAS)"
    return said if error is None else f"{said}, {error:.2g} mm of error to expect there"


def residual_words(record: RegistrationRecord) -> str:
    """Residual of a registration, in words."""
    if record["residual_mm"] is None:
        return "its residual is not recorded"
    left, out = f"{record['residual_mm']:.2g} mm", record["leave_one_out_mm"]
    if record["method"] == "intensity":
        return f"residual {left}: searches from several starts, and a voxel's own spread"
    count = f" over {len(record['landmarks'])} landmarks" if record["landmarks"] else ""
    return f"residual {left} rms{count}" + ("" if out is None else f", leave-one-out {out:.2g} mm")


def doubtful_places(record: RegistrationRecord | None, volumes_mm3: Mapping[str, float]) -> Iterator[str]:
    """Notes on targets whose place is not known to half their radius, or not known to be known."""
    if record is None:
        return
    if record["residual_mm"] is None:
        moved = "; ".join(
            f"the centroid of {name} {_displacement_words(row)}" for name, row in record["targets"].items()
        )
        yield (
            f"registration: {record['source']} records no residual, so how well the iron lies in the anatomy is "
            f"not known ({moved}); `thermoplan register` writes one beside its transform"
        )
    for name, row in record["targets"].items():
        error = record["residual_mm"] if row["expected_error_mm"] is None else row["expected_error_mm"]
        radius = (3.0 * volumes_mm3[name] / (4.0 * np.pi)) ** (1.0 / 3.0)
        if error is not None and error > 0.5 * radius:
            yield (
                f"registration: the place of {name} is known to {error:.2g} mm only, and its radius is "
                f"{radius:.2g} mm: the iron may lie beside it; add landmarks near it"
            )


def _mm(length_m: float | None) -> float | None:
    return None if length_m is None else length_m * 1e3
