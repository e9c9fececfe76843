"""Opponents: the same training step in npae and in other frameworks, for `benchmarks.alternate`.

    ours.py       npae
    floor.py      its matrix products alone, a lower bound for every step
    pytorch.py    PyTorch: eager, fused Adam, torch.compile, CUDA graphs
    xla.py        JAX, the whole step compiled
    scikit.py     scikit-learn's MLPRegressor, one epoch at a time
    sparse_ours.py, sparse_pytorch.py      sparse autoencoders, for `benchmarks.sparse`

A step is: zero the gradient, forward, cross-entropy from logits, backward, Adam with its defaults (η = 10⁻³), on one
float32 batch that is already in the memory of the device. All start from npae's initial weights of seed 0. A class is
called as kind(sizes, batch, **options); `package` is what it needs. `first_steps` takes FIRST steps and returns J and
∂J/∂θ (in npae's order) of the first, and J of the last and Σ|θ| after it (None if the framework does not return them),
so that a run can show that all compute the same before it compares their speed.
"""

FIRST = 10  # number of steps; a CUDA graph is captured within them, and then replayed
