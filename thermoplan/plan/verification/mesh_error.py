"""Error of a mesh in the temperatures that a plan reports, estimated with quadratic elements."""

from __future__ import annotations

import numpy as np

from ...base.progress import Stages
from ...bioheat import spatial_error_k
from ...files.run.plan_record import AccuracyRecord, MeshErrorRecord
from ...goals.metrics.statistics import exceedance
from ..case.heating_model import HeatingModel
from .outcome import Outcome

METHOD = "linear against quadratic elements of this mesh, for the mean power kept for ever, blood at its temperature"


def estimate_mesh_error(heating_model: HeatingModel, outcome: Outcome, stages: Stages) -> AccuracyRecord:
    """Estimated error of each region's temperatures at the end of heating, positive where they are reported too high.

    ``error_k`` is the largest of T90, T50, T10 and the greatest temperature over all regions. It is the error of the
    temperatures at the nodes; how finely nodes divide a region's volume is not in it.
    """
    with stages.stage("estimate the mesh's error"):
        load = outcome.shares @ outcome.basis.load_w
        error = spatial_error_k(heating_model.case.problem(), heating_model.system, load)
    regions: dict[str, MeshErrorRecord] = {}
    for name, (nodes, weights) in outcome.series.regions.items():
        reported, better = outcome.end_c[nodes], outcome.end_c[nodes] - error[nodes]
        t90, t50, t10 = (
            float(exceedance(reported, weights, level) - exceedance(better, weights, level)) for level in (90, 50, 10)
        )
        regions[name] = {
            "t90_k": t90,
            "t50_k": t50,
            "t10_k": t10,
            "t_max_k": float(reported.max() - better.max()),
            "node_max_k": float(np.abs(error[nodes]).max()),
        }
    worst = max(abs(k) for row in regions.values() for k in (row["t90_k"], row["t50_k"], row["t10_k"], row["t_max_k"]))
    return {"method": METHOD, "error_k": worst, "regions": regions}
