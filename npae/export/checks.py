"""What can be exported: layers, and so all models and their parts."""

from typing import Any

from npae.layers import Layer


def check_model(model: Any, owner: str) -> None:
    """Raise TypeError, in the name of the function `owner`, unless `model` is a Layer."""
    if not isinstance(model, Layer):
        raise TypeError(f"{owner}: expected a model (a Layer), got {type(model).__name__}. "
                        "Name a model, or a part of one, such as model.encoder.")  # fmt: skip
