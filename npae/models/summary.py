"""The table that `model.summary()` prints: layers, output shapes, parameters."""

from npae.layers import Dense, Layer, Sequential
from npae.layers.conv import Convolution


def _input_shape(layer):
    """The input shape of a network whose first sized layer is Dense; None if it is a convolution (any size will do)."""
    for _, leaf in layer.leaves():
        if isinstance(leaf, (Dense, Convolution)):
            return (leaf.n_in,) if isinstance(leaf, Dense) else None
    return None


def summary_table(model: Layer, input_shape=None):
    """One line a layer (name, layer, output shape of one sample, parameters), then totals. Returns the text.

    Raises ValueError for an input that does not fit the network.
    """
    shape = tuple(input_shape) if input_shape else _input_shape(model)
    lines = [("", "input", str(shape or "?"), "")]
    met, part = set(), None
    for name, layer in model.leaves():
        before, part = part, None if isinstance(model, Sequential) else name.partition(".")[0]
        if part != before is not None and isinstance(layer, Dense):
            shape = (layer.n_in,)  # a discriminator does not take what the part before it gives
        shape = layer.out_shape(shape) if shape else None
        new = [p for _, p in layer.named_parameters() if p not in met]  # shared ones are counted where first met
        met.update(new)
        count = sum(p.size for p in new)
        lines.append((name, repr(layer), str(shape or "?"), f"{count:,}" if count else ""))
    heads = ("name", "layer", "output", "parameters")
    widths = [max(len(row[k]) for row in (heads, *lines)) for k in range(4)]

    def row(cells):
        return "  ".join([c.ljust(w) for c, w in zip(cells[:3], widths, strict=False)] + [cells[3].rjust(widths[3])])

    rule = "─" * len(row(heads))
    total = model.parameter_count
    itemsize = model.theta.value.itemsize
    last = f"{total:,} parameters, {total * itemsize / 1e6:.2f} MB as {model.theta.value.dtype}"
    return "\n".join([row(heads), rule, *map(row, lines), rule, last])
