"""The lab: the time of every layer, loss and optimizer by itself, for the development of npae.

    python -m benchmarks.lab                  everything: about four minutes on two cores
    python -m benchmarks.lab layers --quick   only this part, with more noise
    python -m benchmarks.lab kernels probes --device gpu      the time of every kernel of a step; of single GPU calls

Results go to runs/benchmarks. `python -m benchmarks.lab.seeds`, which trains for hours, is a command by itself.
"""

from benchmarks import suite
from benchmarks.suite import Part

PARTS = {
    "layers": Part(
        "every kind of layer, loss and optimizer beside the plain text of its formula", "35 seconds", "15 seconds"
    ),
    "layer_by_layer": Part(
        "the layers of convolutional networks, each by itself, beside PyTorch's", "3 minutes", "1 minute"
    ),
    "programs": Part(
        "whole programs on all of MNIST beside PyTorch's and JAX's", "10 minutes", "half a minute", named=True
    ),
    "kernels": Part("the time of every kernel of a training step on a GPU", "1 minute", "half a minute", named=True),
    "probes": Part("what single GPU calls cost the host and the device", "1 minute", "10 seconds", named=True),
}

if __name__ == "__main__":
    raise SystemExit(suite.main("benchmarks.lab", __doc__, PARTS))
