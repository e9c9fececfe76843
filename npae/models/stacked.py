"""Greedy layer-wise pretraining: a deep network is trained one layer at a time, each as a small autoencoder.

    h⁰ = x,   hᵏ = f_k(hᵏ⁻¹) = φ_k(hᵏ⁻¹ W_k + b_k)                 codes of stage k
    minimise  1/n Σ_i ℓ(g_k(f_k(hᵏ⁻¹_i)), hᵏ⁻¹_i)                  over f_k and g_k alone, for k = 1, 2, …, K

A gradient vanishes on its way through many sigmoid units, since each multiplies it by φ′ ≤ ¼. In a stage it passes
through two layers only. Afterwards the K pairs are *unrolled* into one deep autoencoder, and all weights are
*fine-tuned* together:

    x → f₁ → f₂ → … → f_K → g_K → … → g₂ → g₁ → x̂

Or the decoders are dropped, and the encoders become the first layers of a classifier.

g_k reconstructs the codes hᵏ⁻¹, so it ends in the activation of these, φ_{k−1}; g₁ ends as the loss needs it (linear
for cross-entropy). Codes of sigmoid units lie in (0, 1) as pixels do. They are reconstructed with cross-entropy, whose
loss contains the sigmoid; other codes with squared error.

With rbm=True a stage is a restricted Boltzmann machine, trained by contrastive divergence (models/rbm.py), as in the
first of the papers. Its f_k and g_k share W_k. Unrolled, g_k has a copy of W_kᵀ, which is then trained by itself.

Hinton & Salakhutdinov 2006, Science 313:504; Bengio et al. 2007, "Greedy layer-wise training of deep networks"; Vincent
et al. 2010, JMLR 11, section 3.5 (denoising: a stage's input is corrupted while the stage is trained; the next stage
gets the codes of clean inputs).
"""

import copy
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

import numpy as np

from npae.backend import ArrayLike, DTypeLike, Serializable, device_of
from npae.layers import Dense, Layer, Sequential, Sigmoid, TiedDense
from npae.layers.activations import ActivationLike, as_activation
from npae.losses import BinaryCrossEntropy, SquaredError
from npae.models.autoencoder import Autoencoder
from npae.models.classifier import Classifier
from npae.models.dense import as_sizes
from npae.models.rbm import RBM

PerStage: TypeAlias = Callable[[], Any] | list[Callable[[], Any] | None] | None
"""A function without arguments for all stages, or a list with one function or None per stage."""


class Stacked:
    """The autoencoders of all stages of sizes[0]-sizes[1]-…, and the deep networks that are built from them.

    `autoencoders` is the list of the stages' autoencoders. Corruption, penalties and loss of a stage are given as a
    function without arguments (a class or a lambda) for all stages, or as a list with one function (or None) per stage.

    Args:
        sizes: from the input's number of features to the last code's.
        activation: of the codes, as a name, a class or an instance, for all stages, or a list with one per stage.
        corruption: returns a layer for the head of the stage's encoder, used only while the stage is trained.
        penalties: returns a list of penalties.
        loss: returns a loss; None: BinaryCrossEntropy if the stage's inputs are data or Sigmoid codes, else
            SquaredError.
        tied: give every decoder the weights of its encoder, transposed (layers.TiedDense); they stay tied when
            unrolled.
        rbm: train every stage as an RBM, without corruption or loss; codes are "sigmoid", the last also "linear".
        seed: draws the initial values of all autoencoders.
        dtype: of the parameters, float32 or float64.

    Raises TypeError for sizes that are not integers, ValueError for sizes and lists that do not fit, and for
    BinaryCrossEntropy on codes that leave [0, 1].

    Example:
        >>> import numpy as np
        >>> from npae import Stacked, fit
        >>> x = np.random.default_rng(0).random((100, 16))
        >>> stacked = Stacked([16, 8, 2])
        >>> for autoencoder, codes in stacked.stages(x):  # one after the other
        ...     history = fit(autoencoder, codes, epochs=1, progress="none")
        >>> model = stacked.unroll()
        >>> history = fit(model, x, epochs=1, progress="none")  # fine-tuning
        >>> model.encode(x).shape, stacked.classifier(10).predict(x).shape
        ((100, 2), (100,))
    """

    def __init__(self, sizes: Iterable[int], activation: ActivationLike | list[ActivationLike] = "sigmoid",
                 corruption: PerStage = None, penalties: PerStage = None, loss: PerStage = None,
                 tied: bool = False, rbm: bool = False, seed: int = 0, dtype: DTypeLike = np.float32):  # fmt: skip
        self.sizes, self.seed, self.dtype, self._tied, self._rbm = as_sizes(sizes, "Stacked"), seed, dtype, tied, rbm
        self._activations = self._one_each("activation", activation)
        for given in self._activations:
            as_activation(given, "Stacked")  # raises for what is not one
        self._corruptions = self._functions("corruption", corruption)
        parts = self._corruptions, self._functions("penalties", penalties), self._functions("loss", loss)
        self.autoencoders = [self._autoencoder(k, *of_stage) for k, of_stage in enumerate(zip(*parts, strict=True))]
        Sequential(*self.autoencoders).initialize(seed, dtype)

    def _one_each(self, name, given):
        """`given` as a list with one entry per stage."""
        n = len(self.sizes) - 1
        entries = list(given) if isinstance(given, (list, tuple)) else [given] * n
        if len(entries) != n:
            raise ValueError(f"Stacked: expected {n} entries in {name}, one for each stage, got {len(entries)}.")
        return entries

    def _functions(self, name, given):
        """`given` as a list with one function or None per stage."""
        entries = self._one_each(name, given)
        for entry in entries:
            if entry is not None and (isinstance(entry, Serializable) or not callable(entry)):
                raise TypeError(
                    f"Stacked: expected {name} to be a function that makes it, got {entry!r}. "
                    "Every stage needs its own: give a class, or lambda: … with arguments."
                )
        return entries

    def _autoencoder(self, k, corruption, penalties, loss):
        """The autoencoder sizes[k] → sizes[k + 1] → sizes[k], without values."""
        below = self._activations[k - 1] if k else None
        codes = as_activation(below, "Stacked")
        in_0_to_1 = k == 0 or isinstance(codes, Sigmoid)
        if self._rbm:
            return self._machine(k, in_0_to_1, corruption, penalties, loss)
        loss = loss() if loss else BinaryCrossEntropy() if in_0_to_1 else SquaredError()
        from_logits = isinstance(loss, BinaryCrossEntropy)
        if from_logits and not in_0_to_1:
            raise ValueError(
                f"Stacked: stage {k + 1} learns codes of {codes!r}, and BinaryCrossEntropy needs targets in [0, 1]. "
                "Give it losses.SquaredError, or the stage below layers.Sigmoid."
            )
        n, m = self.sizes[k : k + 2]
        dense, last = Dense(n, m, self._activations[k]), None if from_logits else below
        decoder = TiedDense(dense, last) if self._tied else Dense(m, n, last)
        encoder = Sequential(*([corruption()] if corruption else []), dense)
        penalties = penalties() if penalties else ()
        return Autoencoder(encoder, Sequential(decoder), loss, seed=None, penalties=penalties)

    def _machine(self, k, in_0_to_1, corruption, penalties, loss):
        """The RBM sizes[k] → sizes[k + 1], without values."""
        if corruption or loss:
            raise ValueError("Stacked: expected no corruption and no loss with rbm=True. Leave them out.")
        if not in_0_to_1:
            raise ValueError(
                f"Stacked: stage {k + 1} is an RBM of codes {self._activations[k - 1]!r}, and its visible units need "
                'data in [0, 1]. Take "sigmoid" for the stage below.'
            )
        n, m = self.sizes[k : k + 2]
        return RBM(n, m, self._activations[k], penalties() if penalties else (), seed=None)

    def stages(self, data: ArrayLike) -> Iterator[tuple[Autoencoder, Any]]:
        """Yield (autoencoder, its data) for each stage, from the first: train it before taking the next.

        The first stage has `data` (n, …), each other one the codes of the stage before. Codes are arrays (n, size) of
        the network's dtype, on the device of the data. Those of two stages are in memory at once (60,000 × (1000 + 500)
        numbers of float32 are 360 MB).
        """
        for k, autoencoder in enumerate(self.autoencoders):
            if k:
                data = self.autoencoders[k - 1].encode(data)
            yield autoencoder, data

    def unroll(self, corruption: Layer | None = None) -> Autoencoder:
        """The deep Autoencoder that begins with the weights of all stages, with the loss of the first.

        It shares no memory with the stages: fine-tuning does not change the pretrained weights. Without pretraining it
        is the same network with the same initial weights, for comparison. corruption: a layer for the head of the
        encoder; the corruptions of the stages are left out.
        """
        encoder, decoder = self._layers()
        head = [corruption] if corruption else []
        loss = self.autoencoders[0].loss
        deep = Autoencoder(Sequential(*head, *encoder), Sequential(*decoder), loss, self.seed, self.dtype)
        return deep.to(self._device)

    def classifier(self, classes: int) -> Classifier:
        """A Classifier that begins with the encoders of all stages, followed by a linear layer with random weights.

        It shares no memory with the stages. To use the encoder of a fine-tuned autoencoder instead, write
        Classifier(Sequential(*model.encoder, Dense(code, classes)), classes).
        """
        network = Sequential(*self._layers()[0], Dense(self.sizes[-1], classes))
        return Classifier(network, classes, self.seed, self.dtype).to(self._device)

    def __repr__(self) -> str:
        return f"Stacked({self.sizes})"

    @property
    def _device(self):
        return device_of(self.autoencoders[0].theta.value)

    def _layers(self):
        """(layers of the encoder, layers of the decoder) of the deep network, copied together so that ties remain."""
        leaves = [[layer for _, layer in autoencoder.leaves()] for autoencoder in self.autoencoders]
        pairs = copy.deepcopy([layers[-2:] for layers in leaves])  # without corruption
        if self._rbm and not self._tied:
            pairs = [[encoder, decoder.untied()] for encoder, decoder in pairs]
        for k, (_, decoder) in enumerate(pairs[1:]):
            decoder.activation = as_activation(self._activations[k], "Stacked")  # it returns codes of the stage below
        return [encoder for encoder, _ in pairs], [decoder for _, decoder in reversed(pairs)]
