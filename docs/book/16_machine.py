r"""Chapter 16. The machine: memory traffic, compiled loops, and what a GPU does
=============================================================================

All chapters before ask which numbers are right. This one asks why the same numbers take much longer in one program than
in another. The reason is seldom the arithmetic. A processor waits for memory, and a GPU waits for the program that
gives it work. We count what has to be moved, and derive from it how a formula should be computed: in blocks, in one
compiled loop, in one kernel. Times are ratios, measured on the machine that made this page. They depend on it and on
what else it does, so only the counts and the results are asserted.
"""

import inspect
import re
import textwrap
import time
import tracemalloc

import matplotlib.pyplot as plt
import numpy as np

from demos.exercises import attempt, compare, returned
from demos.figures.canvas import open_frame
from demos.palette import COLOURS, GREY, INK
from npae import dense_autoencoder, mnist
from npae.backend import Arena
from npae.backend.formulas.loop_text import Stage, loop_text
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
# NumPy computes it operation by operation. Each one reads whole arrays from memory and writes one. The engine lists the
# operations: it calls the function once, with symbols in the place of arrays, which record what is done to them.
NUMBERS = {"beta1", "one_minus_beta1", "beta2", "one_minus_beta2", "least", "rate", "eps"}
inputs, operations, outputs = _adam.traced


def is_array(symbol):
    """Is it an array, and not a number such as β₁?"""
    return symbol.op != "constant" and symbol.name not in NUMBERS


names = {id(symbol): symbol.name for symbol in inputs}
apart = 0
for k, op in enumerate(operations):
    names[id(op)] = f"t{k}"
    text = f"t{k} = {op.op}({', '.join(names[id(symbol)] for symbol in op.args)})"
    moved = sum(map(is_array, op.args)) + 1
    apart += moved
    print(f"{text:38} {moved} arrays read or written")
together = sum(map(is_array, inputs)) + len(outputs)
print(f"one operation at a time: {apart} arrays;  all at once: {together}")
assert (len(operations), apart, together) == (18, 43, 7)

# %%
# 18 operations move 43 numbers per parameter. But the formula needs to read only 4 and to write 3. If memory is the
# limit, the first way takes :math:`43/7 = 6.1` times as long as necessary.
#
# **Is memory the limit?** A task has :math:`F` operations and moves :math:`M` bytes. A processor that does :math:`f`
# operations per second, with a memory that moves :math:`w` bytes per second, cannot be faster than
#
# .. math::
#     t \ge \max\left( \frac{F}{f}, \frac{M}{w} \right), \qquad
#     \frac{F}{f} < \frac{M}{w} \quad\Leftrightarrow\quad \frac{F}{M} < \frac{f}{w}
#
# :math:`F/M` is the *arithmetic intensity* of the task, :math:`f/w` belongs to the machine. Adam in float32 has
# :math:`18/(7 \cdot 4)` operations per byte, if each number is moved once. A product of a batch :math:`(B, n)` and
# weights :math:`(n, m)` has :math:`m` sums of :math:`n` products per row, :math:`2Bnm` operations, on
# :math:`Bn + nm + Bm` numbers:
#
# .. math::
#     \frac{F}{M} = \frac{2 B n m}{4\, (B n + n m + B m)}
B, n, m = 100, 784, 256
of_adam, of_product = 18 / (7 * 4), 2 * B * n * m / (4 * (B * n + n * m + B * m))
print(f"operations per byte: Adam {of_adam:.2f}, matrix product {of_product:.0f}")
assert round(of_adam, 2) == 0.64 and round(of_product) == 33 and round(43 / 7, 1) == 6.1

# %%
# 0.64 and 33. A processor can do far more than one operation in the time in which a byte arrives. So it computes
# matrix products at full speed, and waits at every elementwise formula. Products are best left to the BLAS, a library
# for them. Elementwise formulas should move less.
#
# Blocks that fit into the cache
# ------------------------------
#
# Between processor and memory is a *cache*, small and fast. Take so few elements at a time that all arrays of the
# formula fit into it. Then only the first operation waits for memory, and only the last results go back. For each block
# the engine runs all operations, in few temporary arrays that every block uses again:
print(inspect.getsource(BlockProgram._run_block))


def arrays(n):
    """θ, m, v, g of n numbers."""
    rng = np.random.default_rng(0)
    theta, m, v, g = (rng.standard_normal(n, dtype=np.float32) for _ in range(4))
    return theta, m, v * v, g


coefficients = (0.9, 0.1, 0.999, 0.001, 2.0**-126, 1e-3, 1e-8)


def as_written(theta, m, v, g):
    """Adam as its formula, with a new array for every operation."""
    theta[...], m[...], v[...] = _adam.plain(theta, m, v, g, *coefficients)


def in_blocks_of(size):
    """A function that computes Adam in blocks of so many elements."""

    def run(*given):
        for start in range(0, len(given[0]), size):
            block = tuple(a[start : start + size] for a in given)
            _adam.blocks._run_block((*block, *coefficients), block[:3])

    return run


def same_bits(run, n=200_001):
    """Does a function of (θ, m, v, g) give the same bits as the formula as it is written?"""
    expected, found = arrays(n), arrays(n)
    as_written(*expected)
    run(*found)
    return all(a.tobytes() == b.tobytes() for a, b in zip(expected, found, strict=True))


assert all(same_bits(in_blocks_of(size)) for size in (1000, BLOCK))
assert BLOCK == 65_536 and BLOCK * 4 == 256 * 1024


def seconds(run, given):
    """The least of three measured times. Other programs do not count."""
    times = []
    for _ in range(3):
        start = time.thread_time()
        run(*given)
        times.append(time.thread_time() - start)
    return min(times)


given, sizes = arrays(2**22), 2 ** np.arange(9, 23)
by_size = np.array([seconds(in_blocks_of(int(size)), given) for size in sizes])
written = seconds(as_written, given)

# %%
# If a block is too small, the work of Python for each call counts. If it is too large, it falls out of the cache. The
# engine's blocks have 65,536 numbers, 256 KiB of float32. On several cores, each thread takes a block after another.
#
# One compiled loop
# -----------------
#
# Even in the cache, 43 arrays pass through the processor where 7 would do. A loop over the elements does all operations
# on one element before it takes the next, and the temporary results never leave the processor. Python is too slow for
# such a loop. So the engine writes its text from the recorded operations, and lets Numba compile it, where that is
# installed:
kinds = ("array",) * 4 + ("number",) * 7
given_as = {id(s): (s.name, kind) for s, kind in zip(inputs, kinds, strict=True)}
text, _ = loop_text([Stage(dict(zip(("theta", "m", "v"), outputs, strict=True)))], given_as)
print(text)

# %%
# The text itself is a Python function. We run it as it is, uncompiled, on a few numbers: the same bits again. The
# standard of floating-point numbers, IEEE 754, fixes how :math:`+, -, \times, \div` and the root are rounded, so the
# order of the loop changes nothing.
scope = {"T": np.float32, "sqrt": np.sqrt, "fabs": np.abs}
exec(text, scope)
order = list(inspect.signature(scope["loop"]).parameters)
numbers = dict(zip([symbol.name for symbol in inputs[4:]], coefficients, strict=True))


def by_the_text(theta, m, v, g):
    named = {"theta": theta, "m": m, "v": v, "g": g} | numbers
    scope["loop"](*[named[name] for name in order])


assert same_bits(by_the_text, n=300)

whole, blocks = by_size[-1], by_size[sizes == BLOCK].item()
ratios = {"as written": written, "no new arrays": whole, f"blocks of {BLOCK:,}": blocks}
if available():  # Numba
    program = LoopProgram(_adam.traced, kinds, (0, 1, 2), np.dtype(np.float32))

    def compiled(theta, m, v, g):
        program.run((theta, m, v, g, *coefficients), (theta, m, v), theta.size)

    assert same_bits(compiled)
    ratios["one compiled loop"] = seconds(compiled, given)

figure, pair = plt.subplots(1, 2, figsize=(10, 3.9), width_ratios=(3, 2), layout="constrained")
left, right = pair
left.semilogx(sizes, by_size / written, "o-", color=COLOURS[0], ms=4, base=2)
left.axhline(1, color=GREY, ls="--", lw=0.9)
left.text(sizes[-1], 1.03, "as written", color=GREY, ha="right")
left.axvline(BLOCK, color=GREY, lw=0.8, ls=":")
left.text(BLOCK * 1.1, by_size.max() / written, "the engine's blocks", color=INK, va="top")
left.set(xlabel="numbers per block", ylabel="time, relative", ylim=(0, None))
left.set_title("Adam on four million parameters")
relative = [value / written for value in ratios.values()]
bars = right.barh(list(ratios), relative, color=COLOURS[: len(ratios)])
right.bar_label(bars, fmt="%.2f", padding=4)
predicted, bottom = together / apart * whole / written, len(ratios) - 0.5
right.plot([predicted, predicted], [-0.5, bottom], color=INK, lw=0.9, ls="--")
right.text(predicted, bottom + 0.1, " 7/43 of “no new arrays”", va="top")
right.set(xlabel="time, relative", xlim=(0, 1.15), ylim=(bottom + 0.4, -0.5))
for axes in pair:
    open_frame(axes)

# %%
# "No new arrays" is operation by operation, over whole arrays, into arrays that exist. The formula as it is written
# takes longer, since the system has to provide new memory for each temporary result. The dashed line is what the count
# predicts for one pass over memory. A loop can be faster still, since its temporary results need no cache either.
#
# One kernel instead of many
# --------------------------
#
# **None of what follows has run on a real GPU.** The engine's GPU path is tested with a stand-in that compiles its
# kernels for the CPU. The reasons are the same, but no times are given.
#
# A GPU has thousands of arithmetic units and a memory of its own. A program for it is a *kernel*: a function that every
# thread runs for one element. The CPU *launches* kernels, one after the other. An elementwise formula as CuPy computes
# it, operation by operation, is a launch and a pass over memory for each operation. So the engine makes one kernel of
# the list above. This is its C++ text; ``T`` is ``float`` or ``double``:
parameters, results, body = kernel_text(_adam, kinds)
print(textwrap.fill(f"{parameters} → {results}", 90), body, sep="\n")

# %%
# Without ``const T`` and semicolons these statements are Python. So the arithmetic of the kernel can be checked here,
# with arrays in the place of elements: the same bits as the formula. On a GPU the compiler may join a product and a sum
# to one operation, which rounds once and not twice. Then the last bit can differ.
statements = re.sub(r"const T |;", "", body)


def by_the_kernel(theta, m, v, g):
    named = scope | {"theta": theta, "m": m, "v": v, "g": g} | numbers
    exec(statements, named)
    theta[...], m[...], v[...] = (named[f"out{k}"] for k in range(3))


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
# launches once, as a *CUDA graph*, and then to launch the whole graph with one call, :math:`t \approx t_l + K\, t_k`.
# For :math:`K = 10`, :math:`t_l = 5` and :math:`t_k = 2` that is 25 in place of 50.
#
# A graph repeats the same operations on the same addresses. Two rules follow. We see them in a graph of our own, of
# NumPy operations.


class Graph:
    """Operations that are run and recorded, to be run again on the same arrays."""

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
W, V = rng.normal(0, 0.03, (784, 16)), rng.normal(0, 0.03, (16, 784))
W_graph, V_graph = W.copy(), V.copy()


def step(do, x, W, V, eta):
    """One step of a linear autoencoder. `do` runs every operation, and may record it."""
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


for batch in batches:
    step(Graph(), batch, W, V, 0.05)  # an ordinary step: its record is not used

graph, x, eta = Graph(), batches[0].copy(), np.array(0.05)
step(graph, x, W_graph, V_graph, eta)
for batch in batches[1:]:
    x[...] = batch  # the next batch, at the same address
    graph.launch()
largest = max(np.abs(W - W_graph).max(), np.abs(V - V_graph).max())
print(f"{len(graph.operations)} operations in one launch, differences {largest:.0e}")
assert largest < 1e-12 and len(graph.operations) == 11


# %%
# **Rule 1: what changes from step to step must be in memory, at a fixed address.** The batch is copied to where the
# graph expects it. And the learning rate is an array of one number. As a Python number it would be frozen into the
# graph: later changes would have no effect, and no message would show it.
def moved_by(graph):
    """How far a launch moves W."""
    before = W_graph.copy()
    graph.launch()
    return np.abs(W_graph - before).max()


eta[...] = 0
with_array = moved_by(graph)
frozen, rate = Graph(), 0.05
step(frozen, x, W_graph, V_graph, rate)
rate = 0.0  # has no effect on the graph
with_number = moved_by(frozen)
print(f"W moves at the rate 0, as an array: {with_array:.0e}, as a number: {with_number:.0e}")
assert with_array == 0 and with_number > 0

# %%
# **Rule 2: all intermediate arrays must stay where they are.** The engine's steps get them from an *arena*: the
# :math:`k`-th request of a step gets the array of the :math:`k`-th request of the step before. So after the first step
# nothing is allocated. This serves the CPU as well, since arrays that are used again are still in the cache.
print(inspect.getsource(_Frame.next))

model, arena = dense_autoencoder([784, 128, 32], "relu"), Arena()
x, addresses, peaks = digits[:100].astype(np.float32), [], []
for _ in range(3):
    tracemalloc.start()
    with arena.frame(len(x)) as frame, model.theta.fresh_grad():
        model.backpropagate(x)
        addresses.append([buffer.ctypes.data for buffer in frame.buffers])
    peaks.append(tracemalloc.get_traced_memory()[1])
    tracemalloc.stop()
print(f"{len(addresses[0])} arrays; kB allocated per step:", [round(p / 1000) for p in peaks])
assert addresses[0] == addresses[1] == addresses[2] and peaks[2] < peaks[0] / 5


# %%
# ``npae.train.cuda_graph`` captures the engine's steps by these rules. Row numbers and the optimizer's coefficients are
# in device memory. Before every launch it compares the addresses of all arrays that may have been replaced, and if one
# has, it captures the step again. If a step cannot be captured, it warns, and ordinary steps go on.
#
# Exercises
# ---------
#
# Fill in the body of a function, and run its cell again: the last line prints what the check finds. Solutions are in
# ``tests/docs/test_book_16.py``.
#
# **1. Compute in blocks.** Call :math:`f` for one block after the other, and write its results to the same places. The
# last block may be shorter.
def in_blocks(f, x, out, size):
    """Sets out[i] = f(x)[i] for arrays x and out (n,). Returns nothing.

    f gets at most `size` numbers at once, and is called no more often than this needs.
    """


def check_in_blocks(answer):
    for n, size in ((1000, 100), (1003, 100), (5, 100), (100, 100)):
        x, out, calls = np.random.default_rng(n).normal(size=n), np.full(n, np.nan), []

        def f(block, calls=calls):
            calls.append(len(block))
            return block * block

        answer(f, x, out, size)
        case = f"n = {n}, size = {size}"
        compare(out, case, out=x * x)
        least = -(-n // size)
        assert len(calls) == least and max(calls) <= size, (
            f"{case}: expected {least} calls with at most {size} numbers each, "
            f"got {len(calls)} calls with at most {max(calls)}."
        )


attempt(check_in_blocks, in_blocks)


# %%
# **2. When is arithmetic the limit?** A machine has :math:`f/w = I` operations per byte. From which batch size on does
# arithmetic limit the product of :math:`(B, n)` and :math:`(n, m)`, and no longer memory? Solve the formula of the
# intensity for :math:`B`.
def batch_size_for(n, m, intensity):
    """Returns B, not rounded, for `intensity` operations per byte in float32."""


def check_batch_size_for(answer):
    for n, m, intensity in ((784, 256, 10.0), (2000, 3000, 50.0), (500, 500, 5.0)):
        case = f"n = {n}, m = {m}, I = {intensity}"
        (B,) = returned(answer(n, m, intensity), "B")
        found = 2 * B * n * m / (4 * (B * n + n * m + B * m))
        right = abs(found / intensity - 1) < 1e-9
        assert right, f"{case}: expected this intensity, got {found:.4g}, with B = {B:.4g}."


attempt(check_batch_size_for, batch_size_for)


# %%
# This is the last chapter. All formulas of the book are in the engine's files, beside the lines that compute them.
plt.show()
