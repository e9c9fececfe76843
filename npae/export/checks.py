"""What can be exported: layers, and so all models and their parts."""

from os import PathLike
from typing import Any

from npae.layers import Layer


def check_model(model: Any, owner: str) -> None:
    """Raise TypeError, in the name of the function `owner`, unless `model` is a Layer."""
    if not isinstance(model, Layer):
        raise TypeError(f"{owner}: expected a model (a Layer), got {type(model).__name__}. {cure(model)}")


def cure(thing: Any) -> str:
    """What to give instead of an object that is not a Layer."""
    if isinstance(thing, (str, PathLike)):
        return "Load it first: npae.load(path)."
    if isinstance(thing, type):
        return f"Make an object of the class {thing.__name__} first."
    if hasattr(thing, "unroll"):
        return "Build the deep network first: stack.unroll()."
    if hasattr(thing, "get_params"):  # an estimator, whose model_ there is after fit
        return "Take its network, model_, and standardise rows before it."
    if hasattr(thing, "score_samples"):
        return "Take its network, detector.model; save_onnx and anomaly.save_detector write a whole detector."
    return "Name a model, or a part of one, such as model.encoder."
