# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # How wrong can the plan be?
#
# *Perfusion, the amount of iron, the heating of the particles and the registration of the two images are all known badly. Which
# of them decides?*
#
# Plan once; then play the same trajectory in animals that are not as we thought.

# %%
from pathlib import Path

import matplotlib.pyplot as plt

import thermoplan as tp

PROTOCOL = "../protocols/mouse-flank.toml"
plan = tp.make_plan(PROTOCOL, quick=True)
trajectory = plan.write("../runs/notebook-06", force=True).folder / "trajectory.csv"
plan

# %% [markdown]
# A change is a key of the protocol. A scan that lies 2 mm off along the body is a registration that we did not know of.

# %%
slp = "tracer.measured_slp.value"
scenarios = {
    "SLP x 0.7": {slp: "175 W/g"}, "SLP x 1.3": {slp: "325 W/g"},
    "tumour perfusion / 2.5": {"tissues.tumour.perfusion": "4e3 W/m^3/K"},
    "tumour perfusion x 2.5": {"tissues.tumour.perfusion": "2.5e4 W/m^3/K"},
    "scan 2 mm off along the body": {"iron.registration": "../runs/notebook-06/shift.txt"},
    "room at 30 °C": {"boundary.skin.ambient": "30 degC"},
}
shift = "1 0 0 0\n0 1 0 0\n0 0 1 2\n0 0 0 1\n"

# %%
def played(changes):
    """Tumour T90 over the hold, its CEM43T90 and the core's maximum, for the same trajectory."""
    protocol = tp.read_protocol(PROTOCOL, changes)
    record = tp.simulate(protocol, trajectory, quick=True).record
    tumour = record["regions"]["tumour"]
    return tumour["t90_hold_c"], tumour["cem43t90_min"], max(record["core"]["temperature_c"])

Path("../runs/notebook-06/shift.txt").write_text(shift)
planned = played({})
found = {name: played(changes) for name, changes in scenarios.items()}

# %%
print(f"{'':32}{'T90 °C':>8}{'CEM43T90 min':>14}{'core °C':>9}")
for name, (t90, dose, core) in {"as planned": planned, **found}.items():
    print(f"{name:32}{t90:8.1f}{dose:14.2g}{core:9.1f}")

# %% [markdown]
# In kelvins of tumour T90:

# %%
effect = {name: t90 - planned[0] for name, (t90, _, _) in found.items()}
order = sorted(effect, key=lambda name: abs(effect[name]))
plt.barh(order, [effect[name] for name in order])
plt.axvline(0, color="k", lw=0.8), plt.xlabel("change of tumour T90, K");

# %% [markdown]
# A dose that goes with two to the power of a temperature cannot be known well before the first reading. A short shot at low power
# with one probe in the tumour settles SLP and perfusion together: see `thermoplan test-shot --help`.
