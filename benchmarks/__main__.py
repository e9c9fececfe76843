"""Benchmarks: the time of a training step on this machine, in npae and in other frameworks.

    python -m benchmarks                      everything: about a quarter of an hour on two cores
    python -m benchmarks --quick              everything, with more noise: two or three minutes
    python -m benchmarks train_step epoch     only these parts

Results go to runs/benchmarks: per part a JSON file, the printed text and pictures. `python -m benchmarks.page` puts the
results in benchmarks/results on the pages. `python -m benchmarks.lab` times single layers, for development.
"""

from benchmarks import suite

PARTS = {
    "train_step": "a whole training step beside PyTorch, JAX and scikit-learn",
    "crossover": "from which batch size and width the GPU is faster",
    "epoch": "a full MNIST epoch, and the time to reach a given error",
    "scaling": "cost against parameters, batch, depth and data; several processes",
}

if __name__ == "__main__":
    raise SystemExit(suite.main("benchmarks", __doc__, PARTS))
