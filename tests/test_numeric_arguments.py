"""Numbers as arguments: what every public class and function does with NaN, infinity, huge integers, bool and text.

TABLE lists the range of every numeric argument. A value in it is accepted, also as a number of NumPy; all else is
refused with ValueError or TypeError, in a sentence. ELSEWHERE says why an argument is not in the table.
"""

import importlib
import inspect
import json
import math
import re
import tempfile
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from npae import (
    GAN,
    AnomalyDetector,
    Classifier,
    Stacked,
    VariationalAutoencoder,
    convolutional_autoencoder,
    dense_autoencoder,
    evaluate,
    fit,
    gradcheck,
    layers,
    losses,
    models,
    optim,
    penalties,
    train,
    variational_autoencoder,
)
from npae.anomaly import Mahalanobis, average_precision
from npae.backend import Serializable
from npae.data import Minibatches, Shards, Warp, hide_labels, oversample_labelled
from npae.layers import Dense
from npae.models import latent
from npae.serialization import describe

X = np.random.default_rng(0).random((12, 6), np.float32)
HUGE = 10**400
ROOMS = ("", ".layers", ".losses", ".penalties", ".optim", ".models", ".models.adversarial", ".models.latent", ".train",
         ".train.parallel", ".data", ".anomaly", ".evaluate", ".gradcheck")  # fmt: skip


@dataclass
class Real:
    """A real number within limits, such as `ok`. closed: which of the two limits belong to the range."""

    ok: float = 0.5
    low: float = -math.inf
    high: float = math.inf
    closed: str = ""

    def right(self):
        return [self.ok, np.float32(self.ok), np.float64(self.ok), np.array(self.ok)]

    def wrong(self):
        beyond = [math.nan, math.inf, -math.inf, HUGE, -HUGE, np.float32("nan"), True, np.True_, "1", 1j, [self.ok]]
        ends = [end for end in ("low", "high") if end not in self.closed and math.isfinite(getattr(self, end))]
        outside = [getattr(self, end) for end in ends]
        outside += [self.low - 1] * math.isfinite(self.low) + [self.high * 2] * math.isfinite(self.high)
        return beyond + outside


@dataclass
class Whole:
    """An integer from `least` on, such as `ok`. seed: one of any size."""

    ok: int = 2
    least: int = 1
    seed: bool = False

    def right(self):
        return [self.ok, np.int64(self.ok), np.uint8(self.ok), *[HUGE] * self.seed]

    def wrong(self):
        values = [math.nan, math.inf, -math.inf, 1.5, float(self.ok), "1", self.least - 1, -HUGE, np.float32("nan")]
        return [*values, True, np.True_, 1j, [self.ok], *[HUGE] * (not self.seed)]


POSITIVE, NOT_NEGATIVE = Real(0.5, 0), Real(0.5, 0, closed="low")
SHARE, BELOW_1, OPEN = Real(0.5, 0, 1, "low high"), Real(0.5, 0, 1, "low"), Real(0.5, 0, 1)
ABOVE_0_TO_1, ANY, COUNT, SEED = Real(0.5, 0, 1, "high"), Real(), Whole(), Whole(3, 0, seed=True)


def trained(**settings):
    return fit(dense_autoencoder([6, 2]), X, **{"epochs": 1, "progress": "none"} | settings)


def prepared(**settings):
    return train.prepare(dense_autoencoder([6, 2]), X, **{"progress": "none"} | settings)


def detector(**settings):
    return AnomalyDetector(**{"epochs": 0, "folds": 0} | settings).fit(X)


def checked(**settings):
    x = np.array([1.0, 2.0])
    return gradcheck.check_gradient(lambda: float((x**2).sum()), {"x": (x, 2 * x)}, **settings)


def autoencoder(kind, **settings):
    return kind(Dense(6, 2), Dense(2, 6), **settings)


def shards(**settings):
    with tempfile.TemporaryDirectory() as folder:
        np.save(f"{folder}/x.npy", X)
        return Shards(f"{folder}/x.npy", **settings)


def clipped(max_norm):
    return optim.clip_by_global_norm(np.ones(3), max_norm)


def taken_along(**settings):
    return latent.traversal(np.zeros(2), **{"unit": 0} | settings)


def rescaled(**settings):
    return models.data_dependent_init(dense_autoencoder([6, 2]), X, **settings)


def gan(**settings):
    return GAN(Dense(3, 6), Dense(6, 1), models.GaussianPrior(3), **settings)


ADAM = {"lr": POSITIVE, "beta1": BELOW_1, "beta2": BELOW_1, "eps": POSITIVE}
FIT = {"epochs": COUNT, "batch_size": COUNT, "clip_norm": POSITIVE, "seed": SEED}
CONV = {"c_in": COUNT, "c_out": COUNT, "kernel": COUNT, "stride": COUNT}
TABLE: dict[str, tuple[Any, dict[str, Any]]] = {  # {name: (a call with keywords, {argument: its range})}
    "Adam": (optim.Adam, ADAM),
    "AdamW": (optim.AdamW, ADAM | {"weight_decay": NOT_NEGATIVE}),
    "SGD": (optim.SGD, {"lr": POSITIVE, "momentum": BELOW_1}),
    "Cosine": (lambda **k: optim.Cosine(**{"epochs": 9} | k), {"epochs": POSITIVE, "end": SHARE}),
    "WarmUp": (optim.WarmUp, {"epochs": POSITIVE}),
    "Step": (lambda **k: optim.Step(**{"every": 9} | k), {"every": POSITIVE, "factor": ABOVE_0_TO_1}),
    "Plateau": (optim.Plateau, {"patience": COUNT, "factor": OPEN, "threshold": NOT_NEGATIVE}),
    "clip_by_global_norm": (clipped, {"max_norm": POSITIVE}),
    "Dense": (lambda **k: Dense(**{"n_in": 3, "n_out": 2} | k), {"n_in": COUNT, "n_out": COUNT}),
    "Slice": (lambda **k: layers.Slice(**{"start": 0, "stop": 9} | k), {"start": Whole(2, 0), "stop": COUNT}),
    "SoftmaxHead": (layers.SoftmaxHead, {"classes": Whole(3, 2)}),
    "TopK": (lambda **k: layers.TopK(**{"k": 2} | k), {"k": COUNT, "alpha": Real(2, 1, closed="low")}),
    "BatchTopK": (lambda **k: layers.BatchTopK(**{"k": 2} | k), {"k": COUNT, "momentum": ABOVE_0_TO_1}),
    "JumpReLU": (lambda **k: layers.JumpReLU(**{"n": 2} | k),
                 {"n": COUNT, "threshold": POSITIVE, "bandwidth": POSITIVE}),
    "UnitDense": (lambda **k: layers.UnitDense(**{"n_in": 3, "n_out": 2} | k), {"n_in": COUNT, "n_out": COUNT}),
    "BatchNorm": (lambda **k: layers.BatchNorm(**{"features": 2} | k),
                  {"features": COUNT, "momentum": ABOVE_0_TO_1, "epsilon": POSITIVE}),
    "Conv2D": (lambda **k: layers.Conv2D(**{"c_in": 1, "c_out": 1, "kernel": 3} | k), CONV),
    "ConvTranspose2D": (lambda **k: layers.ConvTranspose2D(**{"c_in": 1, "c_out": 1, "kernel": 3} | k), CONV),
    "MaxPool2D": (lambda **k: layers.MaxPool2D(**{"size": 2} | k), {"size": COUNT, "stride": COUNT}),
    "AveragePool2D": (lambda **k: layers.AveragePool2D(**{"size": 2} | k), {"size": COUNT, "stride": COUNT}),
    "Upsample2D": (layers.Upsample2D, {"factor": COUNT}),
    "Reshape": (lambda shape: layers.Reshape((shape,)), {"shape": COUNT}),
    "MaskingNoise": (layers.MaskingNoise, {"fraction": SHARE}),
    "SaltAndPepper": (layers.SaltAndPepper, {"fraction": SHARE}),
    "Dropout": (layers.Dropout, {"fraction": BELOW_1}),
    "GaussianNoise": (lambda std=1, clip=1: layers.GaussianNoise(std, (0, clip)),
                      {"std": NOT_NEGATIVE, "clip": POSITIVE}),
    "LeakyReLU": (layers.LeakyReLU, {"alpha": BELOW_1}),
    "ELU": (layers.ELU, {"alpha": POSITIVE}),
    "GaussianNLL": (losses.GaussianNLL, {"std": Real(0.5, 1e-18, 1e18, "low high")}),
    "HeteroscedasticGaussianNLL": (losses.HeteroscedasticGaussianNLL, {"min_std": Real(0.5, 1e-18, 1e9, "low high")}),
    "SoftmaxCrossEntropy": (losses.SoftmaxCrossEntropy, {"classes": Whole(3, 2)}),
    "MaskedCrossEntropy": (losses.MaskedCrossEntropy, {"classes": Whole(3, 2)}),
    "discriminator_loss": (lambda r: losses.discriminator_loss(X, X, r), {"r": SHARE}),
    "L0": (penalties.L0, {"strength": POSITIVE}),
    "L1": (penalties.L1, {"strength": POSITIVE}),
    "WeightDecay": (penalties.WeightDecay, {"strength": POSITIVE}),
    "Contractive": (penalties.Contractive, {"strength": POSITIVE}),
    "GaussianKL": (penalties.GaussianKL, {"strength": POSITIVE}),
    "KLSparsity": (lambda strength=1, **k: penalties.KLSparsity(strength, **k), {"strength": POSITIVE, "rho": OPEN}),
    "Classifier": (lambda classes=2, **k: Classifier(Dense(6, 2), classes, **k),
                   {"classes": Whole(2, 2), "seed": SEED}),
    "Autoencoder": (lambda **k: autoencoder(models.Autoencoder, **k), {"seed": SEED}),
    "VariationalAutoencoder": (lambda **k: VariationalAutoencoder(Dense(6, 4), Dense(2, 6), **k),
                               {"beta": POSITIVE, "samples": COUNT, "seed": SEED}),
    "RBM": (lambda n_visible=6, n_hidden=3, **k: models.RBM(n_visible, n_hidden, **k),
            {"n_visible": COUNT, "n_hidden": COUNT, "seed": SEED}),
    "SparseAutoencoder": (lambda n_in=6, n_units=9, **k: models.SparseAutoencoder(n_in, n_units, "relu", **k),
                          {"n_in": COUNT, "n_units": COUNT, "aux_k": Whole(2, 0), "aux_strength": POSITIVE,
                           "dead_after": COUNT, "seed": SEED}),
    "GatedSparseAutoencoder": (lambda n_in=6, n_units=9, strength=1, **k: models.GatedSparseAutoencoder(
        n_in, n_units, strength, **k), {"n_in": COUNT, "n_units": COUNT, "strength": POSITIVE, "dead_after": COUNT,
                                        "seed": SEED}),
    "GAN": (gan, {"real": Real(0.9, 0.5, 1, "high"), "seed": SEED}),
    "Stacked": (lambda sizes=2, **k: Stacked([6, sizes], **k), {"sizes": COUNT, "seed": SEED}),
    "dense_autoencoder": (lambda sizes=2, **k: dense_autoencoder([6, 4, sizes], **k),
                          {"sizes": COUNT, "dropout": BELOW_1, "seed": SEED}),
    "variational_autoencoder": (lambda sizes: variational_autoencoder([6, sizes]), {"sizes": COUNT}),
    "convolutional_autoencoder": (lambda channels=2, image_shape=8, **k: convolutional_autoencoder(
        [channels, 2], image_shape=(1, image_shape, 8), **k), {"channels": COUNT, "image_shape": Whole(8), "seed": SEED,
                                                              "pooled": Whole(1, 0)}),
    "GaussianPrior": (lambda size=2, **k: models.GaussianPrior(size, **k), {"size": COUNT, "std": POSITIVE}),
    "UniformPrior": (lambda size=2, **k: models.UniformPrior(size, **k), {"size": COUNT, "half_width": POSITIVE}),
    "OneHotPrior": (models.OneHotPrior, {"classes": COUNT}),
    "RingPrior": (models.RingPrior, {"modes": COUNT, "radius": POSITIVE, "length": POSITIVE, "width": POSITIVE}),
    "SwissRollPrior": (models.SwissRollPrior,
                       {"modes": COUNT, "turns": POSITIVE, "radius": POSITIVE, "width": POSITIVE}),
    "data_dependent_init": (rescaled, {"mean": ANY, "min_std": POSITIVE}),
    "lerp": (lambda steps: latent.lerp(np.zeros(2), np.ones(2), steps), {"steps": Whole(3, 2)}),
    "slerp": (lambda steps: latent.slerp(np.eye(2)[0], np.ones(2), steps), {"steps": Whole(3, 2)}),
    "traversal": (taken_along, {"unit": Whole(1, 0), "low": ANY, "high": ANY, "steps": Whole(3, 2)}),
    "grid": (latent.grid, {"n": COUNT}),
    "fit": (trained, FIT),
    "prepare": (prepared, FIT),
    "Resample": (train.Resample, {"every": COUNT, "until": COUNT}),
    "sparse_health": (lambda batch_size: evaluate.sparse_health(dense_autoencoder([6, 2], loss="mse"), X, batch_size),
                      {"batch_size": COUNT}),
    "neighbours_kept": (lambda k: evaluate.neighbours_kept(X, X, k), {"k": COUNT}),
    "resample": (lambda seed: models.resample(models.SparseAutoencoder(6, 9, "relu"), X, seed), {"seed": SEED}),
    "rejection_sample": (lambda n=2, seed=0, **k: models.rejection_sample(gan(), n, seed, **k),
                         {"n": COUNT, "seed": SEED, "quantile": BELOW_1, "batch_size": COUNT}),
    "EarlyStopping": (train.EarlyStopping, {"patience": COUNT, "min_delta": NOT_NEGATIVE}),
    "Checkpoint": (lambda **k: train.Checkpoint("x", **k), {"every": COUNT, "steps": COUNT}),
    "ExponentialMovingAverage": (train.ExponentialMovingAverage, {"decay": BELOW_1}),
    "AnomalyDetector": (detector, {"contamination": Real(0.4, 0, 0.5, "high"), "shrinkage": ABOVE_0_TO_1,
                                   "epochs": Whole(2, 0), "batch_size": COUNT, "learning_rate": POSITIVE,
                                   "folds": Whole(2, 0), "seed": SEED}),
    "average_precision": (lambda prevalence: average_precision([0, 1], [1.0, 2.0], prevalence), {"prevalence": OPEN}),
    "Mahalanobis": (lambda shrinkage: Mahalanobis(X, shrinkage), {"shrinkage": ABOVE_0_TO_1}),
    "Shards": (shards, {"block_rows": COUNT, "mixed_blocks": COUNT}),
    "Minibatches": (lambda batch_size=2, **k: Minibatches(X, batch_size, **k), {"batch_size": COUNT}),
    "Warp": (lambda std=0.1, image=8, **k: Warp(std, image=(image, 8), **k),
             {"std": NOT_NEGATIVE, "share": SHARE, "contrast": POSITIVE, "image": Whole(8, 2)}),
    "hide_labels": (lambda n=2, **k: hide_labels(np.arange(9) % 2, n, **k), {"n": COUNT, "seed": SEED}),
    "oversample_labelled": (lambda share: oversample_labelled(X, np.arange(12) - 1, share), {"share": OPEN}),
    "check_gradient": (checked, {"eps": Real(1e-5, 0), "rtol": NOT_NEGATIVE, "directions": COUNT, "seed": SEED}),
}  # fmt: skip
ELSEWHERE = {
    "AdversarialAutoencoder": "a seed as of Autoencoder", "SemiSupervisedAutoencoder": "a seed as of Autoencoder",
    "Optimizer": "the base of Adam and SGD", "Penalty": "the base of L1", "Prior": "the base of the priors",
    "as_schedule": "the epochs of fit", "Trainer": "built by prepare", "DataParallelStep": "built by prepare",
    "conv_encoder": "by convolutional_autoencoder", "conv_decoder": "by convolutional_autoencoder",
    "CodeMixture": "needs scikit-learn: tests/models/latent", "image_folder": "needs pictures: tests/data/files",
    "parzen_log_likelihood": "numbers or lists: tests/evaluate", "Parzen": "a result", "SparseHealth": "a result",
    "TwoSample": "a result", "Neighbours": "a result",
    "check_layer": "as check_gradient", "check_model": "as check_gradient",
}  # fmt: skip
CASES = [(name, argument) for name, (_, arguments) in TABLE.items() for argument in arguments]


@pytest.fixture(autouse=True)
def _quiet():
    with np.errstate(all="ignore"):
        yield


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(("name", "argument"), CASES)
def test_numbers_in_range_are_accepted_of_python_and_of_numpy(name, argument):
    call, arguments = TABLE[name]
    results = [call(**{argument: value}) for value in arguments[argument].right()]
    assert len(results) >= 3
    for result in results:
        if isinstance(result, (Serializable, train.Callback)) and not isinstance(result, models.Autoencoder):
            json.dumps(result.config(), default=describe)  # raises for numbers of NumPy, which no file could keep


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(("name", "argument"), CASES)
def test_all_else_is_refused_in_words(name, argument):
    call, arguments = TABLE[name]
    for value in arguments[argument].wrong():
        with pytest.raises((ValueError, TypeError)) as refused:
            call(**{argument: value})
            pytest.fail(f"{name}({argument}={str(value)[:20]}) was accepted")
        assert len(str(refused.value)) > 20 and re.search(r"xpected|must|fraction", str(refused.value)), refused.value


def numeric_arguments():
    """Yield (name, argument) of all public classes and functions whose annotation has int or float."""
    for room in ROOMS:
        module = importlib.import_module(f"npae{room}")
        for name in getattr(module, "__all__", dir(module)):
            made = getattr(module, name)
            if not (inspect.isfunction(made) or inspect.isclass(made) and not issubclass(made, Exception)):
                continue
            if not made.__module__.startswith("npae" if hasattr(module, "__all__") else module.__name__):
                continue
            for p in inspect.signature(made).parameters.values():
                words = re.sub(r"<class '(\w+)'>", r"\1", str(p.annotation))
                if re.search(r"\b(int|float)\b", words) and "Callable" not in words:
                    yield name, p.name


def test_the_table_lists_every_numeric_argument_of_the_package():
    found = {(name, argument) for name, argument in numeric_arguments() if name not in ELSEWHERE}
    indirect = {(name, "validation") for name in ("fit", "prepare")}  # tests/train/test_bad_input.py
    indirect |= {("dense_autoencoder", "image_shape"), ("Minibatches", "seed")}  # sizes that follow; numbers of batches
    assert found - set(CASES) - indirect == set()
    assert len(found) > 100 and set(CASES) <= found
