"""Arrays and devices: NumPy on the CPU, CuPy on the GPU.

All other code takes its array module *from the array in hand*, `xp = array_module(x)`. So the same source serves both
devices, and there is no global switch that could be set wrongly. Only this file imports cupy (and one imports NCCL from
it), and it does so only when a GPU is asked for.

A device is named by a string: "cpu", "gpu", or "auto" (the GPU if one is usable, else the CPU).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np

from npae.backend.extras import missing
from npae.backend.typing import Array

_gpu: Any = None  # the array module of the GPU: cupy once it is imported, or a test double of it


def gpu_module() -> ModuleType:
    """The array module of the GPU (cupy), imported at the first call. Raises ImportError if it is not installed."""
    global _gpu
    if _gpu is None:
        import cupy

        _gpu = cupy
    return _gpu


@contextmanager
def replace_gpu_module(module: Any) -> Iterator[Any]:
    """While the `with` block runs, `module` replaces cupy. The tests put a strict double in its place.

    Args:
        module: what has the functions and classes of cupy; None: cupy itself, imported when it is needed.
    """
    global _gpu
    before, _gpu = _gpu, module
    try:
        yield module
    finally:
        _gpu = before


def why_no_gpu() -> str | None:
    """None if a GPU can be used; otherwise the reason why not and what to do, as a sentence.

    Example:
        >>> from npae.backend import resolve_device, why_no_gpu
        >>> device = "cpu" if why_no_gpu() else "gpu"
        >>> device == resolve_device("auto")
        True
    """
    try:
        xp = gpu_module()
    except ImportError:
        return f"{missing('CuPy', 'cuda13')} With a driver of CUDA 12, take the extra cuda12 instead."
    if not xp.is_available():
        return f"CuPy {xp.__version__} is installed but finds no usable NVIDIA GPU: check the driver with nvidia-smi."
    return None


def resolve_device(device: str) -> str:
    """The device that a name stands for: "cpu" or "gpu".

    Args:
        device: "cpu", "gpu" or "auto", the GPU if one is usable, else the CPU.

    Raises RuntimeError for "gpu" if none is usable, with the reason, and ValueError for any other name.

    Example:
        >>> from npae.backend import resolve_device
        >>> resolve_device("cpu")
        'cpu'
        >>> resolve_device("auto") in ("cpu", "gpu")
        True
    """
    if device not in ("auto", "cpu", "gpu"):
        raise ValueError(f'Unknown device {device!r}: expected "cpu", "gpu" or "auto".')
    if device == "cpu":
        return "cpu"
    reason = why_no_gpu()
    if device == "auto":
        return "cpu" if reason else "gpu"
    if reason:
        raise RuntimeError(f'The device "gpu" cannot be used. {reason} Everything works on device "cpu" meanwhile.')
    return "gpu"


def array_module(x: Any) -> ModuleType:
    """The array module of x: numpy or cupy.

    Args:
        x: a NumPy array or LazyRows (numpy), or a CuPy array (cupy).

    Raises TypeError for anything that is not an array.

    Example:
        >>> import numpy as np
        >>> from npae.backend import array_module
        >>> xp = array_module(np.ones(3))
        >>> xp.__name__
        'numpy'
    """
    if type(x) is np.ndarray or isinstance(x, (np.ndarray, np.generic)):
        return np
    if _gpu is not None and isinstance(x, _gpu.ndarray):
        return _gpu
    if type(x).__module__.partition(".")[0] == "cupy":
        return gpu_module()
    if hasattr(type(x), "array_module"):  # LazyRows
        return type(x).array_module
    raise TypeError(f"Expected a NumPy or CuPy array, got {type(x).__name__}. Convert it first: numpy.asarray(x).")


def module_for(device: str) -> ModuleType:
    """The array module of a device: numpy for "cpu", cupy for "gpu" (errors as in resolve_device).

    Args:
        device: "cpu", "gpu" or "auto".

    Example:
        >>> from npae.backend import module_for
        >>> module_for("cpu").zeros(3).shape
        (3,)
    """
    return np if resolve_device(device) == "cpu" else gpu_module()


def device_of(x: Any) -> str:
    """The device of the array x: "cpu" or "gpu".

    Args:
        x: an array of either device, or LazyRows.

    Example:
        >>> import numpy as np
        >>> from npae.backend import device_of
        >>> device_of(np.ones(3))
        'cpu'
    """
    return "cpu" if array_module(x) is np else "gpu"


def to_device(x: Array, device: str) -> Array:
    """The array x on `device`: x itself if it is there already, else a copy.

    Args:
        x: an array of either device.
        device: "cpu", "gpu" or "auto".

    Example:
        >>> import numpy as np
        >>> from npae.backend import to_device
        >>> x = np.ones(3)
        >>> to_device(x, "cpu") is x
        True
    """
    here = device_of(x)
    if here == device:  # the common case: the driver is not asked whether there is a GPU
        return x
    device = resolve_device(device)
    if here == device:
        return x
    return gpu_module().asarray(x) if device == "gpu" else gpu_module().asnumpy(x)


def synchronize(device: str) -> None:
    """Wait until all work queued on `device` is done (on the CPU it always is). Only timing needs this.

    Args:
        device: "cpu" or "gpu".

    Example:
        >>> import time
        >>> from npae.backend import synchronize
        >>> start = time.perf_counter()
        >>> synchronize("cpu")  # after the last product, before the clock is read
        >>> time.perf_counter() - start < 1
        True
    """
    if device == "gpu":
        gpu_module().cuda.get_current_stream().synchronize()


def tf32_is_on() -> bool:
    """Do float32 matrix products on the GPU round their factors to TF32? False if there is no GPU.

    Example:
        >>> from npae.backend import tf32, tf32_is_on
        >>> with tf32(False):
        ...     tf32_is_on()
        False
    """
    if why_no_gpu():
        return False
    core = gpu_module()._core
    return core.get_compute_type(np.float32) == core._routines_linalg.COMPUTE_TYPE_TF32


def use_tf32(on: bool) -> None:
    """Switch TF32 on or off for the whole process; without a GPU do nothing. See npae.backend.products.tf32."""
    if why_no_gpu() is None:
        core = gpu_module()._core  # CuPy has no public name for it
        types = core._routines_linalg
        core.set_compute_type(np.float32, types.COMPUTE_TYPE_TF32 if on else types.COMPUTE_TYPE_DEFAULT)
