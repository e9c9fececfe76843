"""Benchmarks: the time of a training step on this machine, in npae and in other frameworks.

    python -m benchmarks                            everything: about 14 minutes on two cores
    python -m benchmarks --quick                    the first rows of everything, with more noise: a minute
    python -m benchmarks train_step epoch           only these parts
    python -m benchmarks --minutes 8 --device gpu   the most important rows on a GPU, in at most eight minutes
    python -m benchmarks smoke --device gpu         does everything run on this GPU, and equal the CPU?

Results go to runs/benchmarks: per part a JSON file, the printed text and pictures. `python -m benchmarks.page` puts the
results in benchmarks/results on the pages. `python -m benchmarks.lab` times single layers, for development.
"""

from benchmarks import suite
from benchmarks.suite import Part

PARTS = {  # in the order of their worth
    "train_step": Part(
        "a whole training step beside PyTorch, JAX and scikit-learn", "8 minutes", "half a minute", share=0.65
    ),
    "epoch": Part("a full MNIST epoch, and the time to reach a given error", "2 minutes", "10 seconds", share=0.2),
    "crossover": Part("from which batch size and width the GPU is faster", "half a minute", "3 seconds", share=0.15),
    "scaling": Part("cost against parameters, batch, depth and data; several processes", "40 seconds", "5 seconds"),
    "sparse": Part("a step of a sparse autoencoder of hidden states beside PyTorch", "3 minutes", "10 seconds"),
    "smoke": Part("does everything run on this device, and equal the CPU?", "20 seconds", "the same", named=True),
}

if __name__ == "__main__":
    raise SystemExit(suite.main("benchmarks", __doc__, PARTS))
