"""Registrations from files move a point of the image to its place in the anatomy."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from thermoplan.errors import InputError
from thermoplan.files.transforms import read_transform


def moved(matrix: np.ndarray, point_mm: list[float]) -> list[float]:
    return ((matrix @ [*(np.array(point_mm) * 1e-3), 1.0])[:3] * 1e3).tolist()


def itk(kind: str, parameters: str, fixed: str = "0 0 0") -> str:
    return (f"#Insight Transform File V1.0\n#Transform 0\nTransform: {kind}_double_3_3\nParameters: {parameters}\n"
            f"FixedParameters: {fixed}\n")


def test_a_plain_matrix_is_in_ras_millimetres(tmp_path):
    (tmp_path / "t.txt").write_text("# image to anatomy\n1 0 0 7\n0 1 0 0\n0 0 1 -2\n0 0 0 1\n")
    assert moved(read_transform(tmp_path / "t.txt"), [1, 2, 3]) == pytest.approx([8, 2, 1])


@pytest.mark.parametrize(("text", "start", "end"), [
    # a point of the anatomy lies 7 mm to the left in LPS x, so 7 mm more to the right in RAS undoes it
    (itk("TranslationTransform", "7 0 0"), [1, 2, 3], [8, 2, 3]),
    (itk("AffineTransform", "1 0 0 0 1 0 0 0 1 0 0 5"), [1, 2, 3], [1, 2, -2]),
    # a quarter turn about z carries LPS x to LPS y; undone, LPS y goes to LPS x, and so does RAS y to RAS x
    (itk("Euler3DTransform", "0 0 1.5707963267948966 0 0 0"), [0, 1, 0], [1, 0, 0]),
    (itk("VersorRigid3DTransform", "0 0 0.7071067811865476 0 0 0"), [0, 1, 0], [1, 0, 0]),
    # a quarter turn about x carries LPS y to z; undone, z goes to LPS y, which is -y in RAS
    (itk("Euler3DTransform", "1.5707963267948966 0 0 0 0 0"), [0, 0, 1], [0, -1, 0]),
    # about y, x to -z, then about x, -z to y, then about z, y to -x; undone, -x goes to x in LPS and in RAS x to -x
    (itk("Euler3DTransform", "1.5707963267948966 " * 3 + "0 0 0"), [1, 0, 0], [-1, 0, 0]),
    # about a centre at LPS (10, 0, 0), RAS (-10, 0, 0), the centre stays
    (itk("Euler3DTransform", "0 0 1.5707963267948966 0 0 0", "10 0 0"), [-10, 0, 0], [-10, 0, 0]),
])
def test_an_itk_transform_is_turned_about_and_taken_from_lps(tmp_path, text, start, end):
    (tmp_path / "t.tfm").write_text(text)
    assert moved(read_transform(tmp_path / "t.tfm"), start) == pytest.approx(end, abs=1e-9)


def test_the_hdf5_of_itk_says_the_same_as_its_text(tmp_path):
    (tmp_path / "t.tfm").write_text(itk("AffineTransform", "1 0 0 0 0 -1 0 1 0 1 2 3", "4 5 6"))
    with h5py.File(tmp_path / "t.h5", "w") as file:
        file["TransformGroup/0/TransformType"] = np.array([b"AffineTransform_double_3_3"])
        file["TransformGroup/0/TranformParameters"] = [1.0, 0, 0, 0, 0, -1, 0, 1, 0, 1, 2, 3]  # as ITK spells it
        file["TransformGroup/0/TranformFixedParameters"] = [4.0, 5, 6]
    np.testing.assert_allclose(read_transform(tmp_path / "t.h5"), read_transform(tmp_path / "t.tfm"), atol=1e-15)


def test_a_transform_that_scales_is_noted(tmp_path):
    notes: list[str] = []
    (tmp_path / "t.txt").write_text("2 0 0 0\n0 1 0 0\n0 0 1 0\n0 0 0 1\n")
    read_transform(tmp_path / "t.txt", notes=notes)
    assert "scales volumes by 2" in notes[0]


@pytest.mark.parametrize(("text", "words"), [
    ("1 0 0\n0 1 0\n0 0 1\n", r"got shape \(3, 3\)"), ("1 0 0 x\n", "expected four rows of four numbers"),
    ("1 0 0 0\n0 1 0 0\n0 0 1 0\n0 0 1 1\n", "the last row"), ("1 0 0 0\n1 0 0 0\n0 0 1 0\n0 0 0 1\n", "singular"),
    (itk("BSplineTransform", "1 2 3"), "of another kind"), (itk("AffineTransform", "1 0 0"), "has 3 parameters"),
    (itk("TranslationTransform", "1 0 0") * 2, "holds 2 transforms"), ("", "empty"),
])
def test_what_is_no_such_transform_is_refused_by_name(tmp_path, text, words):
    (tmp_path / "t.tfm").write_text(text)
    with pytest.raises(InputError, match=r"t\.tfm: .*" + words):
        read_transform(tmp_path / "t.tfm")
