"""Data of maps: gene counts of single cells, with their types, and digits. One .npz file per table of cells:

    counts (n, genes)     how many molecules of each gene were counted; or X (n, genes), log-normalised already
    total (n,)            molecules of all genes, if `counts` has some of the genes only; else the sum of its rows
    label (n,)            the type of each cell is label_names[label]

Preparation, with all numbers from the training cells:

    x_ig = ln(1 + s c_ig/t_i)        t_i the total of cell i, s the median of the totals: sizes of cells have no effect
    x_g  ← (x_g − mean)/deviation    of the 500 genes of the largest variance, limited to ±10

Luecken & Theis 2019, "Current best practices in single-cell RNA-seq analysis: a tutorial".
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from npae import mnist
from npae.backend import fit_text

FOLDER, FILES = "single_cell", {"blood cells": "pbmc68k_reduced.npz", "cell lines": "sc_mixology_5cl.npz"}
CREDITS = {
    "blood cells": "Blood cells: 10x Genomics, CC BY 4.0 (Zheng et al. 2017)",
    "cell lines": "Cell lines: Tian et al. 2019, MIT",
}
HOW = (
    "Blood cells are scanpy.datasets.pbmc68k_reduced() of the package scanpy, cell lines are those of "
    "github.com/LuyiTian/sc_mixology. Save counts (n, genes) or X, label (n,) and label_names by numpy.savez as "
    f"{' and '.join(FILES.values())} in $NPAE_DATA/{FOLDER}"
)
GENES, LIMIT, FOLDS, LEAST = 500, 10, 5, 100
SHORT = {  # names of 10x Genomics by markers, as a picture has room for them
    "CD4+/CD25 T Reg": "regulatory T", "CD4+/CD45RA+/CD25- Naive T": "naive CD4 T", "CD4+/CD45RO+ Memory": "memory T",
    "CD8+ Cytotoxic T": "CD8 T", "CD8+/CD45RA+ Naive Cytotoxic": "naive CD8 T", "CD14+ Monocyte": "monocyte",
    "CD19+ B": "B", "CD34+": "CD34+", "CD56+ NK": "NK", "Dendritic": "dendritic",
}  # fmt: skip


@dataclass
class Samples:
    """Rows with classes: x (n, d); total (n,), or None for rows that are prepared already; label (n,), names."""

    name: str
    x: Any
    label: Any
    names: list[str]
    total: Any = None
    folds: Any = None  # (n,): each row is held out in the fold of its number; −1: in none
    cells: bool = True
    credit: str = ""

    def splits(self):
        """Yield (training rows, held-out rows) of every fold, as the network takes them, and their labels."""
        for fold in range(self.folds.max() + 1):
            held = self.folds == fold
            x = prepared(self.x, self.total, ~held) if self.cells else self.x
            yield (x[~held], self.label[~held]), (x[held], self.label[held])


def prepared(x, total, train, genes=GENES):
    """The cells, (n, genes) of float32, as at the top of this file; means and choices from those that `train` selects.

    total: None for log-normalised x.
    """
    if total is not None:
        x = np.log1p(x * (np.median(total[train]) / total)[:, None])
    x = x[:, np.sort(np.argsort(-x[train].var(axis=0), kind="stable")[:genes])]
    deviation = x[train].std(axis=0)
    scaled = (x - x[train].mean(axis=0)) / np.where(deviation > 0, deviation, 1)
    return scaled.clip(-LIMIT, LIMIT).astype(np.float32)


def folds(label, n=FOLDS, seed=0):
    """The fold of each row, 0 to n − 1: each class is spread over all of them as evenly as possible."""
    rng, found = np.random.default_rng(seed), np.empty(len(label), int)
    for kind in np.unique(label):
        rows = rng.permutation(np.flatnonzero(label == kind))
        found[rows] = (np.arange(len(rows)) + rng.integers(n)) % n
    return found


def all_samples(settings):
    """The tables: that of --file, or those of $NPAE_DATA, else none, with a line on how to get them; then digits."""
    given = settings.own.file
    paths = {given.stem: given} if given else {name: _folder() / file for name, file in FILES.items()}
    missing = [] if given else [str(path) for path in paths.values() if not path.is_file()]
    if missing:
        where = f"no file {', '.join(missing)}" if os.environ.get("NPAE_DATA") else "NPAE_DATA is not set"
        print(fit_text(f"No cells: {where}. {HOW}."))
    for name, path in paths.items():
        if str(path) not in missing:
            try:
                cells = read(path, name)
            except (OSError, ValueError) as error:
                raise SystemExit(fit_text(f"--file: {error}" if given else str(error))) from error
            yield _fewer(cells, 200) if settings.quick else cells
    if not given:
        yield digits(settings)


def _folder():
    return Path(os.environ.get("NPAE_DATA", ""), FOLDER)


def _fewer(cells, n):
    rows = np.random.default_rng(0).permutation(len(cells.x))[:n]
    total = None if cells.total is None else cells.total[rows]
    return Samples(cells.name, cells.x[rows], cells.label[rows], cells.names, total, folds(cells.label[rows], 2),
                   credit=cells.credit)  # fmt: skip


def read(path, name):
    """The Samples of a file. FileNotFoundError; ValueError, with the reason, if it is not such a file."""
    try:
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
            found = {key: file[key] for key in ("counts", "X", "total", "label", "label_names") if key in file}
    except FileNotFoundError:
        raise
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise ValueError(f"{path}: expected an .npz file of arrays, got: {error}. {HOW}.") from error
    if not {"label", "label_names"} <= set(found) or not {"counts", "X"} & set(found):
        got = ", ".join(found) or "none of them"
        raise ValueError(f"{path}: expected the arrays counts or X, label and label_names, got {got}. {HOW}.")
    total = None
    if "counts" in found:
        total = np.asarray(found.get("total", found["counts"].sum(axis=-1, dtype=np.float64)), np.float64)
    x, label, names = found.get("counts", found.get("X")), found["label"], found["label_names"]
    check(path, x, total, label, len(names))
    return Samples(name, x.astype(np.float64), label.astype(int), [SHORT.get(str(n), str(n)) for n in names], total,
                   folds(label), credit=CREDITS.get(name, ""))  # fmt: skip


def check(path, x, total, label, kinds):
    """Raise ValueError unless these arrays are a table of cells with as many as `kinds` types."""
    if x.ndim != 2 or label.shape != x.shape[:1] or (total is not None and total.shape != x.shape[:1]):
        totals = "" if total is None else f", total {total.shape}"
        raise ValueError(f"{path}: expected (n, genes) numbers and (n,) labels, got {x.shape}, {label.shape}{totals}.")
    if len(x) < LEAST:
        raise ValueError(f"{path}: expected at least {LEAST} cells, got {len(x)}.")
    if label.dtype.kind not in "iu" or label.min() < 0 or label.max() >= kinds:
        got = f"{label.dtype} up to {label.max()}"
        raise ValueError(f"{path}: expected integer labels from 0 to {kinds - 1}, the last of label_names, got {got}.")
    if len(np.unique(label)) < 2:
        raise ValueError(f"{path}: expected cells of two types or more, got one.")
    bad = np.flatnonzero(~np.isfinite(x).all(axis=1))
    if len(bad):
        raise ValueError(f"{path}: expected finite numbers, got NaN or Inf in cell {bad[0]}. Leave such cells out.")
    if total is not None and (x.min() < 0 or not total.min() > 0):
        least = f"counts from {x.min():g}, totals from {total.min():g}"
        raise ValueError(f"{path}: expected counts of 0 or more and totals above 0, got {least}. Leave such cells out.")


def digits(settings):
    """Digits as rows of pixels in [0, 1]: the test digits are the only fold."""
    data = mnist(which="full" if settings.full else "sample")
    n, m = (1000, 200) if settings.quick else (None, None)
    parts = [(data.train_images[:n], data.train_labels[:n]), (data.test_images[:m], data.test_labels[:m])]
    x = np.concatenate([images.reshape(len(images), -1) for images, _ in parts]) / np.float32(255)
    label = np.concatenate([labels for _, labels in parts]).astype(int)
    folds = np.repeat([-1, 0], [len(images) for images, _ in parts])
    return Samples("digits", x, label, [str(k) for k in range(10)], folds=folds, cells=False)
