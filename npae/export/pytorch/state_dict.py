"""State dicts of PyTorch: parameters by the names that they have in an equivalent torch.nn.Sequential.

    npae                                            PyTorch
    Sequential(Dense(784, 32, "relu"),              Sequential(Linear(784, 32), ReLU(),
               Dense(32, 784))                                 Linear(32, 784))
                                                    0.weight, 0.bias, 2.weight, 2.bias

A Sequential within a Sequential remains one, "1.0.weight". A layer alone is a Sequential of its modules. The parts of a
model keep their names, "encoder.0.weight". Values are NumPy arrays: PyTorch is not needed.
"""

from collections.abc import Iterator, Mapping
from os import PathLike
from typing import Any, TypeVar

import numpy as np

from npae.backend import Array, Parameter, device_of, to_device
from npae.export.checks import check_model
from npae.export.pytorch.twins import TWINS, Tensor, Twin
from npae.layers import Layer, Sequential
from npae.models import Autoencoder, VariationalAutoencoder
from npae.models.base import Model
from npae.models.wrapper import Wrapper

AnyLayer = TypeVar("AnyLayer", bound=Layer)
CHAINS: tuple[type[Layer], ...] = (Sequential, Autoencoder, VariationalAutoencoder, Wrapper)


def is_chain(network: Layer) -> bool:
    """Does a network apply its parts as they are, one after the other? A subclass may override forward."""
    return any(isinstance(network, base) and type(network).forward is base.forward for base in CHAINS)


def modules(network: Layer, prefix: str = "") -> Iterator[tuple[str, Twin]]:
    """Yield (name, Twin) for every module of the equivalent torch.nn.Sequential, such as ("encoder.0", a Linear).

    Args:
        network: a Layer.
        prefix: of all names.

    Raises TypeError for a layer without a twin.

    Example:
        >>> from npae.export.pytorch import modules
        >>> from npae.layers import Dense, Sequential
        >>> network = Sequential(Dense(8, 4, "relu"), Dense(4, 2))
        >>> [(name, twin.module((8,))[0]) for name, twin in modules(network)]
        [('0', 'Linear'), ('1', 'ReLU'), ('2', 'Linear')]
    """
    if isinstance(network, Model) and is_chain(network):
        parts: Any = network.children
        for name, part in parts:
            if part.parameter_count:
                yield from modules(part, f"{prefix}{name}.")
        return
    k = 0
    for layer in network if isinstance(network, Sequential) and is_chain(network) else [network]:
        if is_chain(layer):
            yield from modules(layer, f"{prefix}{k}.")
            k += 1
        else:
            for one in TWINS.find(layer)(layer):
                yield f"{prefix}{k}", one
                k += 1


def to_torch(model: Layer) -> dict[str, Array]:
    """The parameters and running statistics of a model as the state dict of an equivalent torch.nn.Sequential.

    For tensors write {name: torch.from_numpy(array) for name, array in to_torch(model).items()}; to_torch_module makes
    the whole module.

    Args:
        model: a Layer with values, on any device. The arrays are copies, on the CPU.

    Raises TypeError for what is not a Layer, and for a layer without a twin in PyTorch; RuntimeError for a model
    without values.

    Example:
        >>> from npae import dense_autoencoder
        >>> from npae.export import to_torch
        >>> {name: array.shape for name, array in to_torch(dense_autoencoder([784, 32])).items()}  # doctest: +ELLIPSIS
        {'encoder.0.weight': (32, 784), 'encoder.0.bias': (32,), 'decoder.0.weight': (784, 32), ...}
    """
    check_model(model, "to_torch")
    found: dict[str, Array] = {}
    for name, one in modules(model):
        found |= {f"{name}.{key}": tensor.values for key, tensor in one.tensors.items()}
        found |= {f"{name}.{key}": value for key, value in one.counters.items()}
    return found


def from_torch(model: AnyLayer, state_dict: Mapping[str, Any]) -> AnyLayer:
    """Fill a model with a state dict of PyTorch. Returns the model; after an error it is as it was.

    Args:
        model: a Layer with values, on any device; they are overwritten, in its dtype.
        state_dict: tensors or arrays by the names that to_torch returns.

    Raises TypeError for what is not a Layer, for values that are not arrays, and for a layer without a twin; ValueError
    for other names and shapes, for NaN, Inf and numbers beyond the model's dtype, and for two values of one shared
    parameter; RuntimeError for a model without values.

    Example:
        >>> import numpy as np
        >>> from npae.export import from_torch
        >>> from npae.layers import Dense
        >>> layer = Dense(3, 2).initialize(seed=0)
        >>> layer = from_torch(layer, {"0.weight": np.ones((2, 3)), "0.bias": np.zeros(2)})
        >>> layer(np.ones((1, 3), np.float32)).tolist()
        [[3.0, 3.0]]
    """
    check_model(model, "from_torch")
    expected, counters = {}, set()
    for name, one in modules(model):
        expected |= {f"{name}.{key}": tensor for key, tensor in one.tensors.items()}
        counters |= {f"{name}.{key}" for key in one.counters}
    _check_names(state_dict, expected, counters)
    values: dict[int, tuple[str, Parameter, Array]] = {}
    for name, tensor in expected.items():
        array, p = _as_array(state_dict[name], name), tensor.parameter
        if array.shape != tensor.expected:
            raise ValueError(f"from_torch: expected {name} of shape {tensor.expected}, got {array.shape}. "
                             "Build the model with the sizes of the other network.")  # fmt: skip
        with np.errstate(over="ignore"):
            array = tensor.back(array).astype(p.value.dtype)
        if not np.isfinite(array).all():
            raise ValueError(f"from_torch: {name} holds NaN, Inf or a number beyond {p.value.dtype}. "
                             "Take a state dict of a run that has not diverged.")  # fmt: skip
        first, _, other = values.setdefault(id(p), (name, p, array))
        if not np.array_equal(other, array):
            raise ValueError(f"from_torch: {first} and {name} are one shared parameter in the model, but differ. "
                             "Build the model without shared weights.")  # fmt: skip
    new = [(p, to_device(array, device_of(p.value))) for _, p, array in values.values()]
    for p, array in new:
        p.value[...] = array
    return model


def _check_names(given: Mapping[str, Any], expected: Mapping[str, Tensor], counters: set[str]) -> None:
    """Raise TypeError unless `given` is a mapping, ValueError unless it has the expected names."""
    if not isinstance(given, Mapping):
        path = isinstance(given, (str, PathLike))
        cure = "Load it first: torch.load(path, weights_only=True)." if path else "Call module.state_dict()."
        raise TypeError(f"from_torch: expected a state dict, got {type(given).__name__}. {cure}")
    lacking = [name for name in expected if name not in given]
    others = [name for name in given if name not in expected and name not in counters]
    if lacking or others:
        found = [f"without {_some(lacking)}"] * bool(lacking) + [f"with {_some(others)}"] * bool(others)
        raise ValueError(
            f"from_torch: expected {len(expected)} tensors by the names of to_torch(model), got them "
            f"{' and '.join(found)}. Rename them; if they are in the model's order: "
            "dict(zip(to_torch(model), state_dict.values(), strict=True))."
        )


def _some(names: list[str]) -> str:
    return ", ".join(names[:4]) + (f", … ({len(names)} in all)" if len(names) > 4 else "")


def _as_array(value: Any, name: str) -> Array:
    """A tensor or an array as a NumPy array. Tensors that NumPy has no dtype for, such as bfloat16, become float32."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        value = value.float().numpy() if value.element_size() < 4 else value.numpy()
    array = np.asarray(to_device(value, "cpu") if hasattr(value, "dtype") else value)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"from_torch: expected {name} to be a tensor or an array of numbers, got {array.dtype}.")
    return array
