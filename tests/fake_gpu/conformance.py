"""Conformance: legal and illegal calls that must give the same result on the fake GPU and on the real CuPy.

Each case is (name, function of the array module, expected): expected is a NumPy value, which the result must equal in
dtype, shape and value, or the exception type(s) that the call must raise.
"""

import numpy as np

X = np.arange(6, dtype=np.float32).reshape(2, 3)
D = X.astype(np.float64)
B = np.array([1.0, -2.0, 3.0], np.float32)


def x(cp):
    """X on the device."""
    return cp.asarray(X)


def written(cp, write, start=X):
    """`start` on the device after write(array)."""
    a = cp.asarray(start)
    write(a)
    return a


def inplace(cp):
    """An operator and an `out=` write into views of a flat vector."""
    flat = cp.zeros(9, "f")
    W, b = flat[:6].reshape(2, 3), flat[6:]
    W += x(cp)
    cp.sum(W, axis=0, out=b)
    return flat


def setitem(value, key=...):
    """An assignment as a function."""
    return lambda a: a.__setitem__(key, value)


def generator(cp, seed=1):
    """A generator of the kind the engine uses."""
    return cp.random.Generator(cp.random.Philox4x3210(np.random.SeedSequence(seed), size=65536))


def same_out(cp):
    """`out=` is what comes back."""
    out = cp.empty((2, 3), "f")
    return np.bool_(
        cp.add(x(cp), 1, out=out) is out and cp.matmul(x(cp).T, x(cp), out=(o := cp.empty((3, 3), "f"))) is o
    )


LEGAL = [
    ("operators", lambda cp: (x(cp) * 2 + 1) / 3, (X * 2 + 1) / 3),
    ("python scalars are weak", lambda cp: x(cp) * 2.5, X * 2.5),
    ("numpy scalars are strong", lambda cp: x(cp) * np.float64(2.5), X * np.float64(2.5)),
    ("numpy scalar on the left", lambda cp: np.float32(2) - x(cp), np.float32(2) - X),
    ("comparison", lambda cp: x(cp) > 2, X > 2),
    ("division by zero is silent", lambda cp: (x(cp) - x(cp)) / 0 + 1 / x(cp), np.full((2, 3), np.nan, "f")),
    ("overflow is silent", lambda cp: cp.exp(x(cp) * 1000)[1], np.full(3, np.inf, "f")),
    ("numpy ufunc dispatches", lambda cp: np.maximum(x(cp), 2), np.maximum(X, 2)),
    ("numpy function dispatches", lambda cp: np.concatenate([x(cp), x(cp)]), np.concatenate([X, X])),
    ("sum is a 0-d array", lambda cp: cp.sum(x(cp)), np.asarray(X.sum())),
    ("sum of int32 is int64", lambda cp: cp.sum(x(cp).astype("i4"), axis=1), X.astype("i4").sum(axis=1)),
    ("mean keepdims", lambda cp: x(cp).mean(axis=0, keepdims=True), X.mean(axis=0, keepdims=True)),
    ("max over axis", lambda cp: cp.max(x(cp), axis=1), X.max(axis=1)),
    ("argmax", lambda cp: cp.argmax(x(cp), axis=1), X.argmax(axis=1)),
    ("matmul with a transpose", lambda cp: x(cp).T @ x(cp), X.T @ X),
    ("tensordot", lambda cp: cp.tensordot(x(cp), x(cp), ((0,), (0,))), X.T @ X),
    ("einsum", lambda cp: cp.einsum("ij,kj->ik", x(cp), x(cp)), X @ X.T),
    ("vdot", lambda cp: cp.vdot(x(cp), x(cp)), np.asarray(np.vdot(X, X))),
    ("where", lambda cp: cp.where(x(cp) > 2, x(cp), 0), np.where(X > 2, X, 0)),
    ("isfinite", lambda cp: cp.isfinite(x(cp)).all(), np.asarray(True)),
    ("take rows", lambda cp: cp.take(x(cp), cp.asarray([1, 0]), axis=0), X[[1, 0]]),
    ("take with out", lambda cp: cp.take(x(cp), cp.asarray([1, 1]), axis=0, out=cp.empty((2, 3), "f")), X[[1, 1]]),
    ("fancy index", lambda cp: x(cp)[cp.asarray([1, 0])], X[[1, 0]]),
    ("mask assignment", lambda cp: written(cp, lambda a: a.__setitem__(a > 2, 0)), np.where(X > 2, 0, X)),
    ("0-d item of an index", lambda cp: x(cp)[1, 2], np.asarray(X[1, 2])),
    ("newaxis and ellipsis", lambda cp: x(cp)[..., None, 1], X[..., None, 1]),
    ("stack", lambda cp: cp.stack([x(cp), x(cp)], axis=1), np.stack([X, X], axis=1)),
    ("array of device arrays", lambda cp: cp.array([x(cp)[0], x(cp)[1]]), X),
    ("transpose copies to C", lambda cp: np.bool_((x(cp).T + 1).flags.c_contiguous), np.bool_(True)),
    ("views share memory", inplace, np.concatenate([X.ravel(), X.sum(0)])),
    ("out comes back", same_out, np.bool_(True)),
    ("clip", lambda cp: cp.clip(x(cp), 1, 3), X.clip(1, 3)),
    ("clip method by keyword", lambda cp: x(cp).clip(min=1), X.clip(min=1)),
    (
        "sliding windows",
        lambda cp: cp.lib.stride_tricks.sliding_window_view(x(cp), 2, axis=1).sum(-1),
        X[:, :2] + X[:, 1:],
    ),
    (
        "assignment of a scalar",
        lambda cp: written(cp, setitem(7, (slice(None), 1))),
        np.array([[0, 7, 2], [3, 7, 5]], "f"),
    ),
    ("assignment casts", lambda cp: written(cp, setitem(cp.asarray(D + 1))), X + 1),
    ("add.reduce", lambda cp: cp.add.reduce(x(cp)), X.sum(0)),
    ("linalg.norm", lambda cp: cp.linalg.norm(x(cp).ravel()), np.asarray(np.linalg.norm(X))),
    ("result dtype of 0-d float64", lambda cp: x(cp) * cp.asarray(2.0), X * 2.0 * np.ones((), "d")),
    ("normal numbers have the shape", lambda cp: generator(cp).standard_normal((2, 3), "f") * 0, X * 0),
    ("normal numbers into out", lambda cp: generator(cp).standard_normal(out=cp.empty(3, "d")) * 0, np.zeros(3)),
    ("same seed, same numbers", lambda cp: generator(cp).random(4) - generator(cp).random(4), np.zeros(4)),
    ("asnumpy", lambda cp: np.bool_(type(cp.asnumpy(x(cp))) is np.ndarray), np.bool_(True)),
    (
        "array module",
        lambda cp: np.bool_(cp.get_array_module(x(cp)) is cp and cp.get_array_module(X) is np),
        np.bool_(True),
    ),
]

ILLEGAL = [
    ("np.asarray(device)", lambda cp: np.asarray(x(cp)), TypeError),
    ("device + host", lambda cp: x(cp) + X, TypeError),
    ("host + device", lambda cp: X + x(cp), TypeError),
    ("host += device", lambda cp: X.copy().__iadd__(x(cp)), TypeError),
    ("device @ host", lambda cp: x(cp) @ X.T, TypeError),
    ("ufunc on a list", lambda cp: cp.add(x(cp), [1, 2, 3]), TypeError),
    ("ufunc on a host array", lambda cp: cp.exp(X), TypeError),
    ("concatenate with a host array", lambda cp: cp.concatenate([x(cp), X]), TypeError),
    ("where with a host array", lambda cp: cp.where(x(cp) > 2, x(cp), X), TypeError),
    ("where of a bool", lambda cp: cp.where(True, x(cp), x(cp)), AttributeError),
    ("assignment of a host array", lambda cp: x(cp).__setitem__(..., X), ValueError),
    ("assignment of a list", lambda cp: x(cp).__setitem__(0, [1, 2, 3]), TypeError),
    ("out is a host array", lambda cp: cp.add(x(cp), 1, out=np.empty((2, 3), "f")), TypeError),
    ("out of too narrow a type", lambda cp: cp.add(cp.asarray(D), 1, out=cp.empty((2, 3), "i")), TypeError),
    ("out of a wrong shape", lambda cp: cp.add(x(cp), 1, out=cp.empty((3, 3), "f")), ValueError),
    ("in place into ints", lambda cp: cp.ones(2, "i").__iadd__(0.5), TypeError),
    ("add(where=)", lambda cp: cp.add(x(cp), 1, where=x(cp) > 1), TypeError),
    ("sum(where=)", lambda cp: x(cp).sum(where=x(cp) > 1), TypeError),
    ("max(initial=)", lambda cp: cp.max(x(cp), initial=0), TypeError),
    ("clip(min=)", lambda cp: cp.clip(x(cp), min=0), TypeError),
    ("reshape(shape=)", lambda cp: cp.reshape(x(cp), shape=(3, 2)), TypeError),
    ("stack(arrays=)", lambda cp: cp.stack(arrays=[x(cp)]), TypeError),
    ("zeros(device=)", lambda cp: cp.zeros(3, device="cpu"), TypeError),
    ("take(mode=)", lambda cp: cp.take(x(cp), 0, mode="clip"), TypeError),
    ("einsum(out=)", lambda cp: cp.einsum("ij->j", x(cp), out=cp.empty(3, "f")), TypeError),
    (
        "matmul with a positional out",
        lambda cp: cp.matmul(x(cp), x(cp).T, cp.empty((2, 2), "f")),
        (TypeError, ValueError),
    ),
    ("vecdot", lambda cp: cp.vecdot(x(cp), x(cp)), AttributeError),
    ("errstate", lambda cp: cp.errstate(all="ignore"), AttributeError),
    ("block", lambda cp: cp.block([x(cp)]), AttributeError),
    ("Generator.permutation", lambda cp: generator(cp).permutation(3), AttributeError),
    ("Generator.normal", lambda cp: generator(cp).normal(size=3), AttributeError),
    ("ctypes", lambda cp: x(cp).ctypes, AttributeError),
    ("maximum.reduce", lambda cp: cp.maximum.reduce(x(cp)), NotImplementedError),
    ("index out of range", lambda cp: x(cp)[2], IndexError),
    ("truth of two", lambda cp: bool(x(cp)), ValueError),
    ("list index from the device", lambda cp: [1, 2][cp.asarray(0)], TypeError),
    ("shapes that do not fit", lambda cp: x(cp) + cp.ones(4, "f"), ValueError),
]


INTO_A_VIEW = np.array([[0, 1, 1], [3, 4, 7]], np.float32)


def axpb(cp, *args, params="T x, T b, float64 a"):
    """A kernel with a bias row and a number."""
    return cp.ElementwiseKernel(params, "T y", "y = T(a) * x + b", "axpb")(*args)


KERNELS = [
    ("kernel broadcasts a row", lambda cp: axpb(cp, x(cp), cp.asarray(B), 2.0), 2 * X + B),
    ("kernel takes a number as T", lambda cp: axpb(cp, x(cp), 3, 2), 2 * X + 3),
    ("kernel T ignores a numpy scalar", lambda cp: axpb(cp, x(cp), np.float64(3), np.float32(2)), 2 * X + 3),
    ("kernel in float64", lambda cp: axpb(cp, cp.asarray(D), 0.1, 2), 2 * D + 0.1),
    ("kernel on a transpose", lambda cp: axpb(cp, x(cp).T, 0.0, 2), 2 * X.T),
    ("kernel in place", lambda cp: axpb(cp, a := x(cp), 1.0, 2.0, a), 2 * X + 1),
    ("kernel into a view", lambda cp: written(cp, lambda a: axpb(cp, a[:, 0], 1, 2, a[:, 2])), INTO_A_VIEW),
    ("kernel types disagree", lambda cp: axpb(cp, x(cp), cp.asarray(B.astype("d")), 2.0), TypeError),
    ("kernel output of another type", lambda cp: axpb(cp, x(cp), 1, 2, cp.empty((2, 3), "d")), TypeError),
    ("kernel 0-d array of a wrong type", lambda cp: axpb(cp, x(cp), 1, cp.asarray(B)[0]), TypeError),
    ("kernel output of another shape", lambda cp: axpb(cp, x(cp), 1, 2, cp.empty((1, 3), "f")), ValueError),
    ("kernel without arrays", lambda cp: axpb(cp, 1.0, 2.0, 3.0), ValueError),
    ("kernel with a host array", lambda cp: axpb(cp, x(cp), B, 2.0), TypeError),
    ("kernel with too few arguments", lambda cp: axpb(cp, x(cp), 1), TypeError),
    ("kernel with a parameter i", lambda cp: axpb(cp, x(cp), 1, 2, params="T i, T b, float64 a"), ValueError),
    ("kernel with a typo", lambda cp: cp.ElementwiseKernel("T x", "T y", "y = sqrtt(x)")(x(cp)), Exception),
    ("kernel writes an input", lambda cp: cp.ElementwiseKernel("T x", "T y", "x = y = 1")(x(cp)), Exception),
]  # fmt: skip
