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
# # Mild hyperthermia or ablation?
#
# *The same mouse and the same machine: a steady 41 to 44 °C for half an hour, or 46 °C and more for a quarter of one?*

# %%
import matplotlib.pyplot as plt
import numpy as np

import thermoplan as tp

plans = {name: tp.make_plan(f"../protocols/{name}.toml", quick=True) for name in ("mild", "ablation")}

# %%
plans["mild"]

# %%
plans["ablation"]

# %% [markdown]
# The coldest and the hottest tenth of the tumour over time:

# %%
for (name, plan), colour in zip(plans.items(), ("C0", "C3"), strict=True):
    course = plan.record["history"]["regions"]["tumour"]
    minutes = np.array(plan.record["history"]["time_s"]) / 60
    plt.fill_between(minutes, course["t90_c"], course["t10_c"], color=colour, alpha=0.3, label=f"{name}: T90 to T10")
    plt.plot(minutes, course["t50_c"], color=colour)
plt.xlabel("time, min"), plt.ylabel("tumour, °C"), plt.legend();

# %% [markdown]
# Dose doubles with every degree, so ablation reaches in minutes what mild heating never does; and the price is paid nearby:

# %%
print(f"{'region':14}{'mild':>12}{'ablation':>12}   CEM43, hottest mm3, minutes")
for region in ("tumour", "skin", "liver", "spleen", "body"):
    doses = [plan.record["regions"][region]["cem43_max_min"] for plan in plans.values()]
    print(f"{region:14}" + "".join(f"{dose:12.2g}" for dose in doses))

# %% [markdown]
# How much of the tumour got at least a given dose: cumulative dose-volume histograms, weighted by the elements' volumes.

# %%
for name, plan in plans.items():
    histogram = plan.record["histograms"]["tumour"]
    plt.semilogx(histogram["cem43_min"], 100 * np.array(histogram["dose_fraction"]), label=name)
plt.xlabel("CEM43, min"), plt.xlim(left=0.5), plt.ylabel("volume with at least that, %"), plt.legend();
