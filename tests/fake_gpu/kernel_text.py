"""Kernel text: a kernel becomes C++, which g++ compiles. The CUDA half of the fake GPU.

As in CuPy, a loop is written around the body of an ElementwiseKernel, in which inputs are references
(`const T &x = _raw_x[i]`). So a kernel that reads an input after overwriting it goes wrong here as on a GPU. No
standard header is included: a kernel compiles in about 0.1 s. Kernels that use more of a block of threads than that
loop have the text of block_text.py.

With the environment variable NPAE_FAKE_FMA=1, a * b + c is rounded once, as on a GPU, where the CPU can do so.
"""

import ctypes
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from tests.fake_gpu import block_text

FLAGS = ("-std=c++17", "-shared", "-fPIC", "-w")
ROUNDED = ("-O1", "-ffp-contract=off")  # a * b + c is rounded twice, as in NumPy
CONTRACTED = ("-O2", "-mfma", "-ffp-contract=fast")  # rounded once, as NVRTC compiles it
C_TYPES = {
    "float64": "double", "float32": "float", "int64": "long long", "int32": "int", "int16": "short",
    "int8": "signed char", "uint64": "unsigned long long", "uint32": "unsigned int", "uint16": "unsigned short",
    "uint8": "unsigned char", "bool": "bool",
}  # fmt: skip
_ONE = """exp exp2 expm1 log log2 log10 log1p tanh sinh cosh sin cos tan asin acos atan asinh acosh atanh sqrt cbrt
fabs floor ceil rint trunc round erf erfc lgamma tgamma""".split()
_TWO = "pow fmod atan2 hypot copysign fmax fmin fdim nextafter".split()


_BITS = """
static inline unsigned int __umulhi(unsigned int a, unsigned int b) { return (unsigned long long)a * b >> 32; }
static inline int __float_as_int(float x) { int k; __builtin_memcpy(&k, &x, 4); return k; }
static inline unsigned int __float_as_uint(float x) { unsigned int k; __builtin_memcpy(&k, &x, 4); return k; }
static inline float __int_as_float(int k) { float x; __builtin_memcpy(&x, &k, 4); return x; }
static inline float __uint_as_float(unsigned int k) { float x; __builtin_memcpy(&x, &k, 4); return x; }
static inline void sincos(double x, double *s, double *c) { *s = sin(x); *c = cos(x); }
static inline void sincosf(float x, float *s, float *c) { *s = sinf(x); *c = cosf(x); }
static inline void sincos(float x, float *s, float *c) { *s = sinf(x); *c = cosf(x); }
static inline void sincospi(double x, double *s, double *c) { *s = sin(M_PI * x); *c = cos(M_PI * x); }
static inline void sincospif(float x, float *s, float *c) { *s = (float)sin(M_PI * x); *c = (float)cos(M_PI * x); }
"""


@cache
def _prelude():
    """Declarations of CUDA's mathematical functions for float and double."""
    lines = ["typedef decltype(sizeof 0) size_t; typedef decltype((char*)0 - (char*)0) ptrdiff_t;"]
    lines += [
        "#define __device__",
        "#define __host__",
        "#define __forceinline__ inline",
    ]
    lines += ["#define M_PI 3.14159265358979323846", "#define __restrict__"]
    for name in _ONE:
        lines.append(f'extern "C" double {name}(double); extern "C" float {name}f(float);')
        lines.append(f"static inline float {name}(float x) {{ return {name}f(x); }}")
    for name in _TWO:
        lines.append(f'extern "C" double {name}(double, double); extern "C" float {name}f(float, float);')
        lines.append(f"static inline float {name}(float x, float y) {{ return {name}f(x, y); }}")
        lines.append(f"static inline double {name}(float x, double y) {{ return {name}((double)x, y); }}")
        lines.append(f"static inline double {name}(double x, float y) {{ return {name}(x, (double)y); }}")
    for t in ("float", "double"):
        lines.append(f"static inline {t} rsqrt({t} x) {{ return 1 / sqrt(x); }}")
        lines += [f"static inline {t} {f}pi({t} x) {{ return {f}(M_PI * (double)x); }}" for f in ("sin", "cos")]
        lines.append(f"static inline {t} abs({t} x) {{ return fabs(x); }}")
        lines += [
            f"static inline bool {f}({t} x) {{ return __builtin_{f}(x); }}" for f in ("isnan", "isinf", "isfinite")
        ]
        lines.append(f"static inline bool signbit({t} x) {{ return __builtin_signbit(x); }}")
        lines.append(f"static inline {t} pow({t} x, int k) {{ return pow(x, ({t})k); }}")
    bits = "double x; __builtin_memcpy(&x, &bits, 8); return x;"
    lines.append(f"static inline double __longlong_as_double(long long bits) {{ {bits} }}")
    lines.append('extern "C" double fma(double, double, double); extern "C" float fmaf(float, float, float);')
    lines.append("static inline float fma(float a, float b, float c) { return fmaf(a, b, c); }")
    for a, b, r in (("float", "float", "float"), *((a, b, "double") for a, b in (("double", "double"),
                    ("float", "double"), ("double", "float")))):  # fmt: skip
        lines += [f"static inline {r} {m}({a} x, {b} y) {{ return f{m}(({r})x, ({r})y); }}" for m in ("max", "min")]
    for t in ("int", "long long", "unsigned int", "unsigned long long"):
        lines.append(f"static inline {t} max({t} x, {t} y) {{ return x > y ? x : y; }}")
        lines.append(f"static inline {t} min({t} x, {t} y) {{ return x < y ? x : y; }}")
    lines.append("static inline int abs(int x) { return x < 0 ? -x : x; }")
    lines += _BITS.strip().split("\n")
    lines.append("static inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b)")
    lines.append("{ return (unsigned __int128)a * b >> 64; }")
    return "\n".join(lines)


_ARRAY = """
template <typename V> struct CArray {  // an array of any strides; [k] counts elements in C order
  char *data; const ptrdiff_t *dims; ptrdiff_t n, nd, flat;
  CArray(void *p, const ptrdiff_t *m) : data((char*)p), dims(m + 3), n(m[0]), nd(m[1]), flat(m[2]) {}
  V *at(ptrdiff_t k) const {
    if (flat) return (V*)data + k;
    char *p = data;
    for (ptrdiff_t d = nd - 1; d >= 0; --d) { p += (k % dims[d]) * dims[nd + d]; k /= dims[d]; }
    return (V*)p;
  }
  V &operator[](ptrdiff_t k) { return *at(k); }
  const V &operator[](ptrdiff_t k) const { return *at(k); }
  ptrdiff_t size() const { return n; }
};
struct CIndexer {
  ptrdiff_t n, k;
  ptrdiff_t size() const { return n; }
  ptrdiff_t get() const { return k; }
};
"""


def text(kernel, kinds, type_map):
    """The C++ text of a kernel. kinds: for each parameter (C type, whether it is an array); type_map: T -> C type."""
    types = "".join(f"typedef {c} {placeholder};\n" for placeholder, c in sorted(type_map.items()))
    declare, refer = [], []
    for k, (p, (c, is_array)) in enumerate(zip(kernel.params, kinds, strict=True)):
        const = "const " if p.is_const else ""
        if not is_array:
            declare.append(f"const {c} {p.name} = *(const {c}*)_args[{k}];")
            continue
        name = p.name if p.raw else f"_raw_{p.name}"
        declare.append(f"{const}CArray<{c}> {name}(_args[{k}], _meta[{k}]);")
        if not p.raw:
            refer.append(f"{const}{c} &{p.name} = {name}[_ind.get()];")
    if block_text.uses_threads(kernel):
        parts = [_prelude(), block_text.blocks(), _ARRAY, types, kernel.preamble]
        return "\n".join([*parts, block_text.elementwise(kernel, declare, refer)])
    parts = [_prelude(), _ARRAY, types, kernel.preamble]
    parts.append('extern "C" void _kernel(void **_args, const ptrdiff_t **_meta, ptrdiff_t _n) {')
    parts += [*declare, "CIndexer _ind = {_n, 0};"]
    parts += ["for (ptrdiff_t i = 0; i < _n; ++i) { _ind.k = i;", *refer]
    parts += [f'#line 1 "{kernel.name}"', f"{kernel.operation};", "}", "}", ""]
    return "\n".join(parts)


def raw_text(code, name):
    """The C++ text of a RawKernel."""
    return "\n".join([_prelude(), block_text.blocks(), block_text.raw(code, name)])


NO_COMPILER = "no g++ on this machine: kernels of the fake GPU cannot be compiled"


def available():
    """Can kernels be compiled here? Otherwise tests that need them are skipped, with the reason NO_COMPILER."""
    return shutil.which("g++") is not None


def cache_folder():
    """This user's folder for compiled kernels."""
    user = os.getuid() if hasattr(os, "getuid") else 0  # on Windows, each user has a temporary folder of his own
    folder = Path(tempfile.gettempdir()) / f"npae-fake-gpu-{user}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != user:
        raise PermissionError(f"{folder} belongs to another user")
    return folder


@cache
def can_contract():
    """Has this CPU an instruction for a * b + c, as far as can be seen?"""
    facts = Path("/proc/cpuinfo")
    return facts.exists() and re.search(r"^flags\b.*\bfma\b", facts.read_text(), re.MULTILINE) is not None


def contracting():
    """Is a * b + c rounded once? Raises RuntimeError if it should be and this CPU cannot."""
    wanted = os.environ.get("NPAE_FAKE_FMA", "0") not in ("", "0")
    if wanted and not can_contract():
        raise RuntimeError("NPAE_FAKE_FMA=1: this CPU has no instruction that rounds a * b + c once. Leave it out.")
    return wanted


def compiled(source, name):
    """The library of a text, compiled unless an earlier run did so. Raises RuntimeError with g++'s message."""
    return _compiled(source, name, (*FLAGS, *(CONTRACTED if contracting() else ROUNDED)))


@cache
def _compiled(source, name, flags):
    key = hashlib.sha256(" ".join((*flags, source)).encode()).hexdigest()[:24]
    library = cache_folder() / f"{key}.so"
    if not library.exists():
        if not available():
            raise RuntimeError(NO_COMPILER)
        temporary = library.with_suffix(f".{os.getpid()}.tmp")
        command = ["g++", *flags, "-x", "c++", "-", "-o", str(temporary)]
        result = subprocess.run(command, input=source, text=True, capture_output=True)
        if result.returncode:
            raise RuntimeError(f"kernel {name!r} does not compile:\n{result.stderr}")
        try:
            temporary.replace(library)
        except PermissionError:  # on Windows: another process has compiled it meanwhile, and uses it
            temporary.unlink()
    return ctypes.PyDLL(str(library))  # keeps Python's lock: a kernel of blocks has one set of threads
