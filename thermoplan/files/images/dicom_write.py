"""DICOM out: what every file of one export shares. RAS+ metres inside, LPS millimetres in the file.

Written with pydicom: highdicom has no writer of RT Dose, and its writer of parametric maps takes patient, study and
frame of reference from a DICOM source image, which a plan does not have. The tests read every map back with highdicom.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from ...base.arrays import AnyArray, Array
from ...base.errors import MissingPart
from ...base.image import Image

MAKER = "thermoplan"
_LO = 64
"""Most letters of a long string (PS3.5, 6.2)."""
_SH = 16
"""Most letters of a short string (PS3.5, 6.2)."""
_PATH = re.compile(r"[/~.]|[A-Za-z]:|.*\\")
_SEPARATORS = re.compile(r"[/\\]")
_SPECIAL = re.compile(r"[/\\^=\x00-\x1f\x7f]+")
"""Separators of values and of the parts of a person's name (PS3.5, 6.2), of folders, and control characters."""


@dataclass(frozen=True, slots=True)
class Study:
    """Common identity of the files of an export: one animal, one plan, one frame of reference.

    Identifiers are made from ``digest``, so that the same run exported twice is the same study.
    """

    name: str
    created: datetime
    digest: str
    version: str

    def uid(self, *parts: str) -> str:
        """The identifier of a part of this study; without parts, of the study."""
        return str(_pydicom().uid.generate_uid(entropy_srcs=[MAKER, self.digest, *parts]))


@dataclass(frozen=True, slots=True)
class Quantity:
    """Quantity of a map: ``key`` names its files, ``unit`` is a UCUM code and ``unit_words`` its meaning."""

    key: str
    words: str
    unit: str
    unit_words: str


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """A volume as slices ``(slices, rows, columns)`` towards the head; columns run left, rows posterior."""

    values: AnyArray
    origins_mm: Array
    orientation: tuple[float, ...]
    spacing_mm: tuple[float, float, float]  # between slices, rows, columns


def axial_stack(image: Image) -> Stack:
    """The voxels of ``image`` in the order of axial slices, first pixels at the right anterior."""
    from nibabel import orientations

    affine = np.diag([-1e3, -1e3, 1e3, 1.0]) @ image.affine_m
    turn = orientations.io_orientation(affine)
    affine = affine @ orientations.inv_ornt_aff(turn, image.shape)
    values = orientations.apply_orientation(image.data, turn)
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    axes = affine[:3, :3] / spacing
    origins = affine[:3, 3] + np.arange(values.shape[2])[:, None] * affine[:3, 2]
    return Stack(values.transpose(2, 1, 0), origins, tuple(axes[:, :2].T.ravel().tolist()), tuple(spacing[::-1]))


def new_file(study: Study, storage: str, *parts: str) -> Any:
    """A dataset with the modules of patient, study, series, frame of reference, equipment and image."""
    pydicom = _pydicom()
    file = pydicom.Dataset()
    meta = pydicom.dataset.FileMetaDataset()
    meta.MediaStorageSOPClassUID = file.SOPClassUID = storage
    meta.MediaStorageSOPInstanceUID = file.SOPInstanceUID = study.uid("image", *parts)
    meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    file.file_meta = meta
    date, time = study.created.strftime("%Y%m%d"), study.created.strftime("%H%M%S")
    file.SpecificCharacterSet = "ISO_IR 192"
    file.InstanceCreationDate = file.StudyDate = file.SeriesDate = file.ContentDate = date
    file.InstanceCreationTime = file.StudyTime = file.SeriesTime = file.ContentTime = time
    name = _plain_name(study.name)
    file.PatientName, file.PatientID = name[:_LO], name[:_LO]
    file.PatientBirthDate = file.PatientSex = file.ReferringPhysicianName = file.AccessionNumber = ""
    file.StudyInstanceUID, file.StudyID = study.uid(), study.digest[:_SH]
    file.StudyDescription = f"hyperthermia plan {name}"[:_LO]
    file.SeriesInstanceUID = study.uid("series", *parts)
    file.FrameOfReferenceUID, file.PositionReferenceIndicator = study.uid("frame"), ""
    file.Manufacturer, file.ManufacturerModelName = MAKER, MAKER
    file.SoftwareVersions, file.DeviceSerialNumber = study.version[:_LO], study.digest[:_LO]
    file.BurnedInAnnotation, file.LossyImageCompression = "NO", "00"
    return file


def _plain_name(name: str) -> str:
    """Name without what has a meaning in DICOM; of a path only its end, for the rest tells whose machine it is."""
    if _PATH.match(name):
        name = _SEPARATORS.split(name.rstrip("/\\"))[-1]
    return _SPECIAL.sub("-", name).strip() or "plan"


def code(value: str, scheme: str, meaning: str) -> Any:
    """A code with its meaning."""
    item = _pydicom().Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning[:_LO]
    return item


def item(**elements: Any) -> Any:
    """A dataset of a sequence."""
    found = _pydicom().Dataset()
    for keyword, value in elements.items():
        setattr(found, keyword, value)
    return found


def save(file: Any, path: Path | str) -> None:
    """Write with preamble and meta information."""
    file.save_as(path, enforce_file_format=True)


def _pydicom() -> Any:
    try:
        import pydicom
        import pydicom.uid
    except ImportError:
        raise MissingPart("writing DICOM needs pydicom: pip install 'thermoplan[dicom]'") from None
    return pydicom
