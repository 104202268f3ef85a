"""A run folder with plausible values, made without a solver: an ellipsoid with a warm tumour and a liver."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from thermoplan.anatomy.anatomy import Anatomy
from thermoplan.files.meshes.mesh_files import write_fields

HALF_AXES_M = np.array([12e-3, 10e-3, 26e-3])
REGIONS = ("body", "skin", "liver", "spleen", "kidneys", "bowel", "tumour")
TUMOUR_M, TUMOUR_RADIUS_M = np.array([6e-3, -2e-3, -10e-3]), 4e-3
HEATING_S, END_S = 1800.0, 2700.0
_KUHN = np.array([[0, 1, 3, 7], [0, 3, 2, 7], [0, 2, 6, 7], [0, 6, 4, 7], [0, 4, 5, 7], [0, 5, 1, 7]])


def sample_anatomy(spacing_m: float = 1.5e-3) -> Anatomy:
    """An ellipsoid cut from a lattice; its organs are balls, the tumour lies near the flank."""
    count = np.ceil(2 * HALF_AXES_M / spacing_m).astype(int)
    axes = [np.linspace(-h, h, n + 1) for h, n in zip(HALF_AXES_M, count, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    nx, ny, nz = (len(a) for a in axes)
    i, j, k = (a.ravel() for a in np.meshgrid(range(nx - 1), range(ny - 1), range(nz - 1), indexing="ij"))
    corner = np.stack([(i + (c & 1)) * ny * nz + (j + (c >> 1 & 1)) * nz + k + (c >> 2) for c in range(8)], axis=1)
    tets = corner[:, _KUHN].reshape(-1, 4)
    centre = points[tets].mean(axis=1)
    keep = ((centre / HALF_AXES_M) ** 2).sum(axis=1) < 1.0
    tets, centre = tets[keep], centre[keep]
    used, tets = np.unique(tets, return_inverse=True)
    return Anatomy(points[used], tets.reshape(-1, 4), _regions(centre), REGIONS, REGIONS)


def _regions(centre: np.ndarray) -> np.ndarray:
    region = np.zeros(len(centre), int)
    region[((centre / (HALF_AXES_M - 1.2e-3)) ** 2).sum(axis=1) > 1.0] = 1
    balls = {2: ([0, 2, 8], 6.5), 3: ([-7, 0, 5], 2.2), 4: ([-5, -3, -3], 2.6), 5: ([-5, 3, -12], 4.5)}
    for number, (position, radius) in balls.items():
        region[np.linalg.norm(centre - 1e-3 * np.array(position), axis=1) < 1e-3 * radius] = number
    region[np.linalg.norm(centre - TUMOUR_M, axis=1) < TUMOUR_RADIUS_M] = 6
    return region


def sample_fields(anatomy: Anatomy) -> dict[str, np.ndarray]:
    """Nodal fields named as in ``fields.vtu``: a rise around the tumour, over a body cooler at its skin."""
    p = anatomy.points_m
    depth = 1.0 - np.sqrt(((p / HALF_AXES_M) ** 2).sum(axis=1))
    far = np.linalg.norm(p - TUMOUR_M, axis=1) / TUMOUR_RADIUS_M
    rise = 9.0 * np.exp(-0.5 * (far / 1.3) ** 2)
    liver = 1.6 * np.exp(-((np.linalg.norm(p - 1e-3 * np.array([0, 2, 8]), axis=1) / 7e-3) ** 2))
    base = 36.8 - 2.6 * np.exp(-np.clip(depth, 0, None) / 0.15)
    peak = base + rise + liver + 1.4
    iron = 6.0 * (far < 1.0) + 3.0 * (np.linalg.norm(p - 1e-3 * np.array([0, 2, 8]), axis=1) < 6.5e-3)
    minutes = 25.0
    rate = np.where(peak >= 43.0, 0.5, 0.25) ** (43.0 - peak)
    return {
        "temperature_peak_c": peak,
        "temperature_end_c": base + 0.2 * (rise + liver) + 1.0,
        "cem43_min": minutes * rate,
        "iron_mg_ml": iron,
        "power_w_m3": 2.5e5 * iron * np.exp(-(far**2) / 3.0),
    }


def _course(time_s: np.ndarray, start_c: float, end_c: float, tau_s: float = 300.0) -> list[float]:
    heating = 1.0 - np.exp(-np.minimum(time_s, HEATING_S) / tau_s)
    cooling = np.exp(-np.clip(time_s - HEATING_S, 0.0, None) / (1.3 * tau_s))
    return [round(v, 4) for v in start_c + (end_c - start_c) * heating * cooling]


def _quantile(values: np.ndarray, weights: np.ndarray, above: float) -> float:
    order = np.argsort(-values)
    return float(values[order][np.searchsorted(np.cumsum(weights[order]), above * weights.sum())])


def _region(anatomy: Anatomy, fields: dict[str, np.ndarray], name: str) -> dict[str, float | str]:
    weights = anatomy.node_weights_m3(anatomy.cells(name))
    inside = weights > 0
    peak, dose, w = fields["temperature_peak_c"][inside], fields["cem43_min"][inside], weights[inside]
    row = {
        "tissue": name,
        "volume_mm3": 1e9 * w.sum(),
        "iron_mg": 1e6 * (fields["iron_mg_ml"][inside] * w).sum(),
        "t_min_c": peak.min(),
        "t_mean_c": (peak * w).sum() / w.sum(),
        "t_max_c": peak.max(),
        **{f"t{x}_c": _quantile(peak, w, x / 100) for x in (90, 50, 10)},
    }
    row |= {f"{key[:-2]}_hold_c": row[key] - 0.1 for key in list(row) if key.startswith("t") and key[-2:] == "_c"}
    row |= {
        "t_peak_c": peak.max(),
        "cem43_max_min": dose.max(),
        "cem43_peak_min": dose.max(),
        "cem43_floor39_max_min": dose.max() * (peak.max() > 39),
        **{f"cem43t{x}_min": _quantile(dose, w, x / 100) for x in (90, 50, 10)},
        "cem43_d90_min": _quantile(dose, w, 0.9),
        "power_w": (fields["power_w_m3"][inside] * w).sum() * 0.3,
    }
    return {k: v if isinstance(v, str) else float(v) for k, v in row.items()}


def _goal(kind: str, region: str, metric: str, bound: float, value: float, **more: object) -> dict[str, object]:
    sense = "at_least" if kind == "goal" else "at_most"
    met = value >= bound if kind == "goal" else value <= bound
    unit = "min" if metric.startswith("CEM") else "degC"
    return {
        "kind": kind,
        "region": region,
        "metric": metric,
        "bound": bound,
        "value": float(value),
        "met": bool(met),
        "sense": sense,
        "margin": None,
        "unit": unit,
        "default": False,
        "source": "protocol",
    } | more


def _goals(regions: dict[str, dict]) -> list[dict]:
    default = {"default": True, "source": "[Yarmolenko2011]"}
    goals = [
        _goal("goal", "tumour", "CEM43T90", 10.0, regions["tumour"]["cem43t90_min"]),
        _goal("limit", "liver", "CEM43max", 2.0, regions["liver"]["cem43_max_min"]),
        _goal("limit", "everywhere-else", "Tmax", 42.0, 41.3, margin=3e-3),
        _goal("limit", "skin", "CEM43max", 21.0, regions["skin"]["cem43_max_min"]),
        _goal("limit", "core", "Tmax", 39.5, 38.6, default=True, source="a planner's choice"),
        _goal("limit", "tumour", "Tmax", 50.0, regions["tumour"]["t_peak_c"], **default),
    ]
    for name in ("liver", "spleen", "kidneys", "bowel"):
        goals.append(_goal("limit", name, "Tmax", 42.0, regions[name]["t_peak_c"], **default))
    return goals


def _cost(region: str, metric: str, bound: float, value: float, gain_k: float) -> dict[str, object]:
    return {
        "kind": "limit",
        "region": region,
        "metric": metric,
        "bound": bound,
        "value": value,
        "unit": "degC",
        "active": False,
        "gain_k": gain_k,
        "per": "K",
        "sentence": "",
    }


def _histograms(anatomy: Anatomy, fields: dict[str, np.ndarray]) -> dict[str, dict[str, list[float]]]:
    out, t_edges = {}, np.linspace(30, 50, 81)
    d_edges = np.concatenate([[0.0], np.geomspace(0.01, 1000, 60)])
    for name in anatomy.region_names:
        w = anatomy.node_weights_m3(anatomy.cells(name))
        share = [
            [float(w[f >= edge].sum() / w.sum()) for edge in edges]
            for f, edges in ((fields["temperature_peak_c"], t_edges), (fields["cem43_min"], d_edges))
        ]
        out[name] = {
            "temperature_c": t_edges.tolist(),
            "volume_fraction": share[0],
            "cem43_min": d_edges.tolist(),
            "dose_fraction": share[1],
        }
    return out


def _steering() -> dict[str, object]:
    grid = 1e3 * TUMOUR_M + np.array([[x, 0.0, z] for x in (-2.0, 0.0, 2.0) for z in (-3.0, 0.0, 3.0)])
    share = np.array([6, 9, 6, 10, 4, 10, 7, 9, 6]) / 100.0
    windows = [
        {
            "start_s": 300.0 * k,
            "end_s": 300.0 * (k + 1),
            "duty": d,
            "amplitude_mt": 13.0,
            "share": (share * d / 0.67).tolist(),
        }
        for k, d in enumerate([0.95, 0.8, 0.62, 0.58, 0.55, 0.55])
    ]
    return {
        "stops": 16200,
        "positions": 9,
        "cycle_s": 1.0,
        "duty": 0.67,
        "path_mm": grid.tolist(),
        "share": share.tolist(),
        "windows": windows,
    }


def sample_plan(anatomy: Anatomy, fields: dict[str, np.ndarray]) -> dict[str, object]:
    """``plan.json`` of the sample, in the shape of its JSON Schema."""
    time_s = np.arange(0.0, END_S + 1, 30.0)
    regions = {name: _region(anatomy, fields, name) for name in anatomy.region_names}
    history = {
        name: {key: _course(time_s, 35.5, row[f"{key[:-2]}_c"]) for key in ("t90_c", "t50_c", "t10_c", "t_max_c")}
        for name, row in regions.items()
    }
    t90 = regions["tumour"]["t90_c"]
    core = _course(time_s, 36.5, 38.6, 900.0)
    goals = _goals(regions)
    missed = sum(not goal["met"] for goal in goals)
    iron = {name: row["iron_mg"] for name, row in regions.items()}
    hottest = int(np.argmax(fields["temperature_peak_c"]))
    probe = _course(time_s, 36.2, 45.0)
    return {
        "schema": 1,
        "kind": "plan",
        "name": "mouse-flank",
        "quick": True,
        "created": "2026-11-23T07:00:00+00:00",
        "status": "ok" if not missed else "goals-missed",
        "summary": {
            "verdict": (
                "The tumour reaches its goal, and every limit is kept."
                if not missed
                else f"The tumour reaches its goal; {missed} limit is broken."
            ),
            "tumour": "tumour",
            "duty": 0.67,
            "amplitude_mt": [9.75, 13.0],
            "slp_w_per_g_fe": 250.0,
            "slp_basis": "measured: iron, tissue",
            "tissue_factor": 1.0,
        },
        "timing": {"heating_end_s": HEATING_S, "end_s": END_S},
        "regions": regions,
        "core": {"time_s": time_s.tolist(), "temperature_c": core},
        "history": {
            "time_s": time_s.tolist(),
            "regions": history,
            "t90_slp_07_c": _course(time_s, 35.5, t90 - 2.2),
            "t90_slp_13_c": _course(time_s, 35.5, t90 + 2.1),
        },
        "histograms": _histograms(anatomy, fields),
        "goals": goals,
        "probes": {
            "tumour-centre": {
                "position_mm": (1e3 * TUMOUR_M).tolist(),
                "time_s": time_s.tolist(),
                "temperature_c": probe,
                "region": "tumour",
            }
        },
        "expected": [
            {
                "minute": m,
                "core_c": core[2 * m],
                "core_stop_above_c": 39.5,
                "tumour-centre_c": probe[2 * m],
                "tumour-centre_low_c": probe[0] + 0.7 * (probe[2 * m] - probe[0]),
                "tumour-centre_stop_above_c": probe[0] + 1.3 * (probe[2 * m] - probe[0]),
            }
            for m in (2, 5, 10, 20, 30)
        ],
        "checks": {
            "iron_mass_rel": 3e-6,
            "power_rel": 2e-5,
            "energy_balance_rel": 4e-4,
            "prediction_k": 0.03,
        },
        "iron": {
            "image_mg": 4.4,
            "mesh_mg": 4.31,
            "outside_mg": 0.09,
            "moved_mg": 0.41,
            "confined": True,
            "fwhm_mm": 3.0,
            "regions_raw": {**iron, "tumour": 0.63 * iron["tumour"]},
            "regions_confined": iron,
            "relative_uncertainty": 0.1,
            "registration": {
                "method": "landmarks",
                "source": "pairs.csv",
                "matrix_mm": [[1, 0, 0, 2.0], [0, 1, 0, -1.0], [0, 0, 1, 3.5], [0, 0, 0, 1]],
                "residual_mm": 0.31,
                "leave_one_out_mm": 0.52,
                "landmarks": {"nose": 0.2, "tail": 0.3, "left ear": 0.4, "right ear": 0.3},
                "targets": {
                    "tumour": {"displacement_mm": [2.0, -1.0, 3.5], "length_mm": 4.15, "expected_error_mm": 0.4}
                },
                "words": "The scan was moved into the anatomy's frame by paired landmarks (pairs.csv); residual 0.31 "
                "mm rms over 4 landmarks, leave-one-out 0.52 mm. By that the centroid of tumour was displaced by 4.2 "
                "mm (2.0 -1.0 3.5 mm, RAS), 0.4 mm of error to expect there.",
            },
        },
        "tracer": {"name": "synomag-d", "model": "mrsh"},
        "device": {
            "name": "berkeley-ffp",
            "kind": "ffp",
            "gradient_t_m": 2.35,
            "amplitude_mt": 13.0,
            "frequency_khz": 354.0,
            "drive_axis": [0, 0, 1],
            "to_device": [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]],
            "bore_radius_mm": 30.0,
        },
        "ffr": {"fwhm_along_mm": 7.03, "fwhm_across_mm": 10.4},
        "safety": {
            "h_f_a_m_s": 3.66e9,
            "h_f_r_a_s": 4.4e7,
            "eddy_w": 0.012,
            "eddy_mean_w_kg": 0.5,
            "eddy_local_w_kg": 2.9,
            "iron_w": {n: r["power_w"] for n, r in regions.items()},
            "absorbed_w": 0.25,
            "metabolic_w": 0.18,
            "thermoregulation_w": 0.03,
            "limits": [
                {
                    "name": "H f",
                    "value": 3.66e9,
                    "limit": 9.46e9,
                    "unit": "A/m/s",
                    "source": "[Hergt2007]",
                    "exceeded": False,
                }
            ],
        },
        "hottest": {
            "position_mm": (1e3 * anatomy.points_m[hottest]).tolist(),
            "region": "tumour",
            "temperature_c": float(fields["temperature_peak_c"][hottest]),
            "time_s": HEATING_S,
        },
        "alternatives": [
            {
                "name": "this plan",
                "t90_c": t90,
                "cem43t90_min": regions["tumour"]["cem43t90_min"],
                "core_c": 38.6,
                "limits_broken": [],
                "t90_within_limits_c": 44.1,
            },
            {
                "name": "no gradient",
                "t90_c": t90,
                "cem43t90_min": 10.0,
                "core_c": 41.5,
                "limits_broken": ["liver CEM43max 17 min > 2 min", "core Tmax 41.5 degC > 39.5 degC"],
                "t90_within_limits_c": 40.2,
            },
        ],
        "comparison": "The gradient buys 3.9 K.",
        "explanation": {
            "goal": "tumour CEM43T90 >= 10 min",
            "reach": 31.0,
            "unit": "min",
            "missed": [],
            "limits": [
                _cost("liver", "CEM43max", 2.0, 0.1, 0.7)
                | {"unit": "min", "per": "doubling", "gain_wider_k": 0.46, "gain_narrower_k": -2.3},
                _cost("core", "Tmax", 39.5, 39.4, 0.0) | {"active": True},
                _cost("skin", "Tmax", 43.0, 39.0, 0.0),
            ],
            "duty_gain_k": 0.06,
            "conflicts": [],
            "relaxations": [],
            "sentences": ["Within the limits tumour CEM43T90 could reach 31 min.", "There: 0.7 K of tumour T90."],
        },
        "pareto": {
            "goal": "tumour CEM43T90",
            "goal_unit": "min",
            "limit": "liver CEM43max",
            "limit_unit": "min",
            "limit_bound": 2.0,
            "points": [
                {
                    "bound": 0.1 * k,
                    "limit_value": 0.1 * k,
                    "goal_value": 3.0 * k,
                    "t90_c": 41.0 + 0.1 * k,
                    "cem43t90_min": 3.0 * k,
                    "core_c": 38.0,
                    "duty": 0.1 * k,
                    "others_at_bound": ["core Tmax"] if k > 5 else [],
                }
                for k in range(1, 11)
            ],
            "plan": {"goal_value": 11.0, "limit_value": 0.5},
            "complete": True,
        },
        "trajectory": _steering(),
        "optimizer": {
            "method": "sequential linear programs",
            "iterations": 7,
            "rom_size": 84,
            "rom_error_k": 0.004,
            "objective": 0.02,
        },
        "parameters": [
            {"name": "tumour perfusion", "value": 300, "unit": "mL/min/kg", "source": "protocol"},
            {"name": "liver conductivity", "value": 0.52, "unit": "W/m/K", "source": "[ITIS2024]"},
            {"name": "skin heat transfer", "value": 10, "unit": "W/m^2/K", "source": "protocol"},
        ],
        "warnings": ["The SLP was measured in tissue at one amplitude only."],
        "mesh": {
            "nodes": len(anatomy.points_m),
            "tetrahedra": len(anatomy.tets),
            "quality_min": 0.31,
            "quality_histogram": [0, 0, 3, 20, 80, 300, 900, 2000, 5000, 900],
            "skin_area_cm2": 52.0,
        },
        "solver": {
            "engine": "exact",
            "spectral_radius_1_s": 28.0,
            "exact_products": 3400.0,
            "implicit_products": 9000.0,
            "matrix_products": 3600,
            "feedback": False,
        },
        "provenance": {
            "versions": {"dolfinx": "0.11.0", "numpy": "2.4"},
            "inputs": {"mouse-mpi.mdf": "9f" * 32},
            "stages": [
                {"name": "mesh", "seconds": 3.1},
                {"name": "optimize", "seconds": 8.4},
                {"name": "verify", "seconds": 12.9},
            ],
            "peak_memory_mb": 880,
            "thermoplan": "0.1.0",
            "platform": "Linux x86-64",
        },
        "figures": {
            "slices": "figures/slices.png",
            "dose": "figures/dose.png",
            "scene_png": "figures/scene.png",
            "scene_html": "figures/scene.html",
        },
    }


def write_sample(run: Path, **changes: object) -> Path:
    """A run folder with ``plan.json`` and ``trajectory.csv``; ``changes`` replace entries of the plan."""
    anatomy = sample_anatomy()
    plan = sample_plan(anatomy, sample_fields(anatomy)) | changes
    (run / "figures").mkdir(parents=True, exist_ok=True)
    (run / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    steering = _steering()
    rows = ["# thermoplan trajectory", "start_s,dwell_s,x_mm,y_mm,z_mm,amplitude_mT"]
    for k, (position, share) in enumerate(zip(steering["path_mm"], steering["share"], strict=True)):
        rows.append(f"{k},{share:.4f},{position[0]:.3f},{position[1]:.3f},{position[2]:.3f},13.0")
    (run / "trajectory.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return run


def write_sample_fields(run: Path, anatomy: Anatomy, fields: dict[str, np.ndarray]) -> Path:
    """``fields.vtu`` of the sample, in metres, regions as integers with their names in field data."""
    write_fields(run / "fields.vtu", anatomy, fields)
    return run / "fields.vtu"
