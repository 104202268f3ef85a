"""Cache of reduced models: one that was made before is read, another is made and kept."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from ... import __version__, bioheat
from ...base.arrays import Array
from ...base.cache import content_digest, evict, is_cached, load_cached, store_cached
from ...base.progress import Stages
from ...bioheat import ThermalSystem
from ...bioheat.engines.reduced import ReducedModel, reduced_model

MODES = 200
"""Most modes of a reduced model; the shipped protocols need fifty to eighty to keep `TOLERANCE_K`."""
TOLERANCE_K = 0.01
"""Error of a reduced model: a tenth of what search and full model may differ by; half of it takes more modes."""
KEPT_BYTES = 2e9
"""Some thirty models of the shipped mouse; those that were not used for longest go first."""
_PREFIX = "reduced-"
_PARTS = {"rates_1_s", "modes", "inputs", "error_k"}


def cached_model(system: ThermalSystem, load_w: Array, duration_s: float, stages: Stages) -> ReducedModel:
    """`reduced_model`, kept under a hash of everything that it depends on: matrices, state before heating, loads,
    duration, settings and the code that makes it. Modes are kept, and returned, to seven digits.
    """
    name = _PREFIX + content_digest(
        f"{_code()} {MODES} {TOLERANCE_K} {float(duration_s)!r} {system.n_nodes}",
        (
            system.stiffness.data,
            system.stiffness.indices,
            system.stiffness.indptr,
            system.capacity_j_k,
            system.base_c,
            system.held,
            load_w,
        ),
    )
    saved = load_cached(name)
    if saved is not None and set(saved) >= _PARTS:
        stages.note(f"reduced model: taken from the cache ({name})")
        return _restore(saved, system)
    if is_cached(name):
        stages.note(f"reduced model: {name} in the cache is damaged: made anew")
    made = reduced_model(system, load_w, duration_s, n_modes=MODES, tolerance_k=TOLERANCE_K)
    saved = {
        "rates_1_s": made.rates_1_s,
        "modes": made.modes.astype(np.float32),
        "inputs": made.inputs,
        "error_k": np.array(made.error_k),
    }
    store_cached(name, saved)
    evict(f"{_PREFIX}*", KEPT_BYTES)
    return _restore(saved, system)


def regulate_model(model: ReducedModel, system: ThermalSystem, regulation_w_k: float) -> ReducedModel:
    """The model with a source of warmth whose power falls with each kelvin of the blood."""
    return model.exchanging(system.n_dof - 1, regulation_w_k) if regulation_w_k > 0.0 else model


def _restore(saved: dict[str, Array], system: ThermalSystem) -> ReducedModel:
    return ReducedModel(saved["rates_1_s"], saved["modes"], saved["inputs"], system.base_c, float(saved["error_k"]))


@cache
def _code() -> str:
    """Version of thermoplan, and what makes a reduced model: the whole room of heat, compiled parts too."""
    files = sorted(Path(bioheat.__file__).parent.rglob("*.py"))
    return content_digest(__version__ + "".join(file.read_text(encoding="utf-8") for file in files))
