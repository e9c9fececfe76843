"""Maps of cells: an autoencoder, PCA and UMAP.

Genes that single cells express, and digits, reduced to 2 numbers (a map) and to 10.

    cells     500-256-128-64-k and back, ELU, a linear code, Gaussian noise of 1 on the input    J = ½ ‖x̂ − x‖²
    digits    784-256-128-64-k and back, ELU, a linear code                                      J = −ln p(x)

Blood cells: 700 of ten types (Zheng et al. 2017). Cell lines: 571 of five lung cancers (Tian et al. 2019). Each cell is
held out once, in one of five folds: genes, means, network, PCA and UMAP (the package umap-learn, if it is installed,
with its defaults) see the four others. Labels are used for measures and colours only. Measures of held-out rows: the
fraction of the 15 nearest training rows that are among the 15 nearest in the code, trustworthiness
(npae/evaluate/neighbours.py); the accuracy of a classifier by the five nearest training codes, silhouette; seconds.

    python -m demos.cells                    $NPAE_DATA/single_cell, and the embedded digits
    python -m demos.cells --file CELLS.npz   a table of your own: counts (n, genes), label (n,), label_names

Expected of maps, neighbours kept and classes right, in percent (autoencoder; PCA; UMAP): blood cells 24 and 76; 20 and
68; 27 and 74. Cell lines 38 and 99.6; 24 and 94; 40 and 100. Digits 14 and 74; 4 and 41; 23 and 87. Of codes of 10
numbers the autoencoder's has the highest trustworthiness in all three. 4 minutes.
Pictures: blood_cells.png, cell_lines.png, digits.png.
"""

from demos import common, figures
from demos.baselines import neighbour_error
from demos.cells_data import all_samples
from demos.reductions import MEASURES, measured, reductions
from demos.results import key
from npae.backend import as_path, fit_text

SIZES = (2, 10)
OPTIONS = {"file": {"type": as_path, "metavar": "CELLS.npz", "help": "a table of cells in place of all others"}}


@common.demo("cells", __doc__, epochs=100, quick_epochs=8, own=OPTIONS)
def main(settings):
    """Reduce every table in every way, measure, draw."""
    methods = reductions(settings)
    for samples in all_samples(settings):
        print(fit_text(described(samples)))
        table, maps = settings.table(f"{samples.name}, held out", MEASURES, published=None), []
        for size in SIZES:
            for name, reduce in methods.items():
                path = settings.out / f"{key(samples.name)}_{size}.npz"
                measures, first = measured(settings, samples, reduce, size, path)
                table.add(f"{name}, {size} numbers", measures, prefix=f"{key(samples.name)}_{key(name)}_{size}")
                if size == 2:
                    maps.append((f"{name}\n{caption(measures)}", *first))
        table.add("the data themselves", of_data(samples), prefix=f"{key(samples.name)}_data")
        settings.metrics |= {f"{key(samples.name)}_credit": samples.credit} if samples.credit else {}
        figures.class_maps(settings.out / f"{key(samples.name)}.png", maps, samples.names, samples.credit)


def described(samples):
    """A line about the samples: how many, of what."""
    if samples.cells:
        return (f"Data: {len(samples.x):,} {samples.name} of {len(samples.names)} types, {samples.x.shape[1]:,} genes; "
                f"each is held out in one of {samples.folds.max() + 1} folds.")  # fmt: skip
    held = int((samples.folds == 0).sum())
    return f"Data: {len(samples.x) - held:,} training digits, {held:,} test digits."


def caption(measures):
    """Two measures of a map, for its title."""
    return (f"{measures['neighbours_kept_percent']:.0f} % of neighbours kept, "
            f"{measures['5_nearest_neighbours_accuracy_percent']:.1f} % of classes right")  # fmt: skip


def of_data(samples):
    """The accuracy of the nearest neighbours without any reduction."""
    right = [(len(new), 1 - neighbour_error(x, y, new, new_y)) for (x, y), (new, new_y) in samples.splits()]
    total = sum(n for n, _ in right)
    return {"5_nearest_neighbours_accuracy_percent": 100 * sum(n * share for n, share in right) / total}


if __name__ == "__main__":
    main()
