"""Contents of a page: a network's steps, some samples with their codes, and a plane through the codes for the map.

The map shows a code h by its place p = A (h − m), with the mean m of the codes. For codes of two numbers A is the
identity and m = 0. For larger codes the rows of A are the two principal axes of the codes (PCA): orthonormal, so that a
point that is dragged from p to p′ moves the code by Aᵀ (p′ − p), within the plane, and nothing else of it changes.

The page encodes the samples itself: their pixels take fewer bytes than codes of many numbers.
"""

from operator import attrgetter
from typing import Any

import numpy as np

from npae.backend import Array, as_array, as_int, to_device
from npae.export.onnx_graph.parts import parts_of
from npae.export.page.quantize import quantized
from npae.export.page.steps import Parts, Step, steps
from npae.layers import GaussianNoise, Layer, MaskingNoise, SaltAndPepper
from npae.train.learning_curves import PETROFF10

NOISE = {GaussianNoise: "gaussian", MaskingNoise: "masking", SaltAndPepper: "salt and pepper"}
MOST_CLASSES = 256


def contents(model: Any, x: Array, labels: Any = None, image_shape: Any = None) -> tuple[dict[str, Any], Parts]:
    """(description for JSON, arrays and activations) of a page.

    Args:
        model: an autoencoder.
        x: samples, (n, …) of uint8, or of floats in [0, 1].
        labels: integers or names, n of them; None: all points have one colour.
        image_shape: (height, width); None: that of the samples.

    Raises ValueError for what cannot be shown.
    """
    parts = Parts()
    if not np.isfinite(to_device(model.theta.value, "cpu")).all():
        raise ValueError("save_page: expected finite weights, got NaN or Inf. Train the model anew, at a lower rate.")
    chains = parts_of(model)
    if not {"encode", "decode"} <= chains.keys():
        raise ValueError(
            f"save_page: expected a model with encode and decode, such as an Autoencoder or a VariationalAutoencoder, "
            f"got {type(model).__name__}."
        )
    encoder, decoder = (_chain(parts, model, chains[name].chain) for name in ("encode", "decode"))
    x = to_device(as_array(x), "cpu")
    height, width = _image_shape(x, image_shape)
    pixels = _pixels(x)
    codes: Array = quantized(model).encode(x).astype(np.float32)
    axes, centre = _plane(codes)
    classes, numbers = _classes(labels, len(x))
    parts.arrays |= {"axes": axes, "centre": centre, "images": pixels, "classes": numbers}
    return {
        "height": height, "width": width, "pixels": height * width, "code": codes.shape[1], "samples": len(x),
        "variational": hasattr(model, "sampler"), "encoder": encoder, "decoder": decoder,
        "classes": classes, "colours": list(PETROFF10), "noise": _noise(model),
    }, parts  # fmt: skip


def _chain(parts: Parts, model: Any, chain: tuple[str, ...]) -> list[Step]:
    return [step for name in chain for step in steps(parts, attrgetter(name)(model))]


def _image_shape(x: Array, given: Any) -> tuple[int, int]:
    """(height, width) of the samples: as given, their last two axes, or the sides of a square."""
    if len(x) < 1 or x.ndim < 2:
        raise ValueError(f"save_page: expected x of shape (n, …), one or more samples, got {x.shape}.")
    n = int(np.prod(x.shape[1:]))
    side = int(n**0.5)
    if not isinstance(given, (tuple, list, type(None))):
        raise TypeError(f"save_page: expected image_shape as (height, width), such as (28, 28), got {given!r}.")
    shape = given if given is not None else x.shape[-2:] if x.ndim > 2 else (side, side)
    shape = tuple(as_int(size, "save_page: image_shape", least=1) for size in shape)
    if len(shape) != 2 or shape[0] * shape[1] != n:
        raise ValueError(
            f"save_page: expected images of one channel, got samples of {n} numbers and "
            f"{'no image_shape' if given is None else f'the image_shape {shape}'}. Give image_shape=(height, width)."
        )
    return shape  # pyright: ignore[reportReturnType]  two sizes


def _pixels(x: Array) -> Array:
    """The samples as rows of uint8."""
    x = x.reshape(len(x), -1)
    if x.dtype != np.uint8:
        if not (x.min() >= 0 and x.max() <= 1):  # NaN is neither
            raise ValueError(
                f"save_page: expected pixels as uint8, or as floats in [0, 1], got {x.min():.4g} to {x.max():.4g}. "
                "Scale them, and train the model on scaled pixels."
            )
        x = np.rint(255 * x.astype(np.float64)).astype(np.uint8)
    return x


def _plane(codes: Array) -> tuple[Array, Array]:
    """(A, m): the axes of the map, (2, d), and the code in its centre."""
    n, d = codes.shape
    if d <= 2:
        return np.eye(2, d, dtype=np.float32), np.zeros(d, np.float32)
    m = codes.mean(axis=0, dtype=np.float64)
    values, vectors = np.linalg.eigh((codes - m).T @ (codes - m))  # ascending
    return vectors[:, : d - 3 : -1].T.astype(np.float32), m.astype(np.float32)


def _classes(labels: Any, n: int) -> tuple[list[str], Array]:
    """(names of the classes, the class of each sample as a number)."""
    if labels is None:
        return [], np.zeros(n, np.uint8)
    labels = to_device(as_array(labels), "cpu")
    if labels.shape != (n,):
        raise ValueError(f"save_page: expected {n} labels, one per sample, got the shape {labels.shape}.")
    names, numbers = np.unique(labels, return_inverse=True)
    if len(names) > MOST_CLASSES:
        raise ValueError(f"save_page: expected at most {MOST_CLASSES} classes, got {len(names)}. Give fewer, or None.")
    return [str(name) for name in names], numbers.astype(np.uint8)


def _noise(model: Layer) -> dict[str, Any] | None:
    """The noise at the head of the encoder, for the page's brush; None without, or for another kind."""
    for _, layer in model.leaves():
        if type(layer) in NOISE:
            return {"kind": NOISE[type(layer)], **layer.config()}
    return None
