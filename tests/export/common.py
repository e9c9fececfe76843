"""What the tests of export share: networks with values that hide no mistake, and runs of ONNX graphs."""

import numpy as np

from npae.export import to_onnx


def disturbed(network, dtype="float32", seed=0):
    """The network with first values plus noise, so that no bias is 0, and random running statistics."""
    network.initialize(seed, np.dtype(dtype))
    rng = np.random.default_rng(seed)
    for _, p in network.named_parameters():
        p.value += 0.2 * rng.standard_normal(p.shape).astype(dtype)
    for name, p in network.named_buffers():
        p.value[...] = rng.uniform(0.5, 2, p.shape) if name.endswith("variance") else rng.normal(0, 0.5, p.shape)
    return network


def overriding(base, name, change):
    """A subclass of a layer, with this name, whose forward changes the output of the base."""

    def forward(self, x, training=False):
        y, cache = base.forward(self, x, training)
        return change(y), cache

    return type(name, (base,), {"forward": forward})


def normal(*shape, dtype="float32", seed=1):
    """Standard normal numbers."""
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def run(proto, *values):
    """The outputs of a ModelProto, by onnxruntime: one array, or a list of several."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]
    found = session.run(None, dict(zip(names, values, strict=True)))
    return found[0] if len(found) == 1 else found


def by_reference(proto, x):
    """The output of a ModelProto, by the evaluator in NumPy that comes with the package onnx, in any dtype."""
    from onnx.reference import ReferenceEvaluator

    return ReferenceEvaluator(proto).run(None, {proto.graph.input[0].name: x})[0]


def relative(y, expected):
    """max |y − expected|, relative to max |expected|."""
    assert y.shape == expected.shape and y.dtype == expected.dtype, (y.shape, y.dtype, expected.shape, expected.dtype)
    return float(np.abs(y - expected).max() / np.abs(expected).max())


def difference(layer, x, evaluate=run, **settings):
    """How much the graph of a layer differs from the layer on a batch x, and on its first row alone."""
    proto = to_onnx(layer, input_shape=x.shape[1:], **settings)
    one = relative(evaluate(proto, x[:1]), layer(x[:1]))
    return max(one, relative(evaluate(proto, x), layer(x)))
