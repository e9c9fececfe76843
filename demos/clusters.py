"""Clusters of digits, without any label.

The semi-supervised adversarial autoencoder with all labels unknown: its supervised loss is 0, its classes are clusters.

    (ŷ, h) = f(x̃)        x̂ = g(ŷ, h)                 ŷ: a softmax over K clusters, h: a style of two numbers
    c(x) = argmax_i ŷ_i(x)                             the cluster of a digit
    label(i) = label of x_n,  n = argmax_n ŷ_i(x_n)    of the validation digit that is most certain of cluster i

784-500-500-(K + 2) and back, ReLU, batch normalization in the encoder, a fifth of the pixels masked at the input; two
discriminators 500-500, with Gaussian noise on their inputs, pull ŷ towards one-hot vectors and h towards a Gaussian.
The test error is the fraction of test digits whose cluster has another label (Makhzani et al. 2015, "Adversarial
autoencoders", section 6). The last tenth of the training digits, at most 5,000, are the validation digits: training
does not see them, and their labels only name the clusters. Beside it, the error if each cluster has the most frequent
label of its validation digits, and that of k-means on pixels.

D_Y pulls all clusters to the same size. Ten digits, a tenth of the data each, do not fill 16 such clusters of one digit
each: six digits get two clusters, the other four one, and 4 (1/10 − 1/16) = 15 % remain for clusters of another label.
So an error below 15 % needs clusters of different sizes, or 20 or 30 clusters.

    python -m demos.clusters                   the embedded 10,000 digits
    python -m demos.clusters --full            all 60,000
    python -m demos.clusters --clusters 30     the number of clusters (default 16)

Expected with --full: test error 26.58 %, by the majority 24.49 %; k-means 33.46 %; published: 9.55 %. 16 minutes.
Picture: clusters.png.
"""

import numpy as np

from demos import common, figures
from demos.baselines import KMeans
from demos.semi_supervised import critic
from npae import Autoencoder, SemiSupervisedAutoencoder, save
from npae.layers import BatchNorm, Dense, MaskingNoise, ReLU, Sequential, SoftmaxHead
from npae.models import GaussianPrior
from npae.optim import Adam, Cosine

OPTIONS = {"clusters": {"type": int, "default": 16, "help": "the number of clusters (default 16)"}}
PUBLISHED = {16: "9.55 ± 2.05", 30: "4.10 ± 1.13"}  # Makhzani et al. 2015, table 3: test error in percent
COLUMNS = {
    "test_error_percent": ("error by the most certain digit, %", ".2f"),
    "majority_test_error_percent": ("by the majority, %", ".2f"),
    "clusters_used_count": ("clusters used", "d"),
}
STYLE, SHOWN = 2, 10


def network(clusters=16, seed=0, width=500):
    """The adversarial autoencoder of so many clusters, for digits as rows."""
    encoder = Sequential(
        MaskingNoise(0.2),
        Dense(784, width), BatchNorm(width), ReLU(),
        Dense(width, width), BatchNorm(width), ReLU(),
        Dense(width, clusters + STYLE), SoftmaxHead(clusters),
    )  # fmt: skip
    decoder = Sequential(Dense(clusters + STYLE, width, "relu"), Dense(width, width, "relu"), Dense(width, 784))
    return SemiSupervisedAutoencoder(
        Autoencoder(encoder, decoder, seed=None), critic(clusters, width, noise=0.3), critic(STYLE, width, noise=0.3),
        GaussianPrior(STYLE), seed,
    )  # fmt: skip


def labels_of_clusters(certainty, y):
    """(labels by the most certain digit, labels by the majority) of clusters, each (K,).

    certainty: (n, K), of each validation digit in each cluster; it belongs to the largest. y: (n,) labels. A cluster
    without validation digits has no majority, and the label of its most certain digit instead.
    """
    heads, members = y[certainty.argmax(axis=0)], certainty.argmax(axis=1)
    counts = np.zeros((certainty.shape[1], y.max() + 1), int)
    np.add.at(counts, (members, y), 1)
    return heads, np.where(counts.any(axis=1), counts.argmax(axis=1), heads)


def measures(certainty, y, test_certainty, test_y):
    """The measures of COLUMNS. Used is a cluster with at least one test digit in a thousand."""
    heads, majority = labels_of_clusters(certainty, y)
    found = test_certainty.argmax(axis=1)
    sizes = np.bincount(found, minlength=test_certainty.shape[1])
    return {
        "test_error_percent": 100 * float((heads[found] != test_y).mean()),
        "majority_test_error_percent": 100 * float((majority[found] != test_y).mean()),
        "clusters_used_count": int((sizes >= len(test_y) / 1000).sum()),
    }


@common.demo("clusters", __doc__, epochs=16, quick_epochs=10, own=OPTIONS)
def main(settings):
    """Train, name the clusters, count errors."""
    K, width = settings.own.clusters, 100 if settings.quick else 500
    if not 2 <= K <= 100:
        raise SystemExit(f"--clusters: expected 2 to 100, got {K}.")
    x, y, test, test_y = common.digits(settings)
    n = len(x) - min(5000, len(x) // 10)
    (x, validation), y = np.split(x, [n]), y[n:]
    settings.metrics |= {"clusters": K, "validation_digits": len(y)}
    table = settings.table(f"{K} clusters, test digits", COLUMNS)
    kmeans = KMeans(x, K, settings.seed)
    table.add("k-means of pixels", measures(kmeans.certainty(validation), y, kmeans.certainty(test), test_y),
              prefix="k_means")  # fmt: skip

    model, game = network(K, settings.seed, width), Adam(5e-4, beta1=0.5)
    rates = {phase.name: game for phase in model.phases} | {"reconstruction": Adam(3e-4)}
    unknown = np.full(len(x), -1)  # labels
    history = common.train(settings, model, (x, unknown), batch_size=25 if settings.quick else 50, optimizer=rates,
                           schedule=Cosine(settings.epochs, end=0.02))  # fmt: skip
    save(settings.out / "clusters.npz", model)
    history.to_csv(settings.out / "history.csv")
    certainty = model.predict_proba(test)
    table.add("adversarial autoencoder", measures(model.predict_proba(validation), y, certainty, test_y),
              PUBLISHED.get(K, ""), prefix="autoencoder")  # fmt: skip
    draw(settings.out / "clusters.png", model, test, certainty.argmax(axis=1))


def draw(path, model, test, cluster):
    """A row for each cluster: its head, decoded with style 0, and the first test digits of the cluster."""
    K = model.class_prior.size
    heads = model.decode(np.arange(K), np.zeros((K, STYLE)))
    rows = []
    for k, head in enumerate(heads):
        images = test[cluster == k][:SHOWN] / 255
        rows.append(("", np.concatenate([head[None], images, np.zeros((SHOWN - len(images), 784))])))
    figures.digit_rows(path, rows, "Left: each cluster decoded with style 0. Right: test digits of the cluster")


if __name__ == "__main__":
    main()
