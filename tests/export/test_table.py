"""Tables of functions by class."""

import pytest

from npae.export.table import Table
from npae.layers import Dense, Layer, ReLU


def test_the_nearest_class_counts_and_subclasses_only_where_they_inherit():
    table = Table("a name", "Name {name}.")
    table.register(Layer, inherits="forward")(lambda layer: "layer")
    table.register(Dense)(lambda layer: "dense")

    class Own(Layer):
        pass

    class Other(Dense):
        pass

    assert table.find(Dense(2, 1))(None) == "dense" and table.find(Own())(None) == "layer"
    for thing in (Other(2, 1), ReLU()):  # Dense has no `inherits`; ReLU has a forward of its own
        with pytest.raises(TypeError, match=rf"{type(thing).__name__} has no a name. Name {type(thing).__name__}\."):
            table.find(thing)
    table.register(Dense)(lambda layer: "dense, again")
    assert table.find(Dense(2, 1))(None) == "dense, again"
