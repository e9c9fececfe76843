"""PyTorch: parameters as state dicts, and models as modules.

In reading order:

    twins.py           modules of PyTorch for layers of rows
    image_twins.py     modules of PyTorch for layers of images
    state_dict.py      parameters by the names of PyTorch, and back
    module.py          models as modules
"""

from npae.export.pytorch import image_twins  # noqa: F401  it fills the table of twins
from npae.export.pytorch.module import to_torch_module
from npae.export.pytorch.state_dict import from_torch, modules, to_torch
from npae.export.pytorch.twins import TWINS, Tensor, Twin, twin

__all__ = ["TWINS", "Tensor", "Twin", "from_torch", "modules", "to_torch", "to_torch_module", "twin"]
