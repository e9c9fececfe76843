"""The same training step in npae and in others: what `benchmarks.alternate` makes in a process of its own and times.

    ours.py       npae, and the bare matrix products below which no step can go
    pytorch.py    PyTorch: eager, fused Adam, torch.compile, CUDA graphs
    xla.py        JAX, compiled whole
    scikit.py     scikit-learn's MLPRegressor, an epoch at a time

A step is: gradient to zero, forward, cross-entropy from logits, backward, Adam with its defaults (η = 10⁻³), on one
batch that is in memory already, float32, on the device. All start from npae's first weights of seed 0. A class here is
made as kind(sizes, batch, **options); `package` is what it needs. `first_steps` takes FIRST steps and returns J and
∂J/∂θ (in npae's order) of the first, J of the last and Σ|θ| after it (None where the framework does not tell), so that
a run can show that they compute the same thing before it compares their speed.
"""

FIRST = 10  # steps: those of a CUDA graph are captured on the way, and then replayed
