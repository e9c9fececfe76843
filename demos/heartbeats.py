"""Anomaly detection in heartbeats.

An autoencoder of normal beats reconstructs abnormal ones badly. The best known example of the method: the anomaly part
of TensorFlow's tutorial "Intro to Autoencoders", on ECG5000. A beat is a row of 140 numbers. Of the 80 % training beats
only the normal ones are used; all of the other 20 % are judged.

    the tutorial    140-32-16-8 and back, ReLU; x̂ = σ(a), x scaled to [0, 1] by the training beats; Adam, batches of 512
                    score: e = 1/140 Σ_j |x̂_j − x_j|;  abnormal if e > mean + standard deviation of e in training
    npae            AnomalyDetector with its defaults: the joint distance, and a threshold that 5 % of new normal beats
                    exceed, found by cross-fitting on the normal training beats (npae/anomaly/threshold.py)

Both thresholds come from normal training beats alone. The tutorial's is exceeded by the share of normal beats that the
distribution of their errors happens to have beyond one standard deviation; that of the detector by the chosen share.
Precision and recall are, as in the tutorial, those of the class "normal": which share of the beats that pass as normal
are, and which share of the normal beats pass. "Found" is the share of abnormal beats that are called so.

    python -m demos.heartbeats        $NPAE_DATA/ecg5000/ecg5000.npz, else artificial beats (sums of five bumps)

Expected, ten splits: accuracy 0.961, precision 0.980, recall 0.954, ROC-AUC 0.982. The tutorial's recipe, run here:
0.938, 0.991, 0.904, 0.961. Published: 0.944, 0.992, 0.907 on a split of its own, which cannot be made again from rows
in another order. (The tutorial's notebook is kept without outputs; these are the numbers of its page from memory, and
two public copies of a run print 0.943, 0.992, 0.905.) Two minutes on one core.
Picture: beats.png, a normal and an abnormal beat with their reconstructions, and the errors of all test beats.
"""

import warnings

import numpy as np

from demos import common, figures, results
from demos.baselines import PCA
from demos.heartbeat_data import heartbeats
from npae import dense_autoencoder
from npae.anomaly import AnomalyDetector, Mahalanobis, roc_auc
from npae.backend import array_module
from npae.losses import Loss
from npae.train import DeadUnitWarning

SHARE = 0.05  # of new normal beats that the detector may call abnormal
COLUMNS = {
    "roc_auc": ("ROC-AUC", ".3f"), "accuracy": ("accuracy", ".3f"), "precision": ("precision", ".3f"),
    "recall": ("recall", ".3f"), "found": ("found", ".3f"),
}  # fmt: skip


class AbsoluteError(Loss):
    """ℓ = Σ_j |x̂_j − x_j| with x̂ = σ(a), for x in [0, 1]: a loss of one's own takes two methods, or four.

    dℓ/da_j = sign(x̂_j − x_j) σ'(a_j),        σ' = x̂ (1 − x̂)
    """

    def value_and_gradient(self, prediction, target):
        x_hat, B = self.output(prediction), len(target)
        error = x_hat - target
        sign = array_module(error).sign(error)
        return abs(error).sum() / B, sign * x_hat * (1 - x_hat) / B

    def per_feature(self, prediction, target):
        return abs(self.output(prediction) - target)

    def output(self, prediction):
        return (1 + array_module(prediction).tanh(prediction / 2)) / 2  # σ(a) = (1 + tanh a/2)/2

    def output_backward(self, dx_hat, prediction):
        x_hat = self.output(prediction)
        return dx_hat * x_hat * (1 - x_hat)


@common.demo("heartbeats", __doc__, epochs=20, quick_epochs=20)
def main(settings):
    """Judge the test beats of several random splits."""
    beats = heartbeats(settings)
    found, tutorial = {}, None
    for seed in range(settings.seed, settings.seed + (2 if settings.quick else 10)):
        normal, test, odd = split(beats, seed)
        tutorial = Tutorial(normal, settings, seed)
        if seed == settings.seed:
            draw(settings, tutorial, test, odd)
        for name, (scores, threshold) in judged(normal, test, tutorial, settings, seed).items():
            found.setdefault(name, []).append(measures(odd, scores, threshold))
    splits = len(found["npae, joint distance"])
    table = settings.table(f"{beats.name}, {splits} splits", COLUMNS, published=None, of_digits=False)
    for name, rows in found.items():
        mean = {measure: float(np.mean([row[measure] for row in rows])) for measure in COLUMNS}
        table.add(name, mean)
        settings.metrics[f"{results.key(name)}_splits"] = rows
    if beats.path is not None:
        table.cite("the tutorial, published, its own split", "", "0.944", "0.992", "0.907")


def split(beats, seed):
    """(normal training beats, test beats, which of these are abnormal): 80 % and 20 % of all, by the seed."""
    order = np.random.default_rng(seed).permutation(len(beats.x))
    train, test = np.split(order, [round(0.8 * len(order))])
    return beats.x[train[~beats.y[train]]], beats.x[test], beats.y[test]


def network(seed):
    """The tutorial's network, untrained."""
    return dense_autoencoder([140, 32, 16, 8], "relu", "relu", AbsoluteError(), seed=seed)


class Tutorial:
    """The tutorial's detector, trained on normal beats: its network, its score e and its threshold."""

    def __init__(self, normal, settings, seed):
        self.low, self.range = normal.min(), np.ptp(normal)
        self.model = network(seed)
        self.batch = 32 if settings.quick else 512
        common.train(settings, self.model, self.scaled(normal), batch_size=self.batch, seed=seed, progress="none")
        self.threshold = beyond(self.scores(normal))

    def scaled(self, x):
        """x, so that the training beats reach from 0 to 1."""
        return ((x - self.low) / self.range).astype(np.float32)

    def reconstruct(self, x):
        """x̂ in the units of x."""
        return self.model.reconstruct(self.scaled(x)) * self.range + self.low

    def scores(self, x):
        """e of every beat, in the units of [0, 1]."""
        return np.abs(self.reconstruct(x) - x).mean(axis=1) / self.range


def beyond(errors):
    """The tutorial's threshold: mean + standard deviation of the errors of training beats."""
    return errors.mean() + errors.std()


def judged(normal, test, tutorial, settings, seed):
    """{method: (scores of the test beats, threshold)}."""
    how = {"contamination": SHARE, "seed": seed, "device": settings.device}
    detector = AnomalyDetector(**how, **({"epochs": 5} if settings.quick else {})).fit(normal)
    how |= {"epochs": settings.epochs, "batch_size": tutorial.batch, "learning_rate": 1e-3, "standardize": False}
    same = AnomalyDetector(lambda shape, seed, dtype: network(seed), "reconstruction", **how)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeadUnitWarning)  # the tutorial's code is rectified
        same.fit(tutorial.scaled(normal))
    mean, deviation = normal.mean(axis=0), normal.std(axis=0)
    x, x_test = (normal - mean) / deviation, (test - mean) / deviation
    M2, pca = Mahalanobis(x), PCA(x, 8)

    def residual(rows):
        return ((rows - pca.reconstruct(rows)) ** 2).sum(axis=1)

    return {
        "npae, joint distance": (detector.distances(test), detector.threshold),
        "the tutorial's network and threshold": (tutorial.scores(test), tutorial.threshold),
        "the tutorial's network, ‖r‖², npae's threshold": (same.distances(tutorial.scaled(test)), same.threshold),
        "PCA 8 residual, the tutorial's threshold": (residual(x_test), beyond(residual(x))),
        "Mahalanobis, the tutorial's threshold": (M2(x_test), beyond(M2(x))),
    }


def measures(odd, scores, threshold):
    """The measures of COLUMNS. odd: which beats are abnormal; larger scores are called so."""
    passes = scores <= threshold
    right = float((passes & ~odd).sum())  # normal beats that pass
    return {
        "roc_auc": roc_auc(odd, scores), "accuracy": float((passes != odd).mean()),
        "precision": right / max(1, passes.sum()), "recall": right / (~odd).sum(),
        "found": float((~passes[odd]).mean()),
    }  # fmt: skip


def draw(settings, tutorial, test, odd):
    """The normal and the abnormal test beat of median error, and the errors of all test beats."""
    scores, panels = tutorial.scores(test), []
    for name, rows in (("A normal heartbeat", np.flatnonzero(~odd)), ("An abnormal heartbeat", np.flatnonzero(odd))):
        k = rows[np.argsort(scores[rows], kind="stable")[len(rows) // 2]]
        panels.append((f"{name}, error {scores[k]:.3f}", test[k], tutorial.reconstruct(test[k : k + 1])[0]))
    figures.beats(settings.out / "beats.png", panels, scores, odd, tutorial.threshold)


if __name__ == "__main__":
    main()
