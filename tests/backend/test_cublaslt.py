"""Epilogues of cuBLASLt: each against NumPy, for every layout and type; where there is none; a captured network.

On a real GPU the same products go to cuBLASLt itself; which epilogues it grants is its own affair.
"""

import ctypes

import numpy as np
import pytest

from npae import dense_autoencoder, layers, losses, tf32
from npae.backend import (
    Cublas,
    CublasLt,
    FlatParameters,
    Parameter,
    blas_of_graphs,
    cublas,
    gpu_module,
    use_blas,
    versions,
)
from npae.backend.cublas import COMPUTE_32F, COMPUTE_32F_FAST_TF32, COMPUTE_64F, CublasError
from npae.backend.cublaslt_plans import HeuristicResult, alignment
from npae.layers import Dense, Sequential, TiedDense
from npae.models import Autoencoder
from tests.backend.test_cublas import LAYOUTS, TOLERANCE, random
from tests.contract import inputs, made
from tests.devices import each_gpu, on, with_fake
from tests.fake_gpu import cublaslt as fake_library
from tests.fake_gpu.fake_cupy import fake_cupy
from tests.train.cuda_graph.test_captured_step import CapturedStep, Step, X, graph_of, theta, trainer

EVERY = {("BIAS", "float32"), ("RELU_BIAS", "float32"), ("BGRADA", "float32"), ("BGRADB", "float32")}
SHAPES = ((3, 4, 5), (1, 4, 5), (3, 1, 5), (3, 4, 1), (1, 1, 1))
ROWS = list(LAYOUTS)[:5]  # read without a copy


def start():
    """A CublasLt on the current stream."""
    xp = gpu_module()
    return CublasLt(xp).on(xp.cuda.get_current_stream())


def refuse(monkeypatch, refused):
    """From now on, the stand-in has no algorithm for these pairs (epilogue, dtype)."""
    real = fake_library.FakeCublasLt
    monkeypatch.setattr(fake_library, "FakeCublasLt", lambda: real(refused))


# ---------------------------------------------------------------------- products


@each_gpu
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("epilogue", ["BIAS", "RELU_BIAS"])
@pytest.mark.parametrize("layout_b", LAYOUTS)
@pytest.mark.parametrize("layout_a", LAYOUTS)
def test_affine_maps_of_all_layouts(device, layout_a, layout_b, epilogue, dtype):
    with on(device) as place:
        blas, xp = start(), gpu_module()
        for m, k, n in SHAPES:
            x = LAYOUTS[layout_a](lambda x: place.put(x.astype(dtype)), m, k)
            W = LAYOUTS[layout_b](lambda x: place.put(x.astype(dtype)), k, n)
            b, memory = place.put(random(n).astype(dtype)), xp.zeros(m * n + 2, dtype)
            expected = place.get(x) @ place.get(W) + place.get(b)
            if epilogue == "RELU_BIAS":
                expected = np.maximum(expected, 0)
            done = blas.affine(x, W, b, epilogue, memory[1:-1].reshape(m, n))
            assert done or not place.is_fake
            if not done:
                expected[...] = 0
            np.testing.assert_allclose(
                place.get(memory[1:-1].reshape(m, n)), expected, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype]
            )
            assert place.get(memory)[[0, -1]].tolist() == [0, 0], "written outside of the result"


@each_gpu
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("of_left", [False, True], ids=["right", "left"])
@pytest.mark.parametrize("layout", ROWS)
def test_a_product_and_the_sum_of_one_factor(device, layout, of_left, dtype):
    """As in backward passes: the factor that is summed is da (right) or daᵀ (left), da in rows."""
    with on(device) as place:
        blas, xp = start(), gpu_module()
        for m, k, n in SHAPES:
            other = LAYOUTS[layout](lambda x: place.put(x.astype(dtype)), *((k, n) if of_left else (m, k)))
            da = place.put(random(k, m if of_left else n).astype(dtype))
            a, b = (da.T, other) if of_left else (other, da)
            out, memory = xp.zeros((m, n), dtype), xp.zeros(da.shape[1] + 2, dtype)
            done = blas.product_and_sum(a, b, of_left, out, memory[1:-1])
            assert done or not place.is_fake or (of_left and k == 1)  # there daᵀ is stored as it is, so without BGRADB
            expected, total = (place.get(a) @ place.get(b), place.get(da).sum(axis=0)) if done else (0, 0)
            np.testing.assert_allclose(place.get(out), expected, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])
            np.testing.assert_allclose(place.get(memory[1:-1]), total, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])
            assert place.get(memory)[[0, -1]].tolist() == [0, 0], "written outside of the sums"


@with_fake
def test_they_are_one_launch_and_allocate_nothing():
    with on("fake") as place:
        blas = start()
        x, W, b, da = (place.put(random(*shape)) for shape in ((4, 3), (3, 2), (2,), (4, 2)))
        h, dW, db = (gpu_module().empty(shape) for shape in ((4, 2), (3, 2), (2,)))
        for _ in range(2):
            with place.no_waiting(), fake_cupy.count() as counted:
                assert blas.affine(x, W, b, "RELU_BIAS", h) and blas.product_and_sum(x.T, da, False, dW, db)
            assert (counted.kernels, counted.allocations) == (2, 0)


@with_fake
def test_the_library_is_asked_once_per_shape_type_and_alignment():
    with on("fake") as place:
        blas = start()
        fake = blas._lt.fake
        out = gpu_module().empty((4, 2), "float32")
        x, W, b, b2 = (place.put(random(*shape).astype("f")) for shape in ((4, 3), (3, 2), (2,), (70,)))
        for row in (b, b, b2[64:66], b2[1:3]):  # the third has the alignment of the first
            assert blas.affine(x, W, row, "BIAS", out)
            np.testing.assert_allclose(place.get(out), place.get(x) @ place.get(W) + place.get(row), rtol=2e-6)
        assert len(fake.asked) == len({alignment(row.data.ptr) for row in (b, b2[64:66], b2[1:3])}) < 4
        before = len(fake.asked)
        with tf32():
            assert blas.affine(x, W, b, "BIAS", out)
        assert len(fake.asked) == before + 1
        x64, W64, b64 = (place.put(place.get(v).astype("d")) for v in (x, W, b))
        assert blas.affine(x64, W64, b64, "BIAS", gpu_module().empty((4, 2)))
        assert [c for _, c in fake.products] == [COMPUTE_32F] * 4 + [COMPUTE_32F_FAST_TF32, COMPUTE_64F]
        assert blas.granted() == {"BIAS TF32": (1, 1), "BIAS float32": (before, before), "BIAS float64": (1, 1)}


@with_fake
def test_handle_and_descriptors_are_freed():
    with on("fake") as place:
        blas = start()
        x, b = place.put(random(2, 2)), place.put(random(2))
        assert blas.affine(x, x, b, "BIAS", gpu_module().empty((2, 2)))
        objects = blas._lt.fake.objects
        assert sorted(o.kind for o in objects.values()) == [
            "MatmulDesc", "MatmulPreference", "MatrixLayout", "MatrixLayout", "MatrixLayout", "handle",
        ]  # fmt: skip
        del blas
        assert not objects


def test_sizes_are_those_of_the_header():
    assert (HeuristicResult.workspace_size.offset, HeuristicResult.state.offset) == (64, 72)
    assert [alignment(p) for p in (4, 24, 1024 * 3)] == [4, 8, 256]
    assert ctypes.sizeof(HeuristicResult) == 96


# ---------------------------------------------------------------------- refusals and errors


@with_fake
def test_what_is_not_granted_is_not_done(monkeypatch):
    refuse(monkeypatch, {("BIAS", "float64"), ("BGRADA", "float64")})
    with on("fake") as place:
        blas, xp = start(), gpu_module()
        x, W, b = (place.put(random(*shape)) for shape in ((4, 3), (3, 2), (2,)))
        out, total = xp.zeros((4, 2)), xp.zeros(2)
        with fake_cupy.count() as counted:
            assert not blas.affine(x, W, b, "BIAS", out) and not blas.affine(x, W, b, None, out)
            assert not blas.product_and_sum(x, W, False, out, total)
        assert counted.kernels == 0 and not place.get(out).any() and not place.get(total).any()
        assert not blas.product_and_sum(x, W, True, out, xp.zeros(4)), "BGRADB takes a transposed factor only"
        assert blas.affine(x, W, b, "RELU_BIAS", out)
        assert not blas.affine(x, W, b, "RELU_BIAS", xp.zeros((4, 4))[:, ::2]), "rows with gaps"
        assert blas.granted() == {
            "BIAS float64": (0, 1), "BGRADA float64": (0, 1), "BGRADB float64": (0, 1), "RELU_BIAS float64": (1, 1),
        }  # fmt: skip


@each_gpu
def test_arguments_that_do_not_fit(device):
    with on(device) as place:
        blas = start()
        x, W, b = (place.put(random(*shape)) for shape in ((4, 3), (3, 2), (2,)))
        out = place.put(random(4, 2))
        for wrong in ((x, x, b, out), (x, W, b[:1], out), (x, W, b, out.T)):
            with pytest.raises(ValueError, match=r"BIAS: expected shapes \(m, k\), \(k, n\), \(m, n\) and \(n,\), got"):
                blas.affine(*wrong[:3], "BIAS", wrong[3])
        with pytest.raises(ValueError, match=r"BGRADB: expected .* and \(m,\), got .* and \(2,\)"):
            blas.product_and_sum(x, W, True, out, b)
        with pytest.raises(TypeError, match="BIAS: expected arrays all of float32 or all of float64, got"):
            blas.affine(x, W, b.astype("float32"), "BIAS", out)


@with_fake
def test_an_error_status_becomes_one_sentence():
    with on("fake") as place:
        blas, x, b = start(), place.put(random(2, 2)), place.put(random(2))
        blas._workspace = gpu_module().empty(8)  # smaller than it was said to be
        with pytest.raises(CublasError, match="^cublasLtMatmul failed with cuBLAS status 7. Train without NPAE_EPIL"):
            blas.affine(x, x, b, "BIAS", gpu_module().empty((2, 2)))


# ---------------------------------------------------------------------- layers


class Cubic(layers.Activation):
    """a³: no epilogue."""

    def f(self, a):
        return a * a * a

    def derivative(self, a, h):
        return 3 * a * a


class ReLUByInput(layers.ReLU):
    """ReLU whose derivative reads a, which RELU_BIAS does not return."""

    def derivative(self, a, h):
        return a > 0


class Shifted(layers.ReLU):
    """A subclass of ReLU that is another function."""

    def f(self, a):
        return layers.ReLU.f(self, a - 1)


@pytest.mark.parametrize(("activation", "name"), [
    (layers.Identity, "BIAS"), (layers.ReLU, "RELU_BIAS"), (layers.Tanh, None), (layers.LeakyReLU, None),
    (layers.Softplus, None), (layers.ELU, None), (Cubic, None), (ReLUByInput, None), (Shifted, None),
])  # fmt: skip
def test_the_epilogue_follows_from_the_formula(activation, name):
    assert activation()._epilogue == name


def layer_of(kind, activation, dtype, device):
    """A Dense or TiedDense layer (4 -> 3) with values; one of several uses of W if tied."""
    if kind == "Dense":
        return made(lambda: Dense(4, 3, activation), dtype, device)
    return made(lambda: Sequential(encoder := Dense(3, 4), TiedDense(encoder, activation)), dtype, device)[1]


@each_gpu
@pytest.mark.parametrize("refused", [(), EVERY], ids=["granted", "refused"])
@pytest.mark.parametrize("state", ["fresh", "added to", "W frozen", "b frozen"])
@pytest.mark.parametrize("activation", [None, "relu", "tanh"])
@pytest.mark.parametrize("kind", ["Dense", "TiedDense"])
def test_layers_compute_what_they_compute_without(device, kind, activation, state, refused, monkeypatch):
    refuse(monkeypatch, refused)
    with on(device) as place:
        x, dh = place.put(inputs((5, 4), dtype=np.float32)), place.put(inputs((5, 3), 1, np.float32))
        results = []
        for blas in (start(), None):
            layer = layer_of(kind, activation, np.float32, place.name)
            frozen = {"W frozen": layer.W, "b frozen": layer.b}.get(state)
            if frozen:
                frozen.trainable = False
            for p in (layer.W, layer.b):
                p.grad.fill(2)
                p.grad_is_set = state != "fresh"
            with use_blas(blas):
                h, cache = layer.forward(x, training=True)
                dx = layer.backward(dh, cache)
            assert layer.W.grad_is_set == (state != "fresh" or layer.W.trainable)
            results.append([place.get(v) for v in (h, dx, layer.W.grad, layer.b.grad)])
            if blas is not None and place.is_fake:
                both = frozen is None and not refused
                forward = activation != "tanh" and not refused
                assert len(blas._lt.fake.products) == both + forward
        for with_, without in zip(*results, strict=True):
            np.testing.assert_allclose(with_, without, rtol=1e-6, atol=1e-6)


def test_on_the_cpu_sums_are_added_beside_the_product():
    W, r, left = (Parameter(name, shape, None) for name, shape in (("W", (2, 3)), ("r", (3,)), ("l", (2,))))
    FlatParameters.allocate({"W": W, "r": r, "l": left}, np.float64, "cpu").grad.fill(1)
    a, b = random(2, 4), random(4, 3)
    W.add_product(a, b, right_sum=r)
    W.add_product(a, b, left_sum=left)
    np.testing.assert_allclose(W.grad, 1 + a @ b + a @ b)
    np.testing.assert_allclose(r.grad, 1 + b.sum(axis=0))
    np.testing.assert_allclose(left.grad, 1 + a.sum(axis=1))


# ---------------------------------------------------------------------- captured networks


@each_gpu
@pytest.mark.parametrize("value", ["1", "0", None])
def test_the_switch(device, value, monkeypatch):
    monkeypatch.delenv("NPAE_EPILOGUES", raising=False)
    if value:
        monkeypatch.setenv("NPAE_EPILOGUES", value)
    with on(device):
        assert type(blas_of_graphs(gpu_module())) is (CublasLt if value == "1" else Cublas)
        assert f"epilogues {'on' if value == '1' else 'off'}" in versions()["gpu"]


def sizes_run(monkeypatch, switch, make=None, kind=CapturedStep):
    """(θ after two epochs, the Trainer), with NPAE_EPILOGUES=switch."""
    monkeypatch.setenv("NPAE_EPILOGUES", switch)
    run = trainer(kind, make and make(), data=X)
    run.run(2)
    return theta(run), run


def deep():
    """784-256-…-4 in small: 7 layers to the code, 7 back."""
    return dense_autoencoder([20, 16, 12, 10, 8, 6, 5, 4], seed=1)


def tied():
    encoder = Dense(20, 8, "tanh")
    return Autoencoder(encoder, TiedDense(encoder), losses.BinaryCrossEntropy(), seed=1)


@each_gpu
@pytest.mark.parametrize(("make", "saved", "granted"), [
    (deep, 28, {"BGRADA float32": (14, 14), "BIAS float32": (2, 2), "RELU_BIAS float32": (12, 12)}),
    (tied, 3, {"BGRADA float32": (1, 1), "BGRADB float32": (1, 1), "BIAS float32": (1, 1)}),
], ids=["deep", "tied"])  # fmt: skip
def test_a_captured_network_with_epilogues(device, make, saved, granted, monkeypatch):
    """The numbers of ordinary steps, with fewer nodes: of 14 layers, bias and bias gradient of each."""
    with on(device) as place:
        with_, run = sizes_run(monkeypatch, "1", make)
        without, plain = sizes_run(monkeypatch, "0", make)
        eager, _ = sizes_run(monkeypatch, "1", make, Step)
        tolerance = 1e-5 if place.is_fake else 1e-3
        np.testing.assert_allclose(with_, without, rtol=tolerance, atol=tolerance)
        np.testing.assert_allclose(with_, eager, rtol=tolerance, atol=tolerance)
        assert graph_of(run) is not None and graph_of(plain) is not None
        if place.is_fake:
            nodes = [len(graph_of(r)._graph._captured.operations) for r in (plain, run)]
            assert nodes[0] - nodes[1] == saved
            assert run.step._blas.granted() == granted


@each_gpu
@pytest.mark.parametrize("make", [deep, tied])
def test_with_weight_gradients_on_a_second_stream(device, make, monkeypatch):
    monkeypatch.setenv("NPAE_FORK", "1")
    with on(device) as place:
        with_, run = sizes_run(monkeypatch, "1", make)
        assert graph_of(run) is not None
        eager, _ = sizes_run(monkeypatch, "1", make, Step)
        tolerance = 1e-5 if place.is_fake else 1e-3
        np.testing.assert_allclose(with_, eager, rtol=tolerance, atol=tolerance)


@with_fake
def test_a_captured_network_without_any_epilogue_has_the_plain_nodes(monkeypatch):
    refuse(monkeypatch, EVERY)
    with on("fake"):
        with_, run = sizes_run(monkeypatch, "1", deep)
        without, plain = sizes_run(monkeypatch, "0", deep)
        np.testing.assert_array_equal(with_, without)
        nodes = [len(graph_of(r)._graph._captured.operations) for r in (plain, run)]
        assert nodes[0] == nodes[1]
        assert set(run.step._blas.granted().values()) == {(0, 14), (0, 2), (0, 12)}


@with_fake
def test_nan_reaches_the_gradient_although_the_epilogue_hides_it():
    with on("fake") as place:
        layer = made(lambda: Dense(4, 3, "relu"), np.float32, place.name)
        x = place.put(np.full((5, 4), np.nan, np.float32))
        with use_blas(start()):
            h, cache = layer.forward(x, training=True)
            layer.backward(place.put(inputs((5, 3), 1, np.float32)), cache)
        assert not place.get(h).any() and np.isnan(place.get(layer.W.grad)).all()


@with_fake
def test_without_the_library_steps_are_ordinary(monkeypatch):
    def only_cublas(name):
        if name == "cublasLt":
            raise OSError("libcublasLt.so.13: cannot open shared object file")
        return fake_library.load(name)

    with on("fake"):
        with monkeypatch.context() as patch, pytest.warns(match="libcublasLt.so.13: cannot open.*ordinary steps"):
            patch.setattr(cublas, "load", only_cublas)
            with_, run = sizes_run(monkeypatch, "1")
        eager, _ = sizes_run(monkeypatch, "1", kind=Step)
        assert graph_of(run) is None
        np.testing.assert_array_equal(with_, eager)
