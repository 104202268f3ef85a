"""Readers and writers of images: DICOM, MDF, NIfTI, NRRD, segmentations."""
