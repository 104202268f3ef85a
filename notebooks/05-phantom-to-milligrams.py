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
# # From a measured MPI phantom to milligrams
#
# *An MPI image holds signal, not iron. How is it calibrated, and how far is the result to be trusted?*
#
# The phantom was measured by others: eight cubes of tracer, 5.85 to 100 mmol of iron per litre, on a Bruker scanner. Its slices
# and its licence lie in `data/openmpi-concentration` (Knopp et al., Data in Brief 2020, CC BY 4.0).

# %%
import matplotlib.pyplot as plt
import numpy as np

import thermoplan as tp

folder = "data/openmpi-concentration"
image = tp.read_volume(f"{folder}/yz-2.nii.gz")
chambers = tp.in_view(image, tp.read_fiducials(f"{folder}/chambers.csv"))
plt.imshow(np.squeeze(image.data).T, cmap="cividis", origin="lower", aspect="auto"), plt.colorbar(label="signal, a.u.")
plt.xlabel("along A, voxels"), plt.ylabel("along S, voxels"), plt.title("one slice, with four chambers in it");

# %% [markdown]
# Calibrate on the strongest chamber alone, as one would with a single fiducial, and look at the others: the weak ones read low.
# That is told as uncertainty of every mass, so the truth lies in the stated interval.

# %%
readings = sorted(tp.fiducial_readings(image, chambers, "everything"), key=lambda r: -r.iron_kg)
curve = tp.standard_curve(readings[:1], through_zero=True).checked_against(readings)
print("chamber  known ug  found ug  found/known  95 % interval, ug")
for reading in readings:
    mass = curve.iron(reading.signal, reading.sd)
    low, high = (1e9 * v for v in mass.interval_kg)
    print(f"{reading.name:>7}{reading.iron_kg * 1e9:10.1f}{mass.kg * 1e9:10.1f}{mass.kg / reading.iron_kg:13.2f}"
          f"{low:12.1f} to {high:.1f}")

# %%
for text in curve.warnings:
    print("-", text)

# %% [markdown]
# A curve through all four is better; its detection limit and lack of fit come with it.

# %%
curve = tp.standard_curve(readings)
known, signal = (1e9 * np.array([getattr(r, key) for r in readings]) for key in ("iron_kg", "signal"))
plt.plot(known, signal, "o", label="chambers")
plt.plot([0, 50], [1e9 * curve.intercept, 1e9 * curve.intercept + 50 * curve.slope], label=f"fit, R2 = {curve.r2:.3f}")
plt.xlabel("known iron, ug"), plt.ylabel("signal summed, a.u."), plt.legend();

# %% [markdown]
# Where no truth is known, make one: a digital scanner turns a known distribution into an image, and the same steps lead back.

# %%
truth = np.zeros((40, 40, 40))
truth[16:24, 16:24, 16:24] = 4.0  # 4 mg/mL in a cube of 4 mm
iron = tp.Image(truth, np.diag([5e-4, 5e-4, 5e-4, 1.0]))
rng = np.random.default_rng(1)
scan = tp.scanned(iron, tp.GaussianPsf(2e-3), voxel_m=1e-3, noise_kg_m3=0.02, rng=rng, sensitivity=30.0)
samples = [tp.Reading(f"{m} ug", m * 1e-9, 30.0 * m * 1e-9, 1e-9) for m in (20, 50, 100, 200)]
found = tp.quantified(scan, tp.standard_curve(samples), rule="everything")
low, high = (1e6 * v for v in found.total.mass.interval_kg)
print(f"truth {iron.integral() * 1e6:.4f} mg, found {found.total.mass.kg * 1e6:.4f} mg ({low:.4f} to {high:.4f})")

# %%
found.iron

# %% [markdown]
# A blurred image is not where the iron is: the scanner put this share of it outside the cube. A plan moves iron that lies within one
# width of a region back into it, mass conserved (`[iron] fwhm`).

# %%
inside = np.abs(scan.positions_m(np.argwhere(np.ones(scan.shape))) - 9.75e-3).max(axis=1) <= 2e-3
print(f"{1 - found.iron.image.data.ravel()[inside].sum() / found.iron.image.data.sum():.0%} of the iron lies outside")
