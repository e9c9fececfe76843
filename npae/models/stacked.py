"""Greedy pretraining: a deep network is learned one layer at a time, each as a small autoencoder of the layer below.

    h⁰ = x,   hᵏ = f_k(hᵏ⁻¹) = φ_k(hᵏ⁻¹ W_k + b_k)                 codes of depth k
    minimise  1/n Σ_i ℓ(g_k(f_k(hᵏ⁻¹_i)), hᵏ⁻¹_i)                  over f_k and g_k alone, for k = 1, 2, …, K

Through many logistic units a gradient fades: each multiplies it by φ′ ≤ ¼. Here it never passes more than two layers.
Afterwards the K pairs are *unrolled* into one deep autoencoder, and all weights are *fine-tuned* together from there:

    x → f₁ → f₂ → … → f_K → g_K → … → g₂ → g₁ → x̂

or the decoders are put aside, and the encoders become the first layers of a classifier.

g_k ends in the activation of what it gives back, φ_{k−1}, and g₁ in what the loss asks for. Codes of logistic units lie
in (0, 1) as pixels do, and are learned with cross-entropy, the sigmoid being in the loss; other codes with squared
error.

Hinton & Salakhutdinov 2006, Science 313:504; Bengio et al. 2007, "Greedy layer-wise training of deep networks";
Vincent et al. 2010, JMLR 11, section 3.5 (denoising: a depth is corrupted while it is trained, and what it hands to
the next one is not).
"""

import copy

import numpy as np

from npae.backend import Serializable, device_of
from npae.layers import Activation, Dense, Identity, Sequential, Sigmoid, TiedDense
from npae.losses import BinaryCrossEntropy, SquaredError
from npae.models.autoencoder import Autoencoder
from npae.models.classifier import Classifier
from npae.models.dense import as_sizes


class Stacked:
    """The autoencoders of every depth of sizes[0]-sizes[1]-…, and the deep networks that are made of them.

    sizes: from the input's number of features to the last code's. What a depth is made with is given as a function
    without arguments (a class, a lambda) for all depths, or as a list of such functions (or None), one for each depth:

        activation      of the codes, such as layers.Sigmoid
        corruption      a layer for the head of the depth's encoder, which sees it in training alone
        penalties       a list of penalties
        loss            by default BinaryCrossEntropy for the first depth and above Sigmoid codes, else SquaredError

    tied: give every decoder the weights of its encoder, transposed (layers.TiedDense); unrolled they stay tied.
    `autoencoders` are those of the depths, from the first; seed draws the first values of all of them.
    Raises TypeError for sizes that are no integers, ValueError for sizes and lists that do not fit, and for
    BinaryCrossEntropy above codes that leave [0, 1].
    """

    def __init__(self, sizes, activation=Sigmoid, corruption=None, penalties=None, loss=None, tied=False,
                 seed=0, dtype=np.float32):  # fmt: skip
        self.sizes, self.seed, self.dtype, self._tied = as_sizes(sizes, "Stacked"), seed, dtype, tied
        self._activations = self._for_depths("activation", activation)
        if not all(a and isinstance(a(), Activation) for a in self._activations):
            raise TypeError("Stacked: expected activation to make an Activation for every depth, such as layers.Tanh.")
        self._corruptions = self._for_depths("corruption", corruption)
        made = self._corruptions, self._for_depths("penalties", penalties), self._for_depths("loss", loss)
        self.autoencoders = [self._depth(k, *of_depth) for k, of_depth in enumerate(zip(*made, strict=True))]
        Sequential(*self.autoencoders).initialize(seed, dtype)

    def _for_depths(self, name, given):
        """`given` as a list with one entry for each depth, all of them functions or None."""
        depths = len(self.sizes) - 1
        entries = list(given) if isinstance(given, (list, tuple)) else [given] * depths
        if len(entries) != depths:
            raise ValueError(f"Stacked: expected {depths} entries in {name}, one for each depth, got {len(entries)}.")
        for entry in entries:
            if entry is not None and (isinstance(entry, Serializable) or not callable(entry)):
                raise TypeError(
                    f"Stacked: expected {name} to be a function that makes it, got {entry!r}. "
                    "Every depth needs its own: give a class, or lambda: … with arguments."
                )
        return entries

    def _depth(self, k, corruption, penalties, loss):
        """The autoencoder sizes[k] → sizes[k + 1] → sizes[k], without values."""
        below = self._activations[k - 1] if k else Identity
        in_0_to_1 = k == 0 or isinstance(below(), Sigmoid)
        loss = loss() if loss else BinaryCrossEntropy() if in_0_to_1 else SquaredError()
        from_logits = isinstance(loss, BinaryCrossEntropy)
        if from_logits and not in_0_to_1:
            raise ValueError(
                f"Stacked: depth {k + 1} learns codes of {below()!r}, and BinaryCrossEntropy needs targets in [0, 1]. "
                "Give it losses.SquaredError, or the depth below layers.Sigmoid."
            )
        n, m = self.sizes[k : k + 2]
        there = Dense(n, m)
        back = TiedDense(there) if self._tied else Dense(m, n)
        encoder = [*([corruption()] if corruption else []), there, *_made(self._activations[k])]
        decoder = [back, *([] if from_logits else _made(below))]
        return Autoencoder(Sequential(*encoder), Sequential(*decoder), loss, seed=None,
                           penalties=penalties() if penalties else ())  # fmt: skip

    def depths(self, data):
        """Yield (autoencoder, its data) for each depth, from the first: train it, and go on.

        The data of the first are `data` (n, …), those of every other the codes that the one before makes of its own.
        Codes are n × size numbers of the network's dtype, where the data is, and those of two depths are there at once
        (60,000 × (1000 + 500) as float32: 360 MB).
        """
        for k, autoencoder in enumerate(self.autoencoders):
            if k:
                data = self.autoencoders[k - 1].encode(data)
            yield autoencoder, data

    def unroll(self, corruption=None):
        """The deep Autoencoder that begins with the weights of all depths, with the loss of the first.

        It and the depths share no memory: fine-tuning leaves the pretrained weights as they are. Where nothing was
        pretrained, it is the same network from the same first weights: what pretraining is to be compared with.
        corruption: a layer for the head of the encoder; those of the depths are left out.
        """
        encoder, decoder = self._layers()
        head = [corruption] if corruption else []
        deep = Autoencoder(Sequential(*head, *encoder), Sequential(*decoder), self.autoencoders[0].loss, self.seed,
                           self.dtype)  # fmt: skip
        return deep.to(self._device)

    def classifier(self, classes):
        """A Classifier that begins with the encoders of all depths, a linear layer with random weights behind them.

        As unroll, it is a network of its own. The encoder of a fine-tuned autoencoder is handed over by
        Classifier(Sequential(*model.encoder, Dense(code, classes)), classes).
        """
        network = Sequential(*self._layers()[0], Dense(self.sizes[-1], classes))
        return Classifier(network, classes, self.seed, self.dtype).to(self._device)

    @property
    def _device(self):
        return device_of(self.autoencoders[0].theta.value)

    def _layers(self):
        """(layers of the encoder, layers of the decoder) of the deep network: copies, taken together."""
        pairs = [
            (autoencoder.encoder[1 if corruption else 0 :], autoencoder.decoder[0])
            for autoencoder, corruption in zip(self.autoencoders, self._corruptions, strict=True)
        ]
        encoder, decoder = [], []
        for k, (layers, dense) in enumerate(copy.deepcopy(pairs)):
            encoder = [*encoder, *layers]
            decoder = [dense, *(_made(self._activations[k - 1]) if k else []), *decoder]
        return encoder, decoder


def _made(activation):
    """[activation()], or nothing for Identity, which no network needs."""
    made = activation()
    return [] if isinstance(made, Identity) else [made]
