"""Heartbeats: those of ECG5000, or artificial ones where the file is missing.

ECG5000 has 5,000 beats of one patient with heart failure, 140 numbers each, every beat standardised: 2,919 normal ones
and 2,081 of four abnormal kinds. From PhysioNet's BIDMC database (Goldberger et al. 2000), prepared by Chen et al. 2015
for the UCR archive of time series.

An artificial beat is a sum of five bumps, the waves P, Q, R, S and T (McSharry, Clifford, Tarassenko & Smith 2003, "A
dynamical model for generating synthetic electrocardiogram signals"), with random heights, widths and places:

    x(t) = Σ_k a_k exp(−½ (t − t_k)²/w_k²) + noise

The abnormal ones are of three kinds: a wide R wave that comes early, without P; a T wave upside down; a flat ST segment
raised above the line.
"""

from dataclasses import replace

import numpy as np

from npae.backend import fit_text
from npae.data import Table, data_folder, read_npz

WAVES = {  # height, place in the beat from 0 to 1, width
    "P": (0.25, 0.20, 0.030), "Q": (-0.25, 0.34, 0.012), "R": (2.2, 0.38, 0.016), "S": (-0.6, 0.42, 0.014),
    "T": (0.6, 0.66, 0.050),
}  # fmt: skip
MISSING = (
    "ECG5000: there is no ecg5000/ecg5000.npz in $NPAE_DATA, with X (5000, 140) and y, 1 for an abnormal beat. Make it "
    "from timeseriesclassification.com, data set ECG5000, whose class 1 is normal. Here are artificial beats instead."
)


def heartbeats(settings):
    """The Table of the beats; y says which are abnormal. With --quick a part of them."""
    folder = data_folder("ecg5000")
    path = folder / "ecg5000.npz" if folder is not None else None
    if path is None or not path.is_file():
        print(fit_text(MISSING))
        table = artificial(600 if settings.quick else 3000, settings.seed)
    else:
        table = read_npz(path)
    if table.x.shape[1] != 140:
        raise ValueError(f"{table.path}: expected beats of 140 numbers, got {table.x.shape[1]}.")
    if settings.quick:
        some = np.random.default_rng(settings.seed).permutation(len(table.x))[:1000]
        table = replace(table, x=table.x[some], y=table.y[some])
    print(fit_text(f"Data: {(~table.y).sum():,} normal and {table.y.sum():,} abnormal heartbeats."))
    return table


def artificial(n, seed):
    """A Table of n artificial beats, two of five abnormal."""
    rng, t = np.random.default_rng(seed), np.linspace(0, 1, 140)
    x, odd = np.empty((n, 140)), np.arange(n) % 5 < 2
    for i in range(n):
        waves = dict(WAVES)
        kind = rng.integers(3) if odd[i] else None
        if kind == 0:
            waves |= {"P": (0, 0.2, 0.03), "R": (1.6, 0.30, 0.050)}
        elif kind == 1:
            waves["T"] = (-0.5, 0.66, 0.050)
        elif kind == 2:
            waves["ST"] = (0.7, 0.52, 0.060)
        a, place, width = np.array(list(waves.values())).T
        a, width = a * rng.lognormal(0, 0.12, len(a)), width * rng.lognormal(0, 0.08, len(a))
        place = place + rng.normal(0, 0.006, len(a))
        x[i] = (a * np.exp(-((t[:, None] - place) ** 2) / (2 * width**2))).sum(axis=1) + rng.normal(0, 0.03, 140)
    x = (x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True)
    return Table(x, odd, "artificial heartbeats", None)
