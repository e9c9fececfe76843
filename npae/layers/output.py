"""The activation at a network's output: rectified codes can die, and a logit must be linear."""

from npae.layers.activations import Activation, Identity
from npae.layers.base import Layer


def output_activation(network: Layer) -> Activation:
    """The activation of the network's last layer; Identity() if that layer has none."""
    *_, (_, layer) = network.leaves()
    return layer if isinstance(layer, Activation) else getattr(layer, "activation", Identity())
