"""Data of sparse autoencoders: hidden states of a language model, or image patches; a training and a held-out part."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from demos import hidden_states, patches
from npae.backend import fit_text


@dataclass
class Data:
    """Rows of mean 0 and variance 1 (over all features of the training rows), and what they are."""

    train: Any
    held: Any
    units: int
    ks: tuple[int, ...]
    thresholds: tuple[float, ...]  # of the JumpReLUs when training starts
    rows: str  # what a row is: "tokens"
    states: Any = None  # HiddenStates, or None for patches
    side: int = 0  # of a patch
    credit: str = ""

    @property
    def k(self):
        """The k of the model that is shown."""
        return self.ks[len(self.ks) // 2]


def source(settings):
    """The Data of the demo activations: hidden states, else patches of natural images, else of the embedded digits."""
    if not settings.own.patches:
        try:
            return language(settings, hidden_states.read(hidden_states.find(settings.own.file)))
        except FileNotFoundError as error:
            if settings.own.file is not None:
                raise SystemExit(fit_text(f"--file: {error}")) from error
            print(fit_text(f"{error} Image patches instead."))
        except ValueError as error:
            raise SystemExit(fit_text(str(error))) from error
    return vision(settings)


def language(settings, states):
    """The Data of hidden states; fewer tokens and units in a quick run."""
    states = states.first(4000) if settings.quick else states
    held = states.held_out()
    train, test = scaled(states.x[~held], states.x[held])
    print(fit_text(f"Data: {len(train):,} training and {len(test):,} held-out tokens, {train.shape[1]} numbers each."))
    d = train.shape[1]
    ks, thresholds = ((8, 32), (1.5,)) if settings.quick else ((8, 16, 32, 64), (3.0, 2.4, 1.9, 1.5))
    ks = tuple(k for k in ks if k < d)
    if not ks:
        raise SystemExit(f"activations: expected hidden states of more than 8 numbers, got {d}.")
    return Data(train, test, (2 if settings.quick else 8) * d, ks, thresholds, "tokens", states)


def vision(settings):
    """The Data of whitened image patches."""
    images, (n, m), what, credit = patches.natural(), (40_000, 8000), "images", patches.CREDIT
    side = 16
    if images is None:
        images, what, credit, side = patches.digits(settings.quick), "digits", "", 12
    n, m = (3000, 1000) if settings.quick else (n, m)
    whitened = [patches.whiten(part) for part in images]
    train, test = scaled(patches.cut(whitened[0], n, side, 0), patches.cut(whitened[1], m, side, 1))
    print(fit_text(f"Data: {n:,} patches of {len(images[0]):,} training {what}, {m:,} of {len(images[1]):,} held-out "
                   f"{what}, {side} × {side} pixels each."))  # fmt: skip
    units = (1 if settings.quick else 4) * side**2
    ks, thresholds = ((4, 16), (1.5,)) if settings.quick else ((4, 8, 16, 32), (3.5, 2.8, 2.2, 1.7))
    return Data(train, test, units, ks, thresholds, "patches", side=side, credit=credit)


def scaled(train, test):
    """Both minus the mean training row, divided by one number: the root mean square of the training rows."""
    mean = train.mean(axis=0, dtype=np.float64)
    scale = np.sqrt(((train - mean) ** 2).mean())
    return tuple(((x - mean) / scale).astype(np.float32) for x in (train, test))
