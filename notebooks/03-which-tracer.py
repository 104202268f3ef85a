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
# # Which tracer?
#
# *Of the tracers that MPI groups use, which heat, and which focus?*
#
# The eight of the review's Table 1, as the library has them. Most were never measured as heaters: what a fit or an assumption is,
# the library says.

# %%
from dataclasses import replace

import matplotlib.pyplot as plt

import thermoplan as tp

machine = tp.library_devices()["berkeley-ffp"]
tracers = tp.library_tracers()
print(", ".join(tracers))

# %%
tracers["ferucarbotran"]

# %% [markdown]
# SLP at 13 mT and 354 kHz, and the full width of the field-free region at 2.35 T/m. Nothing here is scaled to a measurement, so
# read it as a ranking within a factor of several. `high-slp` is a particle made to heat, for comparison.

# %%
fields = {"amplitude_t": machine.amplitude_t, "frequency_hz": machine.frequency_hz}
rows = {name: (tp.slp_point(t, **fields), tp.ffr_widths_m(t, machine)) for name, t in tracers.items()}
print(f"{'tracer':22}{'W/g Fe':>8}{'omega tau':>11}{'along mm':>10}{'across mm':>11}")
for name, (point, (along, across)) in rows.items():
    remark = "  no focus across: wider than the bore" if tp.focus_remarks(machine, widths_m=[across]) else ""
    print(f"{name:22}{point.slp_w_kg / 1e3:8.0f}{point.omega_tau:11.2f}{along * 1e3:10.1f}{across * 1e3:11.1f}{remark}")

# %% [markdown]
# Particles that lag far behind the drive (omega tau above 5) are hardly quenched by a field across it: they heat wherever they are
# in that direction, and the model, which lets them turn freely, is at its end. A width beyond the bore of 60 mm, such as metres,
# is no size of a focus: it says that there is none.

# %%
names = list(rows)
plt.barh(names, [rows[name][0].slp_w_kg / 1e3 for name in names])
plt.xlabel("SLP at 13 mT, 354 kHz, a priori, W per g of iron"), plt.gca().invert_yaxis();

# %% [markdown]
# Why a model alone is not enough: the same core, a nanometre larger or smaller.

# %%
synomag = tracers["synomag-d-bimodal"]
for change_nm in (-1.0, 0.0, 1.0):
    modes = tuple(replace(m, core_diameter_m=m.core_diameter_m + change_nm * 1e-9) for m in synomag.populations)
    slp = tp.slp_point(replace(synomag, populations=modes), **fields).slp_w_kg / 1e3
    print(f"cores {change_nm:+.0f} nm: {slp:5.0f} W per g of iron")

# %% [markdown]
# So give a measured SLP, with its basis (per gram of iron or of oxide) and its medium. From water to tissue a factor is due.

# %%
measured = {"value": "250 W/g", "basis": "iron", "medium": "water", "amplitude": "13 mT", "frequency": "354 kHz"}
protocol = tp.read_protocol("../protocols/mouse-flank.toml", {"tracer.measured_slp": measured})
print(protocol.tracer.slp_source)
