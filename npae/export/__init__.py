"""Export: models as files and objects of other programs, and back.

In reading order:

    checks.py            what can be exported
    table.py             functions by class
    shapes.py            the shape of the samples that a network takes
    places.py            the names of files
    onnx_graph/          ONNX: networks for onnxruntime and other runtimes
    safetensors_file.py  named tensors, without pickle
    pytorch/             state dicts of PyTorch, both ways, and modules
    page/                a live page: one HTML file that evaluates a network

`npae.export` is imported at its first use, and the packages onnx, safetensors and torch when a function needs them.
docs/export.md is a guide.
"""

from npae.export.onnx_graph import save_onnx, to_onnx, translator
from npae.export.page import save_page
from npae.export.pytorch import Tensor, Twin, from_torch, to_torch, to_torch_module, twin
from npae.export.safetensors_file import load_safetensors, save_safetensors

__all__ = [
    "Tensor", "Twin", "from_torch", "load_safetensors", "save_onnx", "save_page", "save_safetensors", "to_onnx",
    "to_torch", "to_torch_module", "translator", "twin",
]  # fmt: skip
