r"""Chapter 16. The machine: memory traffic, compiled loops, and what a GPU does
=============================================================================

All chapters before ask which numbers are right. This one asks why the same numbers take much longer in one program than
in another. The reason is seldom the arithmetic. A processor waits for memory, and a GPU waits for the program that
gives it work. We count what has to be moved, derive from it how a formula should be computed, and look at the engine's
three ways to do so: blocks, one compiled loop, one kernel. Times are printed as ratios, as measured on the machine that
made this page. They depend on it and on what else it does, so nothing is asserted about them. The counts and the
results are.
"""

import inspect
import re
import time
import tracemalloc

import matplotlib.pyplot as plt
import numpy as np

from demos.figures.canvas import open_frame
from demos.palette import COLOURS, GREY, INK, PAPER
from npae import dense_autoencoder, mnist
from npae.backend import Arena
from npae.backend.formulas.loop_text import loop_text
from npae.backend.formulas.on_cupy import kernel_text
from npae.backend.formulas.on_numba import LoopProgram, available
from npae.backend.formulas.on_numpy import BLOCK, BlockProgram
from npae.backend.memory import _Frame
from npae.optim.adam import _adam

# %%
# Counting traffic
# ----------------
#
# Adam (chapter 4) is an elementwise formula: each number of the new :math:`\theta, m, v` depends on the numbers at the
# same place of :math:`\theta, m, v, g`. The engine has it as this text:
print(inspect.getsource(_adam.plain))

# %%
# NumPy computes it operation by operation. Each operation reads whole arrays from memory and writes one. The engine can
# list these operations: it calls the function once with symbols in the place of arrays, which record what is done to
# them.
NUMBERS = {"beta1", "one_minus_beta1", "beta2", "one_minus_beta2", "rate", "eps"}
inputs, operations, outputs = _adam.traced


def is_array(symbol):
    """Is it an array, and not a number such as β₁?"""
    return symbol.op != "constant" and symbol.name not in NUMBERS


names = {id(symbol): symbol.name for symbol in inputs} | {id(op): f"t{k}" for k, op in enumerate(operations)}
apart = 0
for op in operations:
    moved = sum(map(is_array, op.args)) + 1
    apart += moved
    text = f"{names[id(op)]} = {op.op}({', '.join(names[id(symbol)] for symbol in op.args)})"
    print(f"{text:38} {moved} arrays read or written")
together = sum(map(is_array, inputs)) + len(outputs)
print(f"one operation at a time: {apart} arrays;  all at once: {together}")
assert (len(operations), apart, together) == (12, 29, 7)

# %%
# 12 operations move 29 numbers per parameter. But the formula needs to read only 4 and to write 3. If memory is the
# limit, the first way takes :math:`29/7 = 4.1` times as long as necessary.
#
# **Is memory the limit?** A task has :math:`F` operations and moves :math:`M` bytes. A processor that does :math:`f`
# operations per second, with a memory that moves :math:`w` bytes per second, cannot be faster than
#
# .. math::
#     t \ge \max\left( \frac{F}{f}, \frac{M}{w} \right), \qquad
#     \frac{F}{f} < \frac{M}{w} \quad\Leftrightarrow\quad \frac{F}{M} < \frac{f}{w}
#
# :math:`F/M` is the *arithmetic intensity* of the task, :math:`f/w` belongs to the machine. Adam in float32 has
# :math:`12/(7 \cdot 4)` operations per byte, if each number is moved once. A product of a batch :math:`(B, n)` and
# weights :math:`(n, m)` has :math:`m` sums of :math:`n` products per row, :math:`2Bnm` operations, on
# :math:`Bn + nm + Bm` numbers:
#
# .. math::
#     \frac{F}{M} = \frac{2 B n m}{4\, (B n + n m + B m)}
B, n, m = 100, 784, 256
of_adam, of_product = 12 / (7 * 4), 2 * B * n * m / (4 * (B * n + n * m + B * m))
print(f"operations per byte: Adam {of_adam:.2f}, matrix product {of_product:.0f}")
assert round(of_adam, 2) == 0.43 and round(of_product) == 33 and round(29 / 7, 1) == 4.1

# %%
# 0.43 and 33. A processor can do far more than one operation in the time in which a byte arrives. So it computes
# matrix products at full speed, and waits at every elementwise formula. Products are best left to the BLAS, a library
# for them. What is left to do is to move less.
#
# Blocks that fit into the cache
# ------------------------------
#
# Between processor and memory is a *cache*, small and fast. Take so few elements at a time that all arrays of the
# formula fit into it: the first operation brings them from memory, the others find them there. Only the last results
# have to go back. For each block this runs all operations, in few temporary arrays that every block uses again:
print(inspect.getsource(BlockProgram._run_block))


def arrays(n):
    """θ, m, v, g of n numbers."""
    rng = np.random.default_rng(0)
    theta, m, v, g = (rng.standard_normal(n, dtype=np.float32) for _ in range(4))
    return theta, m, v * v, g


coefficients = (0.9, 0.1, 0.999, 0.001, 1e-3, 1e-8)


def as_written(theta, m, v, g):
    theta[...], m[...], v[...] = _adam.plain(theta, m, v, g, *coefficients)


def in_blocks_of(size):
    """A function that computes Adam in blocks of so many elements."""

    def run(theta, m, v, g):
        for start in range(0, len(theta), size):
            t, first, second, gradient = (a[start : start + size] for a in (theta, m, v, g))
            _adam.blocks._run_block((t, first, second, gradient, *coefficients), (t, first, second))

    return run


def same_bits(run, n=200_001):
    """Does a function of (θ, m, v, g) give the same bits as the formula as it is written?"""
    expected, found = arrays(n), arrays(n)
    as_written(*expected)
    run(*found)
    return all(np.array_equal(a.view(np.uint32), b.view(np.uint32)) for a, b in zip(expected, found, strict=True))


assert all(same_bits(in_blocks_of(size)) for size in (1000, BLOCK))
assert BLOCK == 65_536 and BLOCK * 4 == 256 * 1024


def seconds(run, given, times=3):
    """The least of some measured times. Only the time of this thread counts, not that of other programs."""
    found = []
    for _ in range(times):
        start = time.thread_time()
        run(*given)
        found.append(time.thread_time() - start)
    return min(found)


given = arrays(2**22)
sizes = 2 ** np.arange(9, 23)
by_size = np.array([seconds(in_blocks_of(int(size)), given) for size in sizes])
written = seconds(as_written, given)

# %%
# Too small a block, and Python's work for each call counts; too large, and the block falls out of the cache. The
# engine's blocks have 65,536 numbers, 256 KiB of float32. On several cores, several threads take a block each.
#
# One compiled loop
# -----------------
#
# Even in the cache, 29 arrays pass through the processor where 7 would do. A loop over the elements does all operations
# on one element before it takes the next, and the temporary results never leave the processor. Python is too slow for
# such a loop. So the engine writes its text from the recorded operations, and lets Numba compile it, where that is
# installed:
given_as = {id(symbol): (symbol.name, "array" if is_array(symbol) else "number") for symbol in inputs}
text, _ = loop_text(dict(zip(("theta", "m", "v"), outputs, strict=True)), given_as)
print(text)

# %%
# The text itself is a Python function. We run it as it is, uncompiled, on a few numbers: the same bits again. All of
# :math:`+, -, \times, \div` and the root are rounded alike everywhere, so the order of the loop changes nothing.
scope = {"T": np.float32, "sqrt": np.sqrt}
exec(text, scope)
order = list(inspect.signature(scope["loop"]).parameters)


def by_the_text(theta, m, v, g):
    named = {"theta": theta, "m": m, "v": v, "g": g}
    named |= dict(zip([symbol.name for symbol in inputs[4:]], coefficients, strict=True))
    scope["loop"](*[named[name] for name in order])


assert same_bits(by_the_text, n=300)

whole, blocks = seconds(in_blocks_of(2**22), given), seconds(in_blocks_of(BLOCK), given)
ratios = {"as written": written, "no new arrays": whole, f"blocks of {BLOCK:,}": blocks}
if available():  # Numba
    program = LoopProgram(_adam.traced, ("array",) * 4 + ("number",) * 6, (0, 1, 2), np.dtype(np.float32))

    def compiled(theta, m, v, g):
        program.run((theta, m, v, g, *coefficients), (theta, m, v))

    assert same_bits(compiled)
    ratios["one compiled loop"] = seconds(compiled, given)
for name, value in ratios.items():
    print(f"{name}: {value / written:.2f} of the time of the formula as written")

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.9), width_ratios=(3, 2), layout="constrained")
left.semilogx(sizes, by_size / written, "o-", color=COLOURS[0], ms=4, base=2)
left.axhline(1, color=GREY, ls="--", lw=0.9)
left.annotate("as written", (sizes[-1], 1), (0, 4), textcoords="offset points", color=GREY, ha="right")
left.axvline(BLOCK, color=GREY, lw=0.8, ls=":")
left.annotate("the engine's blocks", (BLOCK, by_size.max() / written), (4, -8), textcoords="offset points", color=INK)
left.set(xlabel="numbers per block", ylabel="time, relative", ylim=(0, None), title="Adam on four million parameters")
bars = right.barh(list(ratios), [value / written for value in ratios.values()], color=COLOURS[: len(ratios)])
right.bar_label(bars, fmt="%.2f", padding=4)
predicted = together / apart * whole / written
right.plot([predicted, predicted], [-0.5, len(ratios) - 0.5], color=INK, lw=0.9, ls="--")
right.annotate("7/29 of “no new arrays”", (predicted, len(ratios) - 0.5), (3, -4), textcoords="offset points", va="top")
right.set(xlabel="time, relative", title="Four ways", xlim=(0, 1.15), ylim=(len(ratios) - 0.1, -0.5))
for axes in (left, right):
    open_frame(axes)

# %%
# "No new arrays" is operation by operation, over whole arrays, into arrays that exist. The formula as it is written
# takes longer, since the system has to provide new memory for each temporary result. The dashed line is what the count
# predicts for one pass over memory in place of all. A loop can be faster still: it saves the way between cache and
# processor as well. A machine with a fast memory or a large cache gains less from the blocks.
#
# One kernel instead of many
# --------------------------
#
# **None of what follows has run on a real GPU.** The engine's GPU path is tested with a stand-in that compiles its
# kernels for the CPU. It is explained here because the reasons are the same; no times are given, since none were
# measured.
#
# A GPU has thousands of arithmetic units and a memory of its own. A program for it is a *kernel*: a function that every
# thread runs for one element. The CPU *launches* kernels, one after the other. An elementwise formula as CuPy computes
# it, operation by operation, is a launch and a pass over memory for each operation. So the engine makes one kernel of
# the list above. This is its C++ text; ``T`` is ``float`` or ``double``:
kinds = tuple("array" if is_array(symbol) else "number" for symbol in inputs)
parameters, results, body = kernel_text(_adam, kinds)
print(f"{parameters}  →  {results}\n{body}")

# %%
# These statements are also Python, but for ``const T`` and semicolons. So the arithmetic of the kernel can be checked
# here: with arrays in the place of elements, it gives the same bits as the formula. On a GPU the compiler may join a
# product and a sum to one operation, which rounds once and not twice. Then the last bit can differ.
statements = re.sub(r"const T |;", "", body)


def by_the_kernel(theta, m, v, g):
    local = {"theta": theta, "m": m, "v": v, "g": g, "T": np.float32, "sqrt": np.sqrt}
    local |= dict(zip([symbol.name for symbol in inputs[4:]], coefficients, strict=True))
    exec(statements, local)
    theta[...], m[...], v[...] = local["out0"], local["out1"], local["out2"]


assert same_bits(by_the_kernel)

# %%
# A captured step
# ---------------
#
# Let a training step consist of :math:`K` kernels. A launch costs the CPU the time :math:`t_l`, and the GPU needs
# :math:`t_k` for a kernel. Launches are queued, so that both work at the same time, and the slower one decides:
#
# .. math::
#     t \approx \max(K\, t_l,\ K\, t_k)
#
# For small networks :math:`t_l > t_k`: the GPU waits most of the time. The cure is to *capture* the step: to record its
# launches once, as a *CUDA graph*, and then to launch the whole graph with one call, :math:`t \approx t_l + K\, t_k`. A
# graph repeats the same operations on the same addresses. From this follow two rules. We derive them with a graph of
# our own, of NumPy operations: it is ten lines long.


class Graph:
    """Operations that are run, and recorded, so that they can be run again on the same arrays."""

    def __init__(self):
        self.operations = []

    def __call__(self, operation, *operands, out):
        self.operations.append((operation, operands, out))
        operation(*operands, out=out)

    def launch(self):
        for operation, operands, out in self.operations:
            operation(*operands, out=out)


digits = mnist(which="sample").train_images[:400].reshape(-1, 784) / 255.0
batches, rng = digits.reshape(4, 100, 784), np.random.default_rng(0)
W0, V0 = rng.normal(0, 0.03, (784, 16)), rng.normal(0, 0.03, (16, 784))


def step(do, x, W, V, eta):
    """One step of a linear autoencoder: every operation goes through `do`, which may record it."""
    h, dx_hat, dh = np.empty((100, 16)), np.empty((100, 784)), np.empty((100, 16))
    dW, dV = np.empty_like(W), np.empty_like(V)
    do(np.matmul, x, W, out=h)
    do(np.matmul, h, V, out=dx_hat)  # x̂
    do(np.subtract, dx_hat, x, out=dx_hat)
    do(np.divide, dx_hat, 100, out=dx_hat)
    do(np.matmul, h.T, dx_hat, out=dV)
    do(np.matmul, dx_hat, V.T, out=dh)
    do(np.matmul, x.T, dh, out=dW)
    for theta, gradient in ((W, dW), (V, dV)):
        do(np.multiply, gradient, eta, out=gradient)
        do(np.subtract, theta, gradient, out=theta)


def now(operation, *operands, out):
    operation(*operands, out=out)


W, V = W0.copy(), V0.copy()
for batch in batches:
    step(now, batch, W, V, 0.05)

graph, x, eta = Graph(), batches[0].copy(), np.array(0.05)
W_graph, V_graph = W0.copy(), V0.copy()
step(graph, x, W_graph, V_graph, eta)
for batch in batches[1:]:
    x[...] = batch  # the next batch, at the same address
    graph.launch()
largest = max(np.abs(W - W_graph).max(), np.abs(V - V_graph).max())
print(f"{len(graph.operations)} operations, launched as one; largest difference to ordinary steps {largest:.0e}")
assert largest < 1e-12 and len(graph.operations) == 11

# %%
# **Rule 1: what changes from step to step must be in memory, at a fixed address.** The batch is copied to where the
# graph expects it. And the learning rate is an array of one number. As a Python number it would be frozen into the
# graph: later changes would have no effect, and no message would show it.
eta[...] = 0
before = W_graph.copy()
graph.launch()
assert np.array_equal(W_graph, before)  # the new learning rate, 0, has been read

frozen, rate = Graph(), 0.05
step(frozen, x, W_graph, V_graph, rate)
rate, before = 0.0, W_graph.copy()
frozen.launch()
assert not np.array_equal(W_graph, before)  # the graph still uses 0.05

# %%
# **Rule 2: all intermediate arrays must stay where they are.** The engine's steps get them from an *arena*: the
# :math:`k`-th request of a step gets the array of the :math:`k`-th request of the step before. So after the first step
# nothing is allocated. This serves the CPU as well, since arrays that are used again are still in the cache.
print(inspect.getsource(_Frame.next))

model, arena, x = dense_autoencoder([784, 128, 32], "relu"), Arena(), digits[:100].astype(np.float32)
addresses, peaks = [], []
for _ in range(3):
    tracemalloc.start()
    with arena.frame(len(x)) as frame, model.theta.fresh_grad():
        model.backpropagate(x)
        addresses.append([buffer.ctypes.data for buffer in frame.buffers])
    peaks.append(tracemalloc.get_traced_memory()[1])
    tracemalloc.stop()
print(f"{len(addresses[0])} arrays; kB allocated in steps 1, 2, 3:", [round(peak / 1000) for peak in peaks])
assert addresses[0] == addresses[1] == addresses[2] and peaks[2] < peaks[0] / 5

# %%
# ``npae.train.cuda_graph`` captures the engine's steps by these rules: row numbers and the optimizer's coefficients are
# in device memory, and before every launch it compares the addresses of all arrays that may have been replaced. If one
# has, it captures the step again. If a step cannot be captured, there is a warning and ordinary steps go on. Once more:
# this part has run on a stand-in only.
#
# The picture draws the two formulas for ten kernels, with *assumed* times, :math:`t_l = 5` and :math:`t_k = 2`.
K, t_l, t_k = 10, 5, 2
ends_ordinary = [(k + 1) * t_l + t_k for k in range(K)]
ends_captured = [t_l + (k + 1) * t_k for k in range(K)]
assert ends_ordinary[-1] == K * t_l + t_k and ends_captured[-1] == t_l + K * t_k

figure, axes = plt.subplots(figsize=(9, 3), layout="constrained")
rows = {"ordinary: CPU": 3.2, "GPU": 2.3, "captured: CPU": 0.9, "GPU ": 0}
for k in range(K):
    axes.broken_barh([(k * t_l, t_l)], (2.85, 0.7), color=COLOURS[0], edgecolor=PAPER)
    axes.broken_barh([(ends_ordinary[k] - t_k, t_k)], (1.95, 0.7), color=COLOURS[2], edgecolor=PAPER)
    axes.broken_barh([(ends_captured[k] - t_k, t_k)], (-0.35, 0.7), color=COLOURS[2], edgecolor=PAPER)
axes.broken_barh([(0, t_l)], (0.55, 0.7), color=COLOURS[0], edgecolor=PAPER)
axes.text(t_l / 2, 3.65, "launch", color=COLOURS[0], ha="center")
axes.text(ends_ordinary[0] - t_k / 2, 1.9, "kernel", color=COLOURS[2], ha="center", va="top")
axes.set(yticks=list(rows.values()), yticklabels=list(rows), xlabel="time",
         title="Ten kernels, launched one by one and as one graph (assumed times)", ylim=(-0.6, 4.1))  # fmt: skip
open_frame(axes)
axes.spines["left"].set_visible(False)
axes.tick_params(axis="y", length=0)


# %%
# Exercises
# ---------
#
# **1.** Compute a function of one array in blocks.
def in_blocks(f, x, out, size):
    """out[i] = f(x)[i] for arrays (n,), where f never gets more than `size` numbers at once. Returns nothing."""


def check_in_blocks(answer):
    for n, size in ((1000, 100), (1003, 100), (5, 100), (100, 100)):
        x, out, calls = np.random.default_rng(n).normal(size=n), np.full(n, np.nan), []

        def f(block, calls=calls):
            calls.append(len(block))
            return block * block

        answer(f, x, out, size)
        np.testing.assert_array_equal(out, x * x, err_msg=f"n = {n}, size = {size}")
        assert max(calls) <= size, f"expected at most {size} numbers at once, got {max(calls)}"
        assert len(calls) == -(-n // size), f"n = {n}, size = {size}: expected {-(-n // size)} calls, got {len(calls)}"


# %%
# **2.** For a machine with :math:`f/w = I` operations per byte: from which batch size on does arithmetic limit the
# product of :math:`(B, n)` and :math:`(n, m)`, and no longer memory? Solve the formula of the intensity for :math:`B`.
def batch_size_for(n, m, intensity):
    """B, not rounded, at which the product has this many operations per byte in float32."""


def check_batch_size_for(answer):
    for n, m, intensity in ((784, 256, 10.0), (2000, 3000, 50.0), (500, 500, 5.0)):
        B = answer(n, m, intensity)
        found = 2 * B * n * m / (4 * (B * n + n * m + B * m))
        np.testing.assert_allclose(found, intensity, rtol=1e-9, err_msg=f"intensity at the answer for n = {n}, m = {m}")


# %%
# This is the last chapter. All formulas of the book are in the engine's files, beside the lines that compute them.
plt.show()
