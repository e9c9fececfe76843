"""Measures of faces: reconstructions against eigenfaces, samples against held-out faces, copies.

Samples are compared with the faces of people whom the model has never seen, in two spaces of 64 numbers:

    eigenfaces        the coordinates in the 64 leading principal components of the training faces: the arrangement
    random network    features of a network with fixed random weights: three convolutions of stride 2 (16, 32, 64
                      channels, 4 × 4, He's initial weights of seed 0, ReLU), the mean of every channel over the
                      image, standardised on the training faces: textures and edges, wherever they are

and by two measures: the accuracy of a nearest-neighbour two-sample test (½: the same distribution) and the squared
Fréchet distance, see npae/evaluate. Each stands beside what as many photographs of the training set reach, which are
real faces of other people. Features of random networks compare generative models without a network that was trained on
other photographs: Naeem et al. 2020, "Reliable fidelity and diversity metrics for generative models", section 4.

Turk & Pentland 1991, "Eigenfaces for recognition".
"""

import numpy as np

from demos.baselines import PCA
from npae.evaluate import frechet_distance, nearest_neighbour_test
from npae.evaluate.distances import as_rows, squared_distances
from npae.layers import Conv2D, Sequential
from npae.models.adversarial.game import diversity

COLUMNS = {
    "eigenfaces_two_sample_accuracy": ("two-sample: eigenfaces", ".3f"),
    "random_network_two_sample_accuracy": ("random", ".3f"),
    "eigenfaces_frechet_squared": ("Fréchet: eigenfaces", ".2f"),
    "random_network_frechet_squared": ("random", ".2f"),
    "nearest_training_face_grey_levels": ("nearest training face", ".1f"),
    "nearest_over_second_nearest": ("over second", ".3f"),
    "diversity": ("diversity", ".2f"),
}


class RandomNetwork:
    """Features of images by a network of random weights, standardised on `train`: rows of 64 numbers."""

    def __init__(self, train, seed=0):
        layers, channels = [], [train.shape[1], 16, 32, 64]
        for k in range(3):
            layers.append(Conv2D(channels[k], channels[k + 1], 4, 2, "same", "relu"))
        self.network = Sequential(*layers).initialize(seed)
        features = self._features(train)
        self.mean, self.std = features.mean(axis=0), features.std(axis=0) + 1e-6

    def encode(self, images):
        """The features of images (n, channels, height, width), uint8 or in [0, 1]: (n, 64)."""
        return (self._features(images) - self.mean) / self.std

    def _features(self, images):
        return np.concatenate([
            self.network(as_rows(batch, "images").reshape(batch.shape)).mean(axis=(2, 3))
            for batch in np.array_split(images, -(-len(images) // 500))
        ])  # fmt: skip


class Judge:
    """The measures of images, against training faces and those of strangers. Both are (n, channels, h, w), uint8."""

    def __init__(self, train, test, code):
        self.train, self.test = as_rows(train, "train"), test
        self.eigenfaces = PCA(self.train, code)
        self.random = RandomNetwork(train)

    def samples(self, images):
        """All COLUMNS of images in [0, 1], as many as there are test faces."""
        return self._compared(images) | self.copies(images)

    def photographs(self, images):
        """All COLUMNS of real faces: training faces against test faces, and distances from test to training faces."""
        return self._compared(as_rows(images, "images").reshape(images.shape)) | self.copies(self.test)

    def _compared(self, images):
        found = {"diversity": diversity(images, as_rows(self.test, "test"))}
        for name, encode in {"eigenfaces": self._by_eigenfaces, "random_network": self.random.encode}.items():
            rows, real = encode(images), encode(self.test)
            found[f"{name}_two_sample_accuracy"] = nearest_neighbour_test(rows, real).accuracy
            found[f"{name}_frechet_squared"] = frechet_distance(rows, real)
        return found

    def copies(self, images):
        """Distances to the nearest training face, of images or mirror images; small for copies, as is the ratio."""
        pairs = np.stack([two_nearest(rows, self.train)[1] for rows in (images, images[..., ::-1])])
        first, second = pairs[pairs[:, :, 0].argmin(axis=0), np.arange(len(images))].T
        grey = 255 / self.train.shape[1] ** 0.5
        return {"nearest_training_face_grey_levels": grey * float(first.mean()),
                "nearest_over_second_nearest": float((first / np.maximum(second, 1e-9)).mean())}  # fmt: skip

    def _by_eigenfaces(self, images):
        return self.eigenfaces.encode(as_rows(images, "images"))


def two_nearest(images, known):
    """(indices, distances) of the two known rows nearest to each image, the nearest first: (n, 2) each."""
    which, least = [], []
    for _, d in squared_distances(as_rows(np.ascontiguousarray(images), "images"), known):
        two = np.argpartition(d, 1, axis=1)[:, :2]
        which.append(two)
        least.append(np.take_along_axis(d, two, axis=1))
    which, least = np.concatenate(which), np.sqrt(np.concatenate(least))
    order = least.argsort(axis=1)
    return np.take_along_axis(which, order, axis=1), np.take_along_axis(least, order, axis=1)
