"""Registrations from files move a point of the image to its place in the anatomy."""

from __future__ import annotations

import contextlib

import h5py
import numpy as np
import pytest
import SimpleITK as sitk

from thermoplan.base.errors import InputError
from thermoplan.base.image import Image
from thermoplan.files.tables.transforms import read_transform, read_transform_file, write_transform

LPS = np.array([-1.0, -1.0, 1.0])


def moved(matrix: np.ndarray, point_mm: list[float]) -> list[float]:
    return ((matrix @ [*(np.array(point_mm) * 1e-3), 1.0])[:3] * 1e3).tolist()


def itk(kind: str, parameters: str, fixed: str = "0 0 0") -> str:
    return (
        f"#Insight Transform File V1.0\n#Transform 0\nTransform: {kind}_double_3_3\nParameters: {parameters}\n"
        f"FixedParameters: {fixed}\n"
    )


def test_a_plain_matrix_is_in_ras_millimetres(tmp_path):
    (tmp_path / "t.txt").write_text("# image to anatomy\n1 0 0 7\n0 1 0 0\n0 0 1 -2\n0 0 0 1\n")
    assert moved(read_transform(tmp_path / "t.txt"), [1, 2, 3]) == pytest.approx([8, 2, 1])


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
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
    ],
)
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


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1 0 0\n0 1 0\n0 0 1\n", r"got shape \(3, 3\)"),
        ("1 0 0 x\n", "expected four rows of four numbers"),
        ("1 0 0 0\n0 1 0 0\n0 0 1 0\n0 0 1 1\n", "the last row"),
        ("1 0 0 0\n1 0 0 0\n0 0 1 0\n0 0 0 1\n", "singular"),
        (itk("BSplineTransform", "1 2 3"), "of another kind.*export it as linear"),
        (itk("AffineTransform", "1 0 0"), "has 3 parameters; expected 12"),
        ("nan 0 0 0\n" * 4, "four rows"),
        (itk("Euler2DTransform", "1 0 0").replace("3_3", "2_2"), "of three dimensions"),
        (itk("TranslationTransform", "1 0 0") * 2, "holds 2 transforms"),
        ("", "empty"),
    ],
)
def test_what_is_no_such_transform_is_refused_by_name(tmp_path, text, words):
    (tmp_path / "t.tfm").write_text(text)
    with pytest.raises(InputError, match=r"t\.tfm: .*" + words):
        read_transform(tmp_path / "t.tfm")


def sitk_transforms() -> dict[str, sitk.Transform]:
    """One of each linear kind that SimpleITK has, none of them symmetric in anything."""
    turned = sitk.VersorTransform((0.3, -0.2, 0.5), 0.7)
    affine = sitk.AffineTransform(3)
    affine.SetMatrix((0.9, 0.1, -0.2, 0.3, 1.1, 0.05, -0.1, 0.2, 0.8))
    affine.SetTranslation((1, -2, 3))
    affine.SetCenter((7, 8, -9))
    euler, zyx = sitk.Euler3DTransform((4, -5, 6), 0.1, 0.2, -0.3, (1, 2, 3)), sitk.Euler3DTransform()
    zyx.SetComputeZYX(True)
    zyx.SetRotation(0.4, -0.5, 0.6)
    zyx.SetTranslation((3, 2, 1))
    rigid = sitk.VersorRigid3DTransform()
    rigid.SetRotation(turned.GetVersor())
    rigid.SetTranslation((5, 6, 7))
    rigid.SetCenter((-1, 2, 4))
    similar = sitk.Similarity3DTransform()
    similar.SetRotation(turned.GetVersor())
    similar.SetScale(1.25)
    similar.SetTranslation((1, 0, -2))
    shift, scale = sitk.TranslationTransform(3, (1, 2, 3)), sitk.ScaleTransform(3, (1.1, 0.9, 1.3))
    return {
        "affine": affine,
        "euler": euler,
        "euler zyx": zyx,
        "versor": turned,
        "versor rigid": rigid,
        "similarity": similar,
        "translation": shift,
        "scale": scale,
        "identity": sitk.Transform(3, sitk.sitkIdentity),
        "composite": sitk.CompositeTransform([euler, shift, affine]),
    }


@pytest.mark.parametrize(
    ("kind", "suffix"),
    [
        (kind, suffix)
        for kind in sitk_transforms()
        for suffix in (".tfm", ".txt", ".h5", ".mat")
        if suffix != ".mat" or kind not in ("composite", "identity")  # ITK's .mat cannot hold these
    ],
)
def test_every_linear_transform_that_simpleitk_writes_moves_points_as_simpleitk_does(tmp_path, kind, suffix):
    transform, path = sitk_transforms()[kind], tmp_path / f"t{suffix}"
    sitk.WriteTransform(transform, path)
    ours = read_transform(path)
    for fixed in ([0.0, 0, 0], [10.0, 0, 0], [3.0, -7, 20]):
        moving = np.array(transform.TransformPoint(tuple(LPS * fixed))) * LPS
        assert moved(ours, moving) == pytest.approx(fixed, abs=1e-9)


def test_a_composite_in_mat_is_refused_because_itk_keeps_only_part_of_it(tmp_path):
    sitk.WriteTransform(sitk_transforms()["composite"], tmp_path / "t.mat")
    with pytest.raises(InputError, match=r"t\.mat: ITK keeps only part of a composite"):
        read_transform(tmp_path / "t.mat")


def test_an_image_moved_by_the_file_of_a_registration_is_the_one_that_simpleitk_resamples(tmp_path):
    """The whole convention at once: fixed to moving in LPS, undone, equals moving the image in RAS."""
    data = np.random.default_rng(6).random((9, 8, 7))
    moving = sitk.GetImageFromArray(data.transpose(2, 1, 0))
    moving.SetSpacing((1.5, 1.0, 2.0))
    moving.SetOrigin((-3, 4, 5))
    fixed = sitk.Image([11, 10, 9], sitk.sitkFloat64)
    fixed.SetOrigin((-5, 2, 3))
    transform = sitk.Euler3DTransform((0, 0, 0), 0.2, -0.1, 0.3, (1.2, -0.7, 0.4))
    expected = sitk.GetArrayFromImage(sitk.Resample(moving, fixed, transform, sitk.sitkLinear, 0.0)).transpose(2, 1, 0)
    affine = np.diag([-1.5e-3, -1e-3, 2e-3, 1.0])
    affine[:3, 3] = LPS * [-3e-3, 4e-3, 5e-3]
    sitk.WriteTransform(transform, tmp_path / "t.tfm")
    image = Image(data, affine).moved(read_transform(tmp_path / "t.tfm"))
    index = np.argwhere(np.ones(fixed.GetSize()))
    points = LPS * (index + np.array(fixed.GetOrigin())) * 1e-3
    inside = ((image.indices(points) > 0) & (image.indices(points) < np.array(data.shape) - 1)).all(axis=1)
    assert inside.sum() > 100
    np.testing.assert_allclose(image.sampled(points)[inside], expected[tuple(index[inside].T)], atol=1e-9)


RIGID_M = np.array([[0.0, -1, 0, 7e-3], [1, 0, 0, -2e-3], [0, 0, 1, 0.5e-3], [0, 0, 0, 1]])


@pytest.mark.parametrize("suffix", [".txt", ".tfm"])
def test_a_transform_that_was_written_is_read_back_with_its_residual(tmp_path, suffix):
    write_transform(tmp_path / f"t{suffix}", RIGID_M, comments=["5 pairs"], residual_m=0.31e-3)
    back = read_transform_file(tmp_path / f"t{suffix}")
    np.testing.assert_allclose(back.matrix_m, RIGID_M, atol=1e-15)
    assert back.residual_m == pytest.approx(0.31e-3)


def test_simpleitk_reads_what_was_written_for_it(tmp_path):
    write_transform(tmp_path / "t.tfm", RIGID_M, comments=["for 3D Slicer"], residual_m=1e-4)
    transform = sitk.ReadTransform(tmp_path / "t.tfm")
    for moving in ([1.0, 2, 3], [-4.0, 0, 9]):
        fixed = moved(RIGID_M, moving)
        np.testing.assert_allclose(transform.TransformPoint(tuple(LPS * fixed)), LPS * moving, atol=1e-12)


def test_a_transform_is_written_as_txt_or_tfm_only(tmp_path):
    with pytest.raises(InputError, match=r"t\.mat: cannot write.*expected \.txt"):
        write_transform(tmp_path / "t.mat", RIGID_M)


def test_a_mirror_is_noted(tmp_path):
    notes: list[str] = []
    (tmp_path / "t.txt").write_text("-1 0 0 0\n0 1 0 0\n0 0 1 0\n0 0 0 1\n")
    read_transform(tmp_path / "t.txt", notes=notes)
    assert notes == ["t.txt: the transform mirrors the image: left and right, or LPS and RAS, may be mixed up"]


@pytest.mark.parametrize("suffix", [".tfm", ".h5", ".mat"])
@pytest.mark.parametrize("keep", [0.05, 0.4, 0.8])
def test_a_transform_cut_short_is_refused_by_name(tmp_path, suffix, keep):
    path = tmp_path / f"t{suffix}"
    sitk.WriteTransform(sitk_transforms()["affine"], path)
    path.write_bytes(path.read_bytes()[: int(keep * path.stat().st_size)])
    with pytest.raises(InputError, match=path.name):
        read_transform(path)


def test_a_foreign_hdf5_is_no_transform(tmp_path):
    with h5py.File(tmp_path / "t.h5", "w") as file:
        file["data"] = [1.0, 2.0]
    with pytest.raises(InputError, match=r"t\.h5: holds no /TransformGroup"):
        read_transform(tmp_path / "t.h5")


@pytest.mark.parametrize("suffix", [".tfm", ".h5", ".mat"])
def test_bytes_of_a_transform_that_are_not_what_they_should_be_make_a_complaint_and_nothing_else(tmp_path, suffix):
    path, random = tmp_path / f"t{suffix}", np.random.default_rng(7)
    sitk.WriteTransform(sitk_transforms()["affine"], path)
    whole = path.read_bytes()
    for _ in range(200):
        broken = bytearray(whole)
        for place in random.integers(0, min(len(whole), 3000), 2):
            broken[place] = random.integers(0, 256)
        path.write_bytes(bytes(broken))
        with contextlib.suppress(InputError):
            assert read_transform(path).shape == (4, 4)
