"""Networks for faces: encoders and decoders of convolutions, and the three models made of them.

    encoder    image → convolutions of stride 2, each halves height and width → Dense
    decoder    code → Dense → transposed convolutions of stride 2, each doubles height and width → sigmoid

Kernels of 4 × 4: the stride 2 divides 4, so that windows overlap evenly and leave no checkerboard pattern (Odena,
Dumoulin & Olah 2016). BatchNorm and leaky ReLU after every convolution but the first and the last, as in DCGAN
(Radford, Metz & Chintala 2016, "Unsupervised representation learning with deep convolutional generative adversarial
networks").
"""

from itertools import pairwise

import numpy as np

from npae import Autoencoder, VariationalAutoencoder
from npae.layers import BatchNorm, Conv2D, ConvTranspose2D, Dense, Flatten, LeakyReLU, Reshape, Sequential, Sigmoid
from npae.losses import GaussianNLL
from npae.models import GAN, AdversarialAutoencoder, GaussianPrior
from npae.optim import Adam

CODE, STD, KERNEL, LEAKY = 64, 0.08, 4, LeakyReLU(0.2)


def networks(shape, settings):
    """{name: (model, optimizer)}, models of images of this shape (channels, height, width)."""
    channels = [4, 8] if settings.quick else [16, 128] if shape[1] % 16 else [16, 32, 64, 128]
    seed = settings.seed
    plain = Autoencoder(encoder(channels, shape, CODE), decoder(channels, shape), GaussianNLL(STD), seed)
    critic = Sequential(Dense(CODE, 256, LEAKY), Dense(256, 256, LEAKY), Dense(256, 1))
    of_images, of_codes = Adam(4e-4, beta1=0.5), Adam(1e-3, beta1=0.5)
    return {
        "VAE": (VariationalAutoencoder(encoder(channels, shape, 2 * CODE), decoder(channels, shape), GaussianNLL(STD),
                                       seed=seed), Adam(4e-3)),
        "AAE": (AdversarialAutoencoder(plain, critic, GaussianPrior(CODE), seed=seed),
                {"reconstruction": Adam(4e-3), "discriminator": of_codes, "generator": of_codes}),
        "GAN": (GAN(decoder(channels, shape), encoder(channels, shape, 1), GaussianPrior(CODE), real=0.9, seed=seed),
                {"discriminator": of_images, "generator": of_images}),
    }  # fmt: skip


def encoder(channels, shape, outputs):
    """From images to rows of `outputs` numbers: one convolution of stride 2 for each of the channels."""
    layers = [Conv2D(shape[0], channels[0], KERNEL, 2, "same", LEAKY)]
    for c_in, c_out in pairwise(channels):
        layers += [Conv2D(c_in, c_out, KERNEL, 2, "same"), BatchNorm(c_out), LEAKY]
    height, width = smallest(channels, shape)
    return Sequential(*layers, Flatten(), Dense(channels[-1] * height * width, outputs))


def decoder(channels, shape):
    """From codes to images in (0, 1): the encoder's stages in reverse order."""
    height, width = smallest(channels, shape)
    first, *others = reversed(channels)
    layers = [Dense(CODE, first * height * width), Reshape((first, height, width)), BatchNorm(first), LEAKY]
    for c_in, c_out in pairwise([first, *others]):
        layers += [ConvTranspose2D(c_in, c_out, KERNEL, 2, "same"), BatchNorm(c_out), LEAKY]
    return Sequential(*layers, ConvTranspose2D(channels[0], shape[0], KERNEL, 2, "same"), Sigmoid())


def smallest(channels, shape):
    """(height, width) after one halving for each of the channels."""
    return tuple(n // 2 ** len(channels) for n in shape[1:])


def autoencoder_of(model):
    """The autoencoder of an adversarial model, or the model itself."""
    return getattr(model, "autoencoder", model)


class FittedCodes:
    """A generator from an autoencoder: codes of a Gaussian with the mean m and covariance C of the training codes.

    x̂ = g(m + L ε), ε ~ N(0, 1), with the Cholesky factor L of C = L Lᵀ. A likelihood of 4,096 pixels outweighs the
    divergence of 64 codes from N(0, 1): the codes are correlated, and samples of N(0, 1) lie between all of them. Ghosh
    et al. 2020, "From variational to deterministic autoencoders", section 4: ex-post density estimation.
    """

    def __init__(self, model, images):
        self.decode = autoencoder_of(model).decode
        codes = autoencoder_of(model).encode(images).astype(np.float64)
        self.mean = codes.mean(axis=0)
        self.L = np.linalg.cholesky(np.cov(codes.T) + 1e-6 * np.eye(codes.shape[1]))

    def __call__(self, noise):
        """The images of rows ε."""
        return self.decode((self.mean + noise @ self.L.T).astype(np.float32))

    def sample(self, n, seed):
        """n images."""
        return self(np.random.default_rng(seed).standard_normal((n, len(self.mean))))
