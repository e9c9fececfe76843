"""Results: maps of cells and of digits, by an autoencoder, PCA and UMAP."""

from benchmarks.published.grid import Grid
from benchmarks.published.runs import Run
from benchmarks.published.table import Measure

CELLS = Run("cells_full", "demos.cells")

TABLES = ("blood cells", "cell lines", "digits")
SIZES = (2, 10)
METHODS = {"autoencoder": "autoencoder", "pca": "PCA", "umap": "UMAP"}  # in the metrics, head


def reading(measure):
    """{table and size of the code: {method: value}}."""

    def read(run):
        return {
            f"{table}, {size} numbers": {
                head: run[f"{table.replace(' ', '_')}_{method}_{size}_{measure}"] for method, head in METHODS.items()
            }
            for table in TABLES
            for size in SIZES
        }

    return read


NEIGHBOURS = Grid("15 nearest neighbours kept, %", CELLS, reading("neighbours_kept_percent"),
                  Measure("neighbours kept, %", ".1f", max))  # fmt: skip
CLASSES = Grid("5-NN accuracy, %", CELLS, reading("5_nearest_neighbours_accuracy_percent"),
               Measure("5-NN accuracy, %", ".1f", max))  # fmt: skip
SECONDS = Grid("seconds", CELLS, reading("seconds"), Measure("seconds", ".1f", min))
