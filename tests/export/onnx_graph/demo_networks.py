"""All networks of the demos in ONNX: `python -m tests.export.onnx_graph.demo_networks` prints docs/export.md's table.

Each network has the size that its demo has without --quick. Its parameters are the initial ones plus noise, so that no
bias is 0, and its running statistics are random too: a mistake in any of them would show. Inputs are digits.
"""

from types import SimpleNamespace

import numpy as np

from npae import (
    Autoencoder,
    Classifier,
    SparseAutoencoder,
    VariationalAutoencoder,
    convolutional_autoencoder,
    dense_autoencoder,
    mnist,
)
from npae import variational_autoencoder as vae
from npae.anomaly import AnomalyDetector
from npae.backend import Stream
from npae.export import to_onnx
from npae.layers import BatchTopK, Dense, GaussianNoise, JumpReLU, Sequential, TopK
from npae.losses import SquaredError
from npae.models import GaussianPrior, RingPrior, Stacked, conv_decoder, conv_encoder
from tests.export.common import relative, run

ROWS = 32


def networks():
    """Yield (demo, network, model, input shape) for every architecture that the demos train."""
    from demos import (
        aae,
        clusters,
        codes2d,
        contractive,
        conv,
        deep,
        faces,
        frey,
        gan,
        latent,
        overcomplete,
        reduction,
        reductions,
        semi_supervised,
        stacked,
    )
    from demos.conv_denoising import KINDS
    from demos.denoising import KINDS as NOISES

    rows, image = (784,), (1, 28, 28)
    yield "simple", "784-32", dense_autoencoder([784, 32], code_activation="relu"), rows
    yield "simple", "784-128-64-32", dense_autoencoder([784, 128, 64, 32], code_activation="relu"), rows
    yield "deep, data_parallel", "784-256-…-8-4", deep.network(digits(1000), 0), rows
    noise = NOISES["Gaussian 0.4"][0]
    yield "denoising", "784-1000, Gaussian noise", dense_autoencoder([784, 1000], corruption=noise), rows
    yield "pca", "784-30, linear", dense_autoencoder([784, 30], "linear", "linear", SquaredError()), rows
    yield "codes2d", "784-1000-500-250-2, ELU", codes2d.network(codes2d.SIZES), rows
    yield "reduction", "784-1000-500-250-30, ELU", codes2d.network(reduction.SIZES), rows
    yield "sparse", "784-32, logistic", Autoencoder(Dense(784, 32, "sigmoid"), Dense(32, 784)), rows
    top_k = SparseAutoencoder(784, 1000, TopK(25, alpha=4), aux_k=100)
    yield "sparse", "784-1000, top 25, AuxK", top_k, rows
    stack = Stacked([784, 200, 200]).unroll()
    yield "sparse", "784-200-200, stacked", stack, rows
    yield "sparse", "784-200-200-10, classes", Classifier(Sequential(*stack.encoder, Dense(200, 10)), 10), rows
    for name, (label, _, parts) in overcomplete.NETWORKS.items():
        if name in ("nothing", "sparsity"):
            yield "overcomplete", f"784-1000, {label}, tied", overcomplete.network(1000, 0, **parts), rows
    model = contractive.network(1000, 3.0, 0)
    yield "contractive", "784-1000, logistic, tied", model, rows
    linear = Classifier(Dense(1000, 10), 10)
    yield "contractive, overcomplete", "1000-10, classes of codes", linear, (1000,)
    yield "contractive", "784-1000-10, classes", Classifier(Sequential(model.encoder, linear.network), 10), rows
    yield "stacked", "784-1000-500-250-30, logistic", Stacked(stacked.DEEP, ["sigmoid"] * 3 + ["linear"]).unroll(), rows
    yield "stacked", "784-1000-1000-1000-10, classes", Stacked(stacked.CLASSES).classifier(10), rows
    yield "vae", "784-400-20, variational", vae([784, 400, 20]), rows
    yield "vae", "784-400-200-2, tanh, variational", vae([784, 400, 200, 2], "tanh"), rows
    yield "vae", "784-200-200-50, tanh, variational", vae([784, 200, 200, 50], "tanh"), rows
    yield "interpolation", "784-500-250-20, variational", vae([784, 500, 250, 20]), rows
    yield "interpolation", "784-500-250-20", dense_autoencoder([784, 500, 250, 20], "relu", "linear"), rows
    sizes = {"vae": "784-200-100-2, ELU, variational", "autoencoder": "784-200-64-8",
             "denoiser": "784-256, Gaussian noise"}  # fmt: skip
    for name, model in latent.networks(0).items():
        yield "latent", sizes[name], model, rows
    for label, activation in (("top 32", TopK(32)), ("batch top 32", BatchTopK(32)), ("JumpReLU", JumpReLU(3072))):
        yield "activations", f"384-3072, {label}", SparseAutoencoder(384, 3072, activation), (384,)
    classifier = Classifier(Sequential(Dense(784, 300, "relu"), Dense(300, 10)), 10)
    yield "interpolation", "784-300-10, classes", classifier, rows
    for name, (channels, _, kind, *_) in conv.NETWORKS.items():
        yield "conv", f"{name}, {channels}", convolutional_autoencoder(channels, **kind), image
    for name, (noise, transposed, _) in KINDS.items():
        model = convolutional_autoencoder([32, 32], transposed=transposed, corruption=noise)
        yield "conv_denoising", f"[32, 32], {name}", model, image
    model = VariationalAutoencoder(conv_encoder([32, 64], [16, 4]), conv_decoder(2, [64, 32]))
    yield "conv_vae", "[32, 64]-16-2, variational", model, image
    yield "aae", "784-300-300-2, Gaussian", aae.network(GaussianPrior(2)), rows
    yield "aae", "784-300-300-2, ring", aae.network(RingPrior(10)), rows
    yield "aae", "784-1000-1000-8, Gaussian", aae.network(GaussianPrior(8, std=5.0), 1000, 1000), rows
    yield "semi_supervised", "784-1000-1000-(10 + 10)", semi_supervised.network(), rows
    yield "semi_supervised", "784-1000-1000-10, classes", semi_supervised.baseline(), rows
    yield "clusters", f"784-500-500-(16 + {clusters.STYLE})", clusters.network(), rows
    for name, model in (("dense", gan.network()), ("convolutional", gan.convolutional_network())):
        shape = rows if name == "dense" else image
        yield "gan", f"{name} generator", model.generator, (model.prior.size,)
        yield "gan", f"{name} discriminator", model.discriminator, shape
    for name, (model, _) in faces.networks((1, 64, 64), SimpleNamespace(quick=False, seed=0)).items():
        yield "faces", name, model, (64,) if name == "GAN" else (1, 64, 64)
    yield "frey", "560-200-2, tanh, variational", frey.network(), (560,)
    yield "cells", "1000-…-2, noise", reductions.network(1000, 2, "mse", GaussianNoise(1.0)), (1000,)


def digits(n):
    """Rows of uint8 pixels of training digits."""
    return mnist(which="sample").train_images[:n].reshape(-1, 784)


def inputs(shape):
    """Digits of this shape as uint8, or standard normal codes."""
    if len(shape) == 1 and shape != (784,):
        return Stream(0).normal(np.empty((ROWS, *shape), np.float32))
    x = digits(ROWS).reshape(-1, 1, 28, 28)
    x = np.pad(x, ((0, 0), (0, 0), *[(0, max(0, n - 28)) for n in (shape[1:] if len(shape) == 3 else (28, 28))]))
    return x.reshape(-1, *shape)


def disturb(model):
    """Add noise to all parameters, and make the running statistics random. Returns the model."""
    rng = np.random.default_rng(0)
    for _, p in model.named_parameters():
        p.value += 0.1 * max(0.1, float(p.value.std())) * rng.standard_normal(p.shape).astype(p.value.dtype)
    for name, p in model.named_buffers():
        p.value[...] = rng.uniform(0.5, 2, p.shape) if name.endswith("variance") else rng.normal(0, 0.3, p.shape)
    return model


def methods(model):
    """{part: the model's own function} of a model or a layer."""
    found = {}
    for owner in (model, getattr(model, "autoencoder", model)):
        names = ("reconstruct", "encode", "decode", "predict_proba")
        found |= {name: getattr(owner, name) for name in names if hasattr(owner, name)}
    return found or {"forward": model}


def detectors():
    """Yield (demo, name, detector, rows) for the detectors of digits and of tables."""
    from demos.anomaly import prepared
    from demos.heartbeat_data import artificial

    x = prepared(digits(200))
    own = dense_autoencoder([784, 256, 64, 8], "tanh", "linear", SquaredError())
    settings = {"shrinkage": 0.95, "standardize": False, "learning_rate": 1e-3}
    for distance in ("reconstruction", "joint"):
        detector = AnomalyDetector(own, distance, epochs=2, folds=0, **settings).fit(x)
        yield "anomaly", f"784-256-64-8, {distance}", detector, x
    rows = 1e3 + 10 * np.random.default_rng(0).standard_normal((300, 30)).cumsum(axis=1)
    beats = artificial(300, 0).x
    yield "detectors", "30-60-15, joint, standardised", AnomalyDetector(epochs=2, folds=0).fit(rows), rows
    yield "heartbeats", "140-128-32, joint, standardised", AnomalyDetector(epochs=2, folds=0).fit(beats), beats


def detector_differences(detector, x):
    """{"distances": max |D′/D − 1|}: relative to each distance."""
    distances, _ = run(to_onnx(detector, input_dtype=x.dtype), x)
    return {"distances": float(np.abs(distances / detector.distances(x) - 1).max())}


def difference(model, part, expected, x):
    """How much one part differs from `expected`, on x."""
    return relative(run(to_onnx(model, part, x.shape[1:], "uint8" if x.dtype == np.uint8 else None), x), expected)


def differences(model, shape):
    """{part: difference} of all parts of a model."""
    x, found = inputs(shape), {}
    for part, function in methods(model).items():
        value = methods(model)["encode"](x) if part == "decode" else x
        if part == "forward" and x.dtype == np.uint8:
            value = x / np.float32(255)
        found[part] = difference(model, part, function(value), value)
    return found


def table():
    """Yield the lines of the table."""
    parts = ("reconstruct", "encode", "decode")
    yield f"| demo | network | parameters | {' | '.join(f'`{part}`' for part in parts)} | other |"
    yield "|---" * (4 + len(parts)) + "|"
    results = [(demo, name, model.parameter_count, differences(disturb(model), shape))
               for demo, name, model, shape in networks()]  # fmt: skip
    results += [(demo, name, detector.model.parameter_count, detector_differences(detector, x))
                for demo, name, detector, x in detectors()]  # fmt: skip
    for demo, name, count, found in results:
        other = ", ".join(f"`{part}` {d:.1e}" for part, d in found.items() if part not in parts)
        cells = (f"{found[part]:.1e}" if part in found else "" for part in parts)
        yield f"| {demo} | {name} | {count:,} | {' | '.join(cells)} | {other} |"


if __name__ == "__main__":
    print(*table(), sep="\n")
