"""npae: autoencoders from scratch on NumPy and CuPy, with every derivative written by hand beside its formula.

An autoencoder minimises, over its parameters θ,

    J(θ) = 1/B Σ_i ℓ(g(f(x̃_i)), x_i) + Σ_k λ_k Ω_k       f encoder, g decoder, x̃ corrupted x, ℓ loss, Ω penalties

and the package has a room for each of those words. In reading order:

    backend.py        NumPy or CuPy            memory.py         reused arrays
    products.py       matrix products          cublas.py         those of a captured step
    threads.py        long sweeps, all cores   files.py          whole files or none
    elementwise/      formulas, fused          noise.py          random numbers
    registry.py       names of classes
    parameters.py     θ, one vector            initializers.py   its first values
    buffers.py        statistics beside θ
    layers/           f and g, and their derivatives
    losses/           ℓ and ∂ℓ/∂z
    penalties/        Ω and ∂Ω/∂h, ∂Ω/∂θ
    optim/            θ ← θ − …
    data/             x
    models/           J(θ) and ∂J/∂θ
    architecture.py   models as data           store.py          model files
    train/            the loop
    detect/           anomalies                judge/           samples against data
    gradcheck.py      the proof                config.py         what it runs on

    from npae import fit, dense_autoencoder, mnist

    digits = mnist(which="sample")
    model = dense_autoencoder([784, 32])
    fit(model, digits.train_images.reshape(-1, 784), epochs=5)
    x_hat = model.reconstruct(digits.test_images.reshape(-1, 784))
"""

from npae import (
    anomaly,
    backend,
    data,
    evaluate,
    gradcheck,
    layers,
    losses,
    models,
    optim,
    penalties,
    serialization,
    train,
)
from npae.backend import show_config, tf32
from npae.data import mnist
from npae.models import (
    GAN,
    AdversarialAutoencoder,
    Autoencoder,
    Classifier,
    SemiSupervisedAutoencoder,
    Stacked,
    VariationalAutoencoder,
    convolutional_autoencoder,
    dense_autoencoder,
    variational_autoencoder,
)
from npae.serialization.model_files import load, save
from npae.train import fit
from npae.version import __version__ as __version__

__all__ = [
    "backend", "data", "anomaly", "gradcheck", "evaluate", "layers", "losses", "models", "optim",
    "penalties", "serialization", "train", "AdversarialAutoencoder", "Autoencoder", "Classifier", "GAN",
    "SemiSupervisedAutoencoder", "Stacked", "VariationalAutoencoder", "convolutional_autoencoder", "dense_autoencoder", "variational_autoencoder", "fit",
    "mnist", "load", "save", "show_config", "tf32",
]  # fmt: skip
