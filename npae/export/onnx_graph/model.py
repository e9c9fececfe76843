"""Models as ONNX files, which onnxruntime and many other programs run without Python.

    to_onnx(model, part)            a ModelProto, in memory
    save_onnx(path, model, part)    a file of it

The graph computes what the model computes at inference. Its first axis is the batch, of any size; height and width of
images are fixed. It needs opset 13 of ONNX, of 2020, and no later one, so that older runtimes can
read it too.
"""

import json
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from npae.anomaly import AnomalyDetector
from npae.backend import DTypeLike, missing, warn
from npae.export.checks import cure
from npae.export.onnx_graph.detector import translate_detector
from npae.export.onnx_graph.graph import Graph, Value
from npae.export.onnx_graph.parts import default_part, part_of, shape_of, translate_part
from npae.export.places import place, write
from npae.export.shapes import checked_shape
from npae.layers import Layer
from npae.version import __version__

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET, IR_VERSION = 13, 7
FLOAT32_ONLY = {"Conv", "ConvTranspose", "AveragePool", "Resize"}  # operators that onnxruntime has in float32 alone
LARGEST = 2**31 - 2**20  # bytes of constants: a protobuf message is smaller than 2 GiB


def to_onnx(model: Any, part: str | None = None, input_shape: Sequence[int] | None = None,
            input_dtype: DTypeLike | None = None, dtype: DTypeLike | None = None) -> "ModelProto":  # fmt: skip
    """A model as an ONNX ModelProto that computes what a method of the model computes, at inference.

    Input and output are named: "x" -> "reconstruction" or "code", "code" -> "reconstruction", "x" -> "probabilities" of
    a classifier, "z" -> "samples" of a GAN, "x" -> "y" of any other layer. The graph of an AnomalyDetector has the
    outputs "distances" and "labels". The metadata state the version of npae, and the names of the columns that the
    model was trained on.

    Args:
        model: a model, any other Layer (such as model.encoder), or a fitted AnomalyDetector or AutoencoderDetector. It
            may be on the GPU.
        part: "reconstruct" (the default of autoencoders), "encode", "decode"; of a classifier "predict_proba".
        input_shape: of one sample; None: what the first layer takes, or that of the training data.
        input_dtype: of the input. "uint8" takes pixels and divides them by 255 in the graph; None: as the parameters
            (of a detector: float64).
        dtype: of parameters and results, "float32" or "float64"; None: as the model's.

    Raises ModuleNotFoundError without the package onnx; TypeError for what is not a model and for a layer without a
    translation; ValueError for another part or shape, and for 2 GiB of parameters; RuntimeError for a model without
    values and for a detector that is not fitted. Warns if onnxruntime lacks an operator in float64.

    Example:
        >>> from npae import dense_autoencoder
        >>> from npae.export import to_onnx
        >>> proto = to_onnx(dense_autoencoder([784, 32]), "encode", input_dtype="uint8")
        >>> [node.op_type for node in proto.graph.node]
        ['Cast', 'Mul', 'Gemm', 'Identity']
    """
    model = getattr(model, "detector_", model)  # of an estimator
    graph = _graph(model, part, input_shape, input_dtype, dtype)
    lacking = sorted({node.op for node in graph.nodes} & FLOAT32_ONLY)
    if lacking and graph.dtype == "float64":
        warn(f'to_onnx: onnxruntime has {", ".join(lacking)} in float32 only. Export with dtype="float32", or use '
             "another runtime.", UserWarning)  # fmt: skip
    if sum(array.nbytes for array in graph.constants.values()) > LARGEST:
        raise ValueError('to_onnx: expected less than 2 GiB of parameters, as ONNX has it. Try dtype="float32".')
    return _proto(graph, _metadata(model, part))


def save_onnx(path: str | PathLike[str], model: Any, part: str | None = None, input_shape: Sequence[int] | None = None,
              input_dtype: DTypeLike | None = None, dtype: DTypeLike | None = None) -> Path:  # fmt: skip
    """Write to_onnx(model, …) to a file. Returns its Path.

    Args:
        path: of the file; ".onnx" is added to a name without a suffix, missing folders are made.
        model: as of to_onnx.
        part: as of to_onnx.
        input_shape: as of to_onnx.
        input_dtype: as of to_onnx.
        dtype: as of to_onnx.

    Raises what to_onnx raises, and OSError, with the reason, if the file cannot be written. After an error an older
    file is as it was.

    Example:
        >>> from npae import dense_autoencoder
        >>> from npae.export import save_onnx
        >>> save_onnx("encoder", dense_autoencoder([784, 32]), "encode").name
        'encoder.onnx'
    """
    path = place(path, ".onnx", "save_onnx")
    content = to_onnx(model, part, input_shape, input_dtype, dtype).SerializeToString(deterministic=True)
    return write(path, content)


def _graph(model: Any, part: str | None, input_shape: Any, input_dtype: Any, dtype: Any) -> Graph:
    """The whole Graph. Raises what to_onnx raises."""
    input_dtype = _checked("input_dtype", input_dtype, ("uint8", "bool", "float32", "float64"))
    dtype = _checked("dtype", dtype, ("float32", "float64"))
    if isinstance(model, AnomalyDetector):
        if part is not None or input_shape is not None:
            raise ValueError("to_onnx: a detector has one part, and knows the shape of its rows. Leave out part and "
                             "input_shape, or translate its network, detector.model.")  # fmt: skip
        graph = Graph(dtype or model.fitted.model.theta.value.dtype, model.fitted.model)
        translate_detector(graph, model, input_dtype)
        return graph
    if not isinstance(model, Layer):
        estimator = any(cls.__module__ == "npae.estimators.base" for cls in type(model).__mro__)
        if estimator and not hasattr(model, "model_"):
            raise RuntimeError(f"to_onnx: expected a fitted {type(model).__name__}. Call fit(X) first.")
        raise TypeError(
            f"to_onnx: expected a model (a Layer) or an AnomalyDetector, got {type(model).__name__}. {cure(model)}"
        )
    chosen = part_of(model, part)
    if chosen.input != "x" and input_dtype is not None:
        raise ValueError("to_onnx: codes have the dtype of the parameters. Leave out input_dtype.")
    shape = shape_of(model, chosen) if input_shape is None else checked_shape(input_shape, "to_onnx")
    own = next((p.value.dtype for _, p in model.named_parameters()), np.float32)
    graph = Graph(dtype or own, model)
    translate_part(graph, model, chosen, shape, input_dtype)
    return graph


def _checked(name: str, dtype: Any, kinds: tuple[str, ...]) -> Any:
    """An argument that is a dtype or None. Raises ValueError unless it is one of `kinds`."""
    try:
        if dtype is None or np.dtype(dtype) in kinds:
            return dtype
    except TypeError:  # no dtype at all
        pass
    raise ValueError(f"to_onnx: expected {name} {', '.join(kinds[:-1])} or {kinds[-1]}, got {dtype!r}.")


def _metadata(model: Any, part: str | None) -> dict[str, str]:
    """What a file states beside its graph, as text."""
    about = {"npae_version": __version__, "model": type(model).__name__}
    if isinstance(model, AnomalyDetector):
        names = model.feature_names
        about |= {"distance": model.distance, "threshold": repr(float(model.threshold)),
                  "contamination": repr(float(model.contamination))}  # fmt: skip
    else:
        names = getattr(model, "feature_names", None)
        seen = getattr(model, "seen", None)
        about["part"] = part or default_part(model)
        if seen is not None:
            about["trained_on"] = f"float, {seen.low:g} to {seen.high:g}"
            if seen.kind != "float":
                about["trained_on"] = {"uint8": "uint8, divided by 255", "bool": "bool, 0 and 1"}[seen.kind]
    return about if names is None else about | {"feature_names": json.dumps(names)}


def _proto(graph: Graph, metadata: dict[str, str]) -> "ModelProto":
    """The ModelProto of a Graph, after the checks of the package onnx."""
    try:
        import onnx
        from onnx import helper, numpy_helper
    except ModuleNotFoundError:
        raise ModuleNotFoundError(f"to_onnx: {missing('onnx', 'onnx')}") from None

    def value_info(value: Value) -> Any:
        return helper.make_tensor_value_info(
            value.name, helper.np_dtype_to_tensor_dtype(value.dtype), ["batch", *value.shape]
        )

    proto = helper.make_model(
        helper.make_graph(
            [helper.make_node(n.op, n.inputs, n.outputs, n.name, **n.attributes) for n in graph.nodes],
            "npae",
            [value_info(value) for value in graph.inputs],
            [value_info(value) for value in graph.outputs],
            [numpy_helper.from_array(array, name) for name, array in graph.constants.items()],
        ),
        producer_name="npae",
        producer_version=__version__,
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET)],
    )
    helper.set_model_props(proto, metadata)
    onnx.checker.check_model(proto, full_check=True)
    return proto
