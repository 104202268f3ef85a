"""Maps as RT Dose in relative units, for viewers of treatment plans that show nothing else over an image.

A map is no radiation dose: its units are RELATIVE, and the comment says what one of them is.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...base.image import Image
from .dicom_write import Quantity, Study, axial_stack, item, new_file, save

STORAGE = "1.2.840.10008.5.1.4.1.1.481.2"
_PLAN_STORAGE = "1.2.840.10008.5.1.4.1.1.481.5"
_OFFSETS = 0x3004000C  # Grid Frame Offset Vector


def write_rtdose(path: Path | str, image: Image, quantity: Quantity, study: Study) -> None:
    """Write one map as whole numbers and a scale; values below 0 have no place in it and become 0.

    Half of 32 bits is used: some viewers read the numbers as signed.
    """
    stack = axial_stack(image)
    values = np.maximum(stack.values.astype(np.float64), 0.0)
    scale = float(f"{max(float(values.max()), 1e-6) / (2**31 - 1):.9e}")
    file = new_file(study, STORAGE, "rt dose", quantity.key)
    file.Modality, file.SeriesNumber, file.InstanceNumber, file.OperatorsName = "RTDOSE", 2, 1, ""
    file.SeriesDescription = f"{quantity.words}, {quantity.unit}, as relative dose"[:64]
    file.DoseUnits, file.DoseType, file.DoseSummationType = "RELATIVE", "EFFECTIVE", "PLAN"
    file.DoseComment = f"{quantity.words}, {quantity.unit}; not a radiation dose"[:64]
    file.ReferencedRTPlanSequence = [
        item(ReferencedSOPClassUID=_PLAN_STORAGE, ReferencedSOPInstanceUID=study.uid("plan"))
    ]
    between, *pixel = (f"{v:.9g}" for v in stack.spacing_mm)
    file.PixelSpacing, file.SliceThickness = pixel, between
    file.ImageOrientationPatient = [f"{v:.9g}" for v in stack.orientation]
    file.ImagePositionPatient = [f"{v:.9g}" for v in stack.origins_mm[0]]
    file.NumberOfFrames, file.Rows, file.Columns = values.shape
    file.FrameIncrementPointer = _OFFSETS
    file.GridFrameOffsetVector = [f"{k * stack.spacing_mm[0]:.9g}" for k in range(len(values))]
    file.SamplesPerPixel, file.PhotometricInterpretation, file.PixelRepresentation = 1, "MONOCHROME2", 0
    file.BitsAllocated, file.BitsStored, file.HighBit = 32, 32, 31
    file.DoseGridScaling = f"{scale:.9e}"
    file.PixelData = np.rint(values / scale).astype("<u4").tobytes()
    save(file, path)
