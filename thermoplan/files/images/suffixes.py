"""Suffixes of image files, each in one place: what is read, what may hold labels, what names its segments."""

from __future__ import annotations

from pathlib import Path

MDF = (".mdf", ".h5", ".hdf5")
NIFTI = (".nii", ".nii.gz")
NRRD = (".nrrd", ".nhdr")
DICOM = (".dcm", ".ima")
PLACED_ARRAY = ".npz"
"""NumPy's file of several arrays: data with the affine that places them."""
BARE_ARRAY = ".npy"
"""NumPy's file of one array, which does not say where its voxels lie."""
FOLDER = "folder"
"""Key, in a table of readers, of a folder of DICOM files."""

PLACED_IMAGES = (*MDF, *NIFTI, *NRRD, *DICOM, PLACED_ARRAY)
"""Suffixes of images that say where their voxels lie."""
LABELS = (*NIFTI, *NRRD, PLACED_ARRAY)
"""Suffixes of label volumes."""


def image_suffix(path: Path) -> str:
    """``.nii.gz`` for a packed NIfTI, else the last suffix; small letters."""
    name = path.name.lower()
    return ".nii.gz" if name.endswith(".nii.gz") else path.suffix.lower()
