"""The snapshot of CuPy: read the installed wheel and write cupy_api.json, the legal names and keywords.

No GPU is needed: the wheel's signatures, ufunc tables and docstrings are enough. A name in NAMES that CuPy does not
have is recorded as absent. So the double can distinguish such a name from one that was never looked up.

    python -m tests.fake_gpu.snapshot            # in an environment with cupy
"""

import ast
import functools
import inspect
import json
import re
from pathlib import Path

FILE = Path(__file__).with_name("cupy_api.json")

NAMES = """
array asarray asanyarray ascontiguousarray asfortranarray asnumpy arange copy copyto diag diagflat empty empty_like eye
from_dlpack frombuffer fromfunction fromiter full full_like geomspace identity indices ix_ linspace logspace meshgrid
mgrid ndarray ogrid ones ones_like tri tril triu zeros zeros_like
all allclose amax amin any argmax argmin array_equal average count_nonzero cov corrcoef cumprod cumsum diff histogram
interp isclose lexsort max mean median min nanmax nanmean nanmin nanstd nansum nanvar percentile prod ptp quantile
searchsorted sort argsort argpartition partition std sum trace unique var argwhere flatnonzero nonzero bincount digitize
convolve correlate gradient ediff1d cumulative_sum
matmul dot inner outer tensordot einsum einsum_path vdot vecdot vecmat matvec kron cross
append array_split atleast_1d atleast_2d atleast_3d block broadcast broadcast_arrays broadcast_to column_stack
concat concatenate delete dsplit dstack expand_dims flip fliplr flipud hsplit hstack insert moveaxis pad permute_dims
ravel repeat require reshape resize roll rollaxis rot90 split squeeze stack swapaxes tile transpose trim_zeros unstack
vsplit vstack matrix_transpose
choose compress diagonal extract fill_diagonal place put put_along_axis putmask ravel_multi_index select take
take_along_axis tril_indices triu_indices unravel_index where apply_along_axis apply_over_axes piecewise vectorize
can_cast common_type dtype finfo iinfo isscalar issubdtype min_scalar_type ndim promote_types result_type shape size
shares_memory may_share_memory iscomplexobj isrealobj
clip fix nan_to_num around round round_ real_if_close sinc i0 unwrap angle
abs absolute add arccos arccosh arcsin arcsinh arctan arctan2 arctanh bitwise_and bitwise_or bitwise_xor cbrt ceil
conj conjugate copysign cos cosh deg2rad degrees divide divmod equal exp exp2 expm1 fabs floor floor_divide fmax fmin
fmod frexp gcd greater greater_equal heaviside hypot imag invert isfinite isinf isnan isneginf isposinf lcm ldexp
left_shift less less_equal log log10 log1p log2 logaddexp logaddexp2 logical_and logical_not logical_or logical_xor
maximum minimum mod modf multiply negative nextafter not_equal positive pow power rad2deg radians real reciprocal
remainder right_shift rint sign signbit sin sinh sqrt square subtract tan tanh true_divide trunc
e inf nan newaxis pi euler_gamma bool bool_ float16 float32 float64 int8 int16 int32 int64 uint8 uint16 uint32 uint64
complex64 complex128 intp integer floating inexact number generic longlong half single double errstate seterr geterr
set_printoptions printoptions array2string array_repr array_str nditer ndenumerate ndindex bfloat16
load save savez savez_compressed loadtxt savetxt
is_available get_array_module show_config ElementwiseKernel RawKernel RawModule ReductionKernel fuse memoize
get_default_memory_pool get_default_pinned_memory_pool clear_memo vectorize ufunc
linalg.norm linalg.svd linalg.qr linalg.inv linalg.pinv linalg.solve linalg.lstsq linalg.eigh linalg.eigvalsh
linalg.cholesky linalg.det linalg.slogdet linalg.matrix_power linalg.matrix_rank linalg.multi_dot linalg.vector_norm
linalg.matrix_norm linalg.cond linalg.LinAlgError linalg.eig
lib.stride_tricks.as_strided lib.stride_tricks.sliding_window_view lib.stride_tricks.broadcast_to
random.Generator random.BitGenerator random.Philox4x3210 random.XORWOW random.MRG32k3a random.default_rng random.seed
random.RandomState random.rand random.randn random.normal random.uniform random.randint random.random random.choice
random.permutation random.shuffle random.standard_normal random.SeedSequence random.PCG64 random.Philox
random.random_sample random.get_random_state
cuda.Stream cuda.Stream.null cuda.Stream.synchronize cuda.Stream.record cuda.Stream.wait_event cuda.Stream.use
cuda.Stream.begin_capture cuda.Stream.end_capture cuda.Event cuda.Event.record cuda.Event.synchronize cuda.Device
cuda.Device.synchronize cuda.Device.use cuda.get_current_stream cuda.get_elapsed_time cuda.is_available
cuda.runtime.getDeviceCount cuda.runtime.getDeviceProperties cuda.runtime.memGetInfo cuda.runtime.runtimeGetVersion
cuda.runtime.driverGetVersion cuda.runtime.deviceSynchronize cuda.alloc_pinned_memory cuda.MemoryPool
cuda.set_allocator cuda.using_allocator cuda.Stream.is_capturing cuda.Graph cuda.Graph.launch cuda.Graph.upload
cuda.MemoryPool.malloc cuda.MemoryPool.used_bytes cuda.MemoryPool.total_bytes cuda.MemoryPool.free_all_blocks
cuda.MemoryPool.n_free_blocks cuda.MemoryPool.free_bytes cuda.Graph.debug_dot_str cuda.get_device_id
cuda.runtime.getDevice cuda.runtime.setDevice _core.get_compute_type _core.set_compute_type
_core._routines_linalg.COMPUTE_TYPE_DEFAULT _core._routines_linalg.COMPUTE_TYPE_TF32
cuda.profiler cuda.nvtx.RangePush cuda.cudnn
cublas.gemm cublas.axpy cublas.gemv cudnn fft.fft fft.ifft fft.fft2 fft.ifft2 fft.rfft fft.irfft
""".split()


def _clean(text):
    """A parameter list as `lambda` takes it: without self, C types, annotations and objects that are not literals."""
    text = text.replace("\\", "").replace("[, out1, out2], / [, out=(None, None)]", ", /, out=None")
    text = re.sub(r"<class '(?:numpy\.)?(\w+)'>", r"'\1'", text).replace("numpy.float64", "'float64'")
    text = re.sub(r"<[^>]*>", "None", text)
    parts = [p.strip() for p in re.split(r",\s*(?![^()\[\]]*[)\]])", text)]
    words = [(left.split()[-1] + eq + right) for left, eq, right in (p.partition("=") for p in parts if p)]
    return ", ".join(w for w in words if w != "self")


def _doc_signature(thing):
    first = (getattr(thing, "__doc__", None) or "").strip().split("\n")[0]
    match = re.search(r"\((.*)\)", first.split(" -> ")[0])
    return _clean(match[1]) if match else None


def parameters(thing):
    """The parameter list of a callable as text, from its signature or the first line of its docstring, else None."""
    try:
        signature = inspect.signature(thing)
    except (ValueError, TypeError):
        return _doc_signature(thing)
    bare = [p.replace(annotation=inspect.Parameter.empty) for p in signature.parameters.values()]
    return _clean(str(inspect.Signature(bare))[1:-1])


def _source_signature(file, name):
    functions = [node for node in ast.parse(file.read_text(encoding="utf-8")).body if isinstance(node, ast.FunctionDef)]
    return next(_clean(ast.unparse(node.args)) for node in functions if node.name == name)


def describe(cupy, numpy, name):
    """(section, entry) of one dotted name: functions, ufuncs, classes, numpy (NumPy's own object), absent."""
    if name.startswith("cublas."):  # importing cupy.cublas loads a library that a machine without CUDA lacks
        return "functions", _source_signature(Path(cupy.__file__).with_name("cublas.py"), name.removeprefix("cublas."))
    try:
        thing = functools.reduce(getattr, name.split("."), cupy)
    except (AttributeError, ImportError):
        return "absent", ""
    if isinstance(thing, cupy.ufunc):
        return "ufuncs", f"{parameters(thing)} | {' '.join(thing.types)}"
    same = functools.reduce(lambda o, part: getattr(o, part, None), name.split("."), numpy)
    if thing is same or isinstance(thing, float):
        return "numpy", ""
    if isinstance(thing, type):
        return "classes", parameters(thing)
    return "functions", parameters(thing) if callable(thing) else None


def take():
    """The snapshot, a dict of sections of {name: entry}, of the cupy that can be imported here."""
    import cupy
    import numpy

    sections = {"absent": {}, "classes": {}, "functions": {}, "numpy": {}, "ufuncs": {}}
    for name in sorted(set(NAMES)):
        section, entry = describe(cupy, numpy, name)
        sections[section][name] = entry
    sections["methods"], sections["attributes"], sections["generator"] = {}, {}, {}
    for name in sorted(dir(cupy.ndarray)):
        if not name.startswith("_"):
            method = getattr(cupy.ndarray, name)
            is_method = callable(method) and _doc_signature(method) is not None
            sections["methods" if is_method else "attributes"][name] = _doc_signature(method) if is_method else ""
    for name in sorted(dir(cupy.random.Generator)):
        if not name.startswith("_"):
            method = getattr(cupy.random.Generator, name)
            sections["generator"][name] = parameters(method) if callable(method) else None
    return {"cupy": cupy.__version__, **{k: sections[k] for k in sorted(sections)}}


def text(snapshot):
    """The file's content: sorted, one entry per line."""
    return json.dumps(snapshot, indent=1, ensure_ascii=True) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(take()), encoding="utf-8", newline="\n")
    print(f"{FILE}: {FILE.stat().st_size} bytes")
