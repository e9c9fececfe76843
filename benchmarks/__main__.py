"""Benchmarks: the time of a training step on this machine, in npae and in other frameworks.

    python -m benchmarks                      everything: about ten minutes on two cores
    python -m benchmarks --quick              everything, with more noise: two to five minutes
    python -m benchmarks train_step epoch     only these parts

Results go to runs/benchmarks: per part a JSON file, the printed text and pictures. `python -m benchmarks.page` puts the
results in benchmarks/results on the pages. `python -m benchmarks.lab` times single layers, for development.
"""

from benchmarks import suite
from benchmarks.suite import Part

PARTS = {
    "train_step": Part("a whole training step beside PyTorch, JAX and scikit-learn", "7 minutes", "1 to 3 minutes"),
    "crossover": Part("from which batch size and width the GPU is faster", "half a minute", "10 seconds"),
    "epoch": Part("a full MNIST epoch, and the time to reach a given error", "2 minutes", "half a minute"),
    "scaling": Part("cost against parameters, batch, depth and data; several processes", "40 seconds", "half a minute"),
}

if __name__ == "__main__":
    raise SystemExit(suite.main("benchmarks", __doc__, PARTS))
