"""npae: autoencoders from scratch on NumPy and CuPy, with every derivative written by hand beside its formula.

An autoencoder minimises, over its parameters θ,

    J(θ) = 1/B Σ_i ℓ(g(f(x̃_i)), x_i) + Σ_k λ_k Ω_k       f encoder, g decoder, x̃ corrupted x, ℓ loss, Ω penalties

and the package has a folder for each of these terms: layers/ (f, g), losses/ (ℓ), penalties/ (Ω), optim/ (θ ← θ − …),
models/ (J and ∂J/∂θ), train/ (the loop), data/ (x). backend/ only computes the same numbers faster, or on a GPU: read
its first page, backend/__init__.py. Before these files, read demos/from_scratch/: each model on one page of NumPy.

Reading order

  The engine: every file comes after those that it imports.

    layers/base.py                      the contract: forward, backward, the chain rule
    layers/activations.py               h = φ(a)
    layers/initializers.py              first weights
    layers/dense.py                     h = φ(x W + b)
    layers/rectifiers.py                ReLU, leaky ReLU, ELU, SiLU, …
    layers/sequential.py                layers one after the other
    losses/base.py                      J = 1/B Σ_i ℓ
    losses/squared_error.py             ½ ‖x̂ − x‖²
    losses/binary_cross_entropy.py      −ln p(x), from logits
    models/base.py                      the contract of a model
    models/autoencoder.py               J(θ) and ∂J/∂θ
    gradcheck.py                        the proof: finite differences
    optim/base.py                       the contract of an optimizer
    optim/sgd.py                        gradient descent, momentum
    optim/adam.py                       Adam
    optim/clipping.py                   gradient clipping
    train/step.py                       one training step
    train/trainer.py                    the loop

  More autoencoders: regularised, denoising, stacked.

    layers/stochastic.py                layers with random numbers
    layers/corruption.py                denoising
    layers/dropout.py                   dropout
    layers/normalization.py             batch normalization
    layers/reshape.py                   flatten, reshape
    layers/slice.py                     some of the columns
    layers/top_k.py                     k-sparse codes
    layers/sparse/                      few active units, directions of unit norm
    layers/tied.py                      h Wᵀ + b
    layers/output.py                    the last activation of a network
    penalties/base.py                   λΩ
    penalties/sparsity.py               KL(ρ ‖ ρ̂) and L1
    penalties/l0.py                     the number of active units
    penalties/weight_decay.py           ½ ‖W‖²
    penalties/contractive.py            ‖∂h/∂x‖²
    models/dense.py                     from a list of sizes
    data/files/shown.py                 what messages show of files
    data/files/array_file.py            rows of a file
    data/files/safetensors_header.py    where its tensors are
    data/files/int8_scale.py            numbers of 8 bits
    data/files/open_array.py            .npy and safetensors
    data/block_order.py                 a random order that disks read sequentially
    data/block_buffer.py                blocks of rows in memory
    data/shards.py                      rows from many files
    data/sources.py                     what is accepted as data
    layers/softmax.py                   softmax, and as the head of a code
    losses/softmax_cross_entropy.py     −ln p(y)
    losses/masked_cross_entropy.py      some labels unknown
    models/wrapper.py                   a model that is one of its parts
    models/classifier.py                a network under softmax cross-entropy
    models/rbm.py                       restricted Boltzmann machines, contrastive divergence
    models/stacked.py                   greedy layer-wise pretraining
    models/phases.py                    several objectives
    models/sparse/                      dictionaries with few active units

  Images.

    layers/patches.py                   the windows of a convolution
    layers/convolve.py                  products of patches
    layers/conv.py                      convolution
    layers/conv_transpose.py            its adjoint
    layers/windows.py                   maxima and sums over the windows of images
    layers/pooling.py                   max and average pooling
    layers/upsample.py                  every pixel several times
    models/convolutional.py             from a list of channels
    models/data_dependent_init.py       first weights from data

  Generative models.

    layers/sampling.py                  z = μ + σε
    losses/gaussian.py                  −ln N(x; x̂, s²)
    penalties/gaussian_kl.py            KL(q(z|x) ‖ N(0, 1))
    models/variational/bounds.py        the importance-weighted bound
    models/variational/likelihood.py    estimates of ln p(x)
    models/variational/model.py         the ELBO and the model
    models/variational/dense.py         from a list of sizes
    losses/adversarial.py               discriminator and generator
    models/adversarial/priors.py        p(z)
    models/adversarial/sampler.py       draws from a prior
    models/adversarial/game.py          one adversarial step
    models/adversarial/gan.py           generative adversarial networks
    models/adversarial/rejection.py     samples that the discriminator accepts
    models/adversarial/autoencoder.py   adversarial autoencoders
    models/adversarial/parts.py         codes of several parts
    models/adversarial/semi_supervised.py   one part is the class
    models/latent/paths.py              interpolation
    models/latent/mixture.py            a mixture of Gaussians over codes

  Training, data, evaluation.

    optim/schedules.py                  learning rates
    optim/phased.py                     an optimizer for each objective
    train/learning_curves.py            a picture of the losses
    train/overflow.py                   moments beyond the range
    train/epoch_means.py                the epoch under way
    train/history.py                    what is recorded
    train/differences.py                two runs compared
    train/saved_run.py                  what a checkpoint says
    train/callbacks.py                  early stopping and others
    train/logs.py                       lists, tables, TensorBoard
    train/averaging.py                  the moving average of θ
    train/bar.py                        the progress bar
    train/progress.py                   bars and lines
    train/interrupt.py                  Ctrl-C
    train/last_step.py                  the weights of the last step
    serialization/                      models as data, and in files
    train/checkpoint.py                 runs in files
    data/augment.py                     fresh variants of samples
    data/minibatches.py                 minibatches
    train/health.py                     first weights, dead units
    evaluate/                           samples and data compared, Jacobians measured, the health of sparse codes
    train/sparse.py                     training sparse autoencoders
    data/warp.py                        rotations, shears, stretches
    train/cuda_graph/                   the step as one CUDA graph
    train/parallel/                     several processes, each on its cores and its GPU
    train/fit.py                        all of it in one call
    data/files/                         readers of untrusted files
    data/sets/                          MNIST, faces, tables with anomalies, few labels
    anomaly/                            the detector of anomalies: distances, thresholds, files

  For other libraries.

    estimators/                         scikit-learn's estimators
    export/                             ONNX, safetensors, PyTorch

The shortest program:

    from npae import dense_autoencoder, fit, mnist
    model = dense_autoencoder([784, 32])
    fit(model, mnist(which="sample").train_images.reshape(-1, 784), epochs=5)
"""

from typing import TYPE_CHECKING

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
from npae.anomaly import AnomalyDetector, load_detector, save_detector
from npae.backend import DataWarning, on_demand, show_config, tf32
from npae.data import mnist
from npae.models import (
    GAN,
    AdversarialAutoencoder,
    Autoencoder,
    Classifier,
    GatedSparseAutoencoder,
    SemiSupervisedAutoencoder,
    SparseAutoencoder,
    Stacked,
    VariationalAutoencoder,
    convolutional_autoencoder,
    dense_autoencoder,
    variational_autoencoder,
)
from npae.optim import SGD, Adam, AdamW, Cosine, Plateau, WarmUp
from npae.serialization import load, save
from npae.train import Checkpoint, CSVLog, EarlyStopping, ExponentialMovingAverage, History, TensorBoard, fit
from npae.version import __version__ as __version__

if TYPE_CHECKING:
    from npae import estimators as estimators
    from npae import export as export
else:
    __getattr__, __dir__ = on_demand(__name__, "estimators", "export")

__all__ = [
    "anomaly", "backend", "data", "evaluate", "gradcheck", "layers", "losses", "models", "optim", "penalties",
    "serialization", "train", "AdversarialAutoencoder", "Autoencoder", "Classifier", "GAN", "GatedSparseAutoencoder",
    "SemiSupervisedAutoencoder", "SparseAutoencoder", "Stacked", "VariationalAutoencoder",
    "convolutional_autoencoder", "dense_autoencoder", "variational_autoencoder", "fit", "History", "Checkpoint",
    "CSVLog", "EarlyStopping", "ExponentialMovingAverage", "TensorBoard", "SGD", "Adam", "AdamW", "Cosine", "Plateau",
    "WarmUp", "AnomalyDetector", "load_detector", "save_detector", "mnist", "load", "save", "show_config", "tf32",
    "DataWarning",
]  # fmt: skip
