"""Small meshes and problems that the tests of the bioheat engine share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from thermoplan.anatomy.anatomy import Anatomy
from thermoplan.bioheat import FeedbackSum, RadiationFeedback, ThermalSystem, feedback_of, thermal_system
from thermoplan.fem.element_space import element_space
from thermoplan.validate.bodies import box
from thermoplan.validate.cases import BLOOD_J_M3_K as BLOOD
from thermoplan.validate.cases import C_J_KG_K as C
from thermoplan.validate.cases import RHO_KG_M3 as RHO
from thermoplan.validate.cases import load_of, problem

__all__ = [
    "BLOOD",
    "RHO",
    "C",
    "box",
    "load_of",
    "octant",
    "outer_sphere",
    "perfusion_laws",
    "problem",
    "quadratic_system",
    "radiating",
]


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
        gmsh.model.mesh.field.setString(field, "F", f"{h}+{(far - h) / (out - r)}*0.5*(fabs({beyond})+{beyond})")
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


def outer_sphere(anatomy: Anatomy) -> np.ndarray:
    """Facets of the outer surface that are not on a coordinate plane."""
    corner = anatomy.points_m[anatomy.outer]
    flat = (np.abs(corner).max(axis=1) < 1e-9).any(axis=1)
    return anatomy.outer[~flat]


def rising_law(t):
    """Perfusion, W/m3/K, of three times as much above 41.5 degC, smoothly."""
    return 1e4 * (1.0 + 2.0 / (1.0 + np.exp(-(t - 41.5) / 0.5)))


def quadratic_system(case) -> ThermalSystem:
    """A problem on quadratic elements."""
    return thermal_system(case, order=2)


def perfusion_laws(case, laws) -> FeedbackSum:
    """Feedback of laws for some regions of a problem that has none, on linear elements."""
    case = replace(case, laws=laws)
    return feedback_of(case, thermal_system(case))


def radiating(mesh, facets, emissivity, surroundings_c) -> RadiationFeedback:
    """Radiation of some facets that the linear system knows nothing of, on linear elements."""
    return RadiationFeedback(element_space(mesh, 1).facet_points(facets), emissivity, surroundings_c)
