"""Small meshes and problems that the tests of the bioheat engine share."""

from __future__ import annotations

from itertools import permutations

import numpy as np

from thermoplan.anatomy import Anatomy
from thermoplan.bioheat import BioheatProblem, Boundary

RHO, C = 1060.0, 3600.0
BLOOD = 1050.0 * 3617.0


def box(counts, size_m, region_of=lambda centre: np.zeros(len(centre), int), names=("tissue",)) -> Anatomy:
    """Bricks cut into six tetrahedra each, one corner in the origin."""
    axes = [np.linspace(0.0, s, n + 1) for s, n in zip(size_m, counts, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
    number = np.arange(len(points)).reshape([n + 1 for n in counts])
    tets = []
    for path in permutations(range(3)):
        offset, corners = np.zeros(3, int), []
        for axis in (None, *path):
            if axis is not None:
                offset[axis] += 1
            window = tuple(slice(o, n + o) for o, n in zip(offset, counts, strict=True))
            corners.append(number[window].ravel())
        tets.append(np.stack(corners, 1))
    tets = np.concatenate(tets)
    edges = points[tets[:, 1:]] - points[tets[:, :1]]
    inverted = np.linalg.det(edges) < 0.0
    tets[inverted] = tets[inverted][:, [0, 2, 1, 3]]
    return Anatomy(points, tets, region_of(points[tets].mean(axis=1)), names, names)


def octant(radius_m: float, outer_m: float, size_m: float, far_m: float) -> Anatomy:
    """An eighth of a ball inside an eighth of a larger one; its flat sides are planes of symmetry."""
    import gmsh

    gmsh.initialize(interruptible=False)
    try:
        gmsh.option.setNumber("General.Terminal", 0)
        occ = gmsh.model.occ
        balls = [occ.addSphere(0, 0, 0, r * 1e3, -1, 0, np.pi / 2, np.pi / 2) for r in (radius_m, outer_m)]
        occ.fragment([(3, balls[1])], [(3, balls[0])])
        occ.synchronize()
        field = gmsh.model.mesh.field.add("MathEval")
        h, far, r, out = size_m * 1e3, far_m * 1e3, radius_m * 1e3, outer_m * 1e3
        beyond = f"(sqrt(x*x+y*y+z*z)-{r})"
        gmsh.model.mesh.field.setString(
            field, "F", f"{h}+{(far - h) / (out - r)}*0.5*(fabs({beyond})+{beyond})")
        gmsh.model.mesh.field.setAsBackgroundMesh(field)
        for name in ("MeshSizeExtendFromBoundary", "MeshSizeFromPoints", "MeshSizeFromCurvature"):
            gmsh.option.setNumber(f"Mesh.{name}", 0)
        gmsh.model.mesh.generate(3)
        tags, flat, _ = gmsh.model.mesh.getNodes()
        cells = np.concatenate(gmsh.model.mesh.getElements(3)[2])
    finally:
        gmsh.finalize()
    used, tets = np.unique(cells.astype(int), return_inverse=True)
    row = np.zeros(int(tags.max()) + 1, int)
    row[tags.astype(int)] = np.arange(len(tags))
    points = flat.reshape(-1, 3)[row[used]] * 1e-3
    tets = tets.reshape(-1, 4)
    edges = points[tets[:, 1:]] - points[tets[:, :1]]
    inverted = np.linalg.det(edges) < 0.0
    tets[inverted] = tets[inverted][:, [0, 2, 1, 3]]
    outside = np.linalg.norm(points[tets].mean(axis=1), axis=1) > radius_m
    return Anatomy(points, tets, outside.astype(int), ("inside", "outside"), ("tissue", "tissue"))


def problem(anatomy, *, k=0.5, perfusion=0.0, metabolic=0.0, boundaries=None, **more) -> BioheatProblem:
    """One tissue of rho 1060 kg/m3 and c 3600 J/kg/K, or one value a region; blood is fixed unless said."""
    per_region = {"density_kg_m3": RHO, "heat_capacity_j_kg_k": C, "conductivity_w_m_k": k,
                  "perfusion_w_m3_k": perfusion, "metabolic_w_m3": metabolic}
    values = {name: np.broadcast_to(value, len(anatomy.region_names)) for name, value in per_region.items()}
    boundaries = (Boundary("insulated"),) if boundaries is None else boundaries
    more = {"arterial_c": 37.0, "core": "fixed"} | more
    return BioheatProblem(anatomy, **values, boundaries=boundaries, **more)


def load_of(anatomy: Anatomy, power_w_m3) -> np.ndarray:
    """Nodal power of a function of points, by four points an element (exact for quadratic integrands)."""
    near = 0.25 + 0.75 / np.sqrt(5.0)
    weights = np.full((4, 4), (1.0 - near) / 3.0)
    np.fill_diagonal(weights, near)
    at = np.einsum("qi,mid->mqd", weights, anatomy.points_m[anatomy.tets])
    share = np.einsum("mq,qi->mi", power_w_m3(at), weights) * anatomy.volumes_m3[:, None] / 4.0
    return np.bincount(anatomy.tets.ravel(), share.ravel(), len(anatomy.points_m))


def outer_sphere(anatomy: Anatomy) -> np.ndarray:
    """Facets of the outer surface that are not on a coordinate plane."""
    corner = anatomy.points_m[anatomy.outer]
    flat = (np.abs(corner).max(axis=1) < 1e-9).any(axis=1)
    return anatomy.outer[~flat]
