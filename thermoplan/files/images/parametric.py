"""Maps as DICOM Parametric Maps: single floats with their unit in UCUM, all slices in one file.

Written with pydicom: the writer of highdicom takes patient, study and frame of reference from a DICOM source image, and
a plan has none. The tests read every file back with highdicom.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ...base.image import Image
from .dicom_write import MAKER, Quantity, Stack, Study, axial_stack, code, item, new_file, save

STORAGE = "1.2.840.10008.5.1.4.1.1.30"
_SCHEME = "99" + MAKER.upper()
"""Quantities have codes of our own: no standard list has a peak of planned temperature."""
_POSITION = 0x00200032  # Image Position (Patient)
_POSITION_GROUP = 0x00209113  # Plane Position Sequence


def write_parametric_map(path: Path | str, image: Image, quantity: Quantity, study: Study) -> None:
    """Write one map; values are those of ``image``, in ``quantity.unit``."""
    stack = axial_stack(image)
    file = new_file(study, STORAGE, "parametric map", quantity.key)
    file.Modality, file.SeriesNumber, file.InstanceNumber = "OT", 1, 1
    file.SeriesDescription = f"{quantity.words}, {quantity.unit}"[:64]
    file.BodyPartExamined = "WHOLEBODY"
    file.ImageType = ["DERIVED", "PRIMARY", "VOLUME", "NONE"]
    file.ContentQualification, file.RecognizableVisualFeatures = "RESEARCH", "NO"
    file.ContentLabel = quantity.key.upper().replace("-", "_")[:16]
    file.ContentDescription, file.ContentCreatorName = f"{quantity.words}; 0 outside the body"[:64], MAKER
    file.PresentationLUTShape = "IDENTITY"
    file.AcquisitionContextSequence = []
    _frames(file, stack, quantity, study)
    file.SamplesPerPixel, file.PhotometricInterpretation = 1, "MONOCHROME2"
    file.NumberOfFrames, file.Rows, file.Columns = stack.values.shape
    file.BitsAllocated = 32
    file.FloatPixelData = np.ascontiguousarray(stack.values, "<f4").tobytes()
    save(file, path)


def _frames(file: Any, stack: Stack, quantity: Quantity, study: Study) -> None:
    organization = study.uid("dimensions")
    file.DimensionOrganizationSequence = [item(DimensionOrganizationUID=organization)]
    file.DimensionOrganizationType = "3D"
    file.DimensionIndexSequence = [
        item(
            DimensionOrganizationUID=organization,
            DimensionIndexPointer=_POSITION,
            FunctionalGroupPointer=_POSITION_GROUP,
            DimensionDescriptionLabel="Slice",
        )
    ]
    between, *pixel = (_decimal(v) for v in stack.spacing_mm)
    file.SharedFunctionalGroupsSequence = [
        item(
            PixelMeasuresSequence=[item(PixelSpacing=pixel, SliceThickness=between, SpacingBetweenSlices=between)],
            PlaneOrientationSequence=[item(ImageOrientationPatient=[_decimal(v) for v in stack.orientation])],
            ParametricMapFrameTypeSequence=[item(FrameType=list(file.ImageType))],
            RealWorldValueMappingSequence=[_mapping(stack, quantity)],
            PixelValueTransformationSequence=[item(RescaleIntercept="0", RescaleSlope="1", RescaleType="US")],
            FrameVOILUTSequence=[_window(stack)],
        )
    ]
    file.PerFrameFunctionalGroupsSequence = [
        item(
            FrameContentSequence=[item(DimensionIndexValues=[k + 1])],
            PlanePositionSequence=[item(ImagePositionPatient=[_decimal(v) for v in origin])],
        )
        for k, origin in enumerate(stack.origins_mm)
    ]


def _mapping(stack: Stack, quantity: Quantity) -> Any:
    """The values are the real ones: slope 1, intercept 0, and the unit."""
    named = item(
        ValueType="CODE",
        ConceptNameCodeSequence=[code("246205007", "SCT", "Quantity")],
        ConceptCodeSequence=[code(quantity.key[:16], _SCHEME, quantity.words)],
    )
    return item(
        LUTExplanation=quantity.words[:64],
        LUTLabel=quantity.unit[:16],
        MeasurementUnitsCodeSequence=[code(quantity.unit, "UCUM", quantity.unit_words)],
        DoubleFloatRealWorldValueFirstValueMapped=float(stack.values.min()),
        DoubleFloatRealWorldValueLastValueMapped=float(stack.values.max()),
        RealWorldValueIntercept=0.0,
        RealWorldValueSlope=1.0,
        QuantityDefinitionSequence=[named],
    )


def _window(stack: Stack) -> Any:
    """From the lowest value inside the body to the highest."""
    inside = stack.values[stack.values != 0.0]
    low, high = (float(inside.min()), float(inside.max())) if inside.size else (0.0, 1.0)
    width = max(high - low, 1e-3)
    return item(WindowCenter=_decimal(low + 0.5 * width), WindowWidth=_decimal(width), VOILUTFunction="LINEAR_EXACT")


def _decimal(value: float) -> str:
    """A decimal string, which has at most 16 letters."""
    return f"{value:.9g}"
