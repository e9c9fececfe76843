"""Models as modules of PyTorch, with their parameters.

    Sequential(Dense(784, 32, "relu"), …)       torch.nn.Sequential(Linear(784, 32), ReLU(), …)
    Autoencoder                                 torch.nn.Sequential of the modules "encoder" and "decoder"

The module returns what the model returns as a layer: the decoder's output, which under cross-entropy are logits, as
torch.nn.BCEWithLogitsLoss takes them.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from npae.export.pytorch.state_dict import is_chain, to_torch
from npae.export.pytorch.twins import TWINS
from npae.export.shapes import checked_shape, sample_shape
from npae.layers import Layer, Sequential
from npae.models import Autoencoder, Classifier
from npae.models.base import Model

if TYPE_CHECKING:
    import torch

STEPS: dict[type[Model], tuple[str, ...]] = {  # the parts of a model that its forward pass applies one after the other
    Autoencoder: ("encoder", "decoder"),
    Classifier: ("network",),
}


def to_torch_module(model: Layer, input_shape: Sequence[int] | None = None) -> "torch.nn.Sequential":
    """A torch.nn.Sequential that computes what the model computes as a layer, in evaluation mode, on the CPU.

    Its state dict is to_torch(model), in tensors of the model's dtype.

    Args:
        model: an Autoencoder, a Classifier, or a network such as gan.generator, with values.
        input_shape: of one sample; None: what the first layer takes, or that of the training data.

    Raises ModuleNotFoundError without PyTorch; TypeError for a layer without a twin and for other models, whose
    networks are converted one by one; ValueError for another shape.

    Example:
        >>> from npae import dense_autoencoder
        >>> from npae.export import to_torch_module
        >>> to_torch_module(dense_autoencoder([784, 32])).decoder  # doctest: +SKIP
        Sequential(
          (0): Linear(in_features=32, out_features=784, bias=True)
        )
    """
    try:
        import torch
    except ModuleNotFoundError:
        raise ModuleNotFoundError("to_torch_module: PyTorch is not installed: pip install torch.") from None
    state = {name: torch.from_numpy(array) for name, array in to_torch(model).items()}
    owner = "to_torch_module"
    shape = sample_shape(model, owner) if input_shape is None else checked_shape(input_shape, owner)
    module, _ = _module(torch.nn, model, shape)
    for tensor in state.values():
        if tensor.is_floating_point():
            module.to(tensor.dtype)
    module.load_state_dict(state)
    return module.eval()


def _module(nn: Any, network: Layer, shape: tuple[int, ...]) -> tuple[Any, tuple[int, ...]]:
    """(the module of a network, the shape of one output) for one input of `shape`."""
    if isinstance(network, Model) and is_chain(network):
        steps = next((names for cls, names in STEPS.items() if isinstance(network, cls)), ())
        children: Any = [(name, part) for name, part in network.children if part.parameter_count or name in steps]
        if tuple(name for name, _ in children) != steps:
            raise TypeError(
                f"to_torch_module: {type(network).__name__} is more than a chain of layers. Convert its networks: "
                f"{', '.join(f'model.{name}' for name, part in children if part.parameter_count)}."
            )
        parts = OrderedDict()
        for name, part in children:
            parts[name], shape = _module(nn, part, shape)
        return nn.Sequential(parts), shape
    found = []
    for layer in network if isinstance(network, Sequential) and is_chain(network) else [network]:
        if is_chain(layer):
            inner, shape = _module(nn, layer, shape)
            found.append(inner)
        else:
            for twin in TWINS.find(layer)(layer):
                kind, keywords = twin.module(shape)
                found.append(getattr(nn, kind)(**keywords))
            shape = layer.out_shape(shape)
    return nn.Sequential(*found), shape
