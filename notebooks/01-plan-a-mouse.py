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
# # Plan a mouse and read its report
#
# *Where should the field-free point go, for how long and how hard, so that a flank tumour gets its dose and the liver does not?*
#
# A plan starts from one file. This one is the shipped mouse; `thermoplan init my-study` copies it for your own.
# Here on a coarse mesh (`quick=True`); leave that out for the numbers that you would act on.

# %%
import matplotlib.pyplot as plt
import numpy as np

import thermoplan as tp

protocol = tp.read_protocol("../protocols/mouse-flank.toml")
protocol.tracer

# %%
protocol.device

# %% [markdown]
# The search works on a reduced model; what it finds is turned into stops that the machine can play, and the full
# model is solved again over exactly those stops. That is what is reported.

# %%
plan = tp.make_plan(protocol, quick=True, listener=tp.printed)
plan

# %% [markdown]
# Every number of the report is in `plan.record`. Each goal and each limit, those that hold by default included:

# %%
for goal in plan.record["goals"]:
    sign = "<=" if goal["sense"] == "at_most" else ">="
    print(f"{goal['region']:16} {goal['metric']:10} {goal['value']:8.3g} {sign} {goal['bound']:g} {goal['unit']:5}",
          "met" if goal["met"] else "MISSED")

# %% [markdown]
# T90 is the temperature that 90 % of a region exceeds. How fast does it rise, and what does the liver do meanwhile?

# %%
history = plan.record["history"]
minutes = np.array(history["time_s"]) / 60
for name in ("tumour", "liver", "spleen", "skin"):
    plt.plot(minutes, history["regions"][name]["t90_c"], label=f"{name}, T90")
plt.plot(minutes, plan.record["core"]["temperature_c"], "k--", label="core")
plt.xlabel("time, min"), plt.ylabel("temperature, °C"), plt.legend(bbox_to_anchor=(1, 1));

# %% [markdown]
# What would have been done by hand: the region parked at the tumour's centre, a raster over it, no gradient at all.

# %%
for way in plan.record["alternatives"]:
    print(f"{way['name']:22} T90 {way['t90_c']:.1f} °C, core {way['core_c']:.1f} °C; breaks: "
          f"{', '.join(way['limits_broken']) or 'nothing'}")

# %% [markdown]
# The whole report, as it is filed with the animal's records, and the same in 3D (drag to turn):

# %%
run = plan.write("../runs/notebook-01", force=True)
run.report()

# %%
run.view()
