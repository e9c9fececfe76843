"""The ceilings of this machine, as measured: what a rate is to be compared with.

Arithmetic: a large square matrix product, 2n³ operations. Memory: a copy, or a change of sign in place (which need not
fetch what it overwrites), from cache-sized to far larger, since a step whose arrays fit in a cache is not bound by main
memory. Calls: one addition of 16 numbers, which is all overhead. On a GPU also: products in TF32, and copies from and
to the host.
The best measurement counts, because a ceiling is what the machine can do, not what it does on average.
"""

from functools import cache

import numpy as np

from benchmarks.clock import by_turns, clock
from npae.backend import gpu_module, module_for, parallel_for, products, to_device, why_no_gpu

PRODUCT = {"cpu": 2048, "gpu": 8192}  # n of the square matrices
MEMORY = {"cpu": (2**19, 2**21, 2**23, 2**25, 2**28), "gpu": (2**23, 2**25, 2**27, 2**29, 2**31)}  # bytes in use
TRANSFER = 2**27  # bytes


@cache
def ceilings(device, quick=False):
    """{"gflops", "memory", "call_us"} of a device, and on the GPU {"tf32_gflops", "to_gpu_gbs", "to_cpu_gbs"} more.

    memory: [[bytes in use, GB/s], …], from small to large. Measured once in a process.
    """
    seconds = 0.3 if quick else 0.8
    result = {
        "gflops": product_rate(device, PRODUCT[device] // (2 if quick else 1), seconds),
        "memory": [[held, sweep_rate(device, held, seconds / 8)] for held in MEMORY[device]],
        "call_us": call_cost(device, seconds / 4),
    }
    if device == "gpu":
        with products.tf32():
            result["tf32_gflops"] = product_rate(device, PRODUCT[device], seconds)
        result |= transfer_rates(TRANSFER, seconds / 2)
    return result


def product_rate(device, n, seconds):
    """GFLOP/s of a float32 matrix product (n, n) (n, n)."""
    xp = module_for(device)
    a, b = (to_device(np.random.default_rng(k).random((n, n), dtype=np.float32), device) for k in range(2))
    c = xp.empty_like(a)
    return 2e-9 * n**3 / clock(lambda: products.matmul(a, b, out=c), device, seconds).best


def sweep_rate(device, held, seconds):
    """GB/s, read and written together, of the fastest sweep over `held` bytes: copied or in place, on one core or all.
    """
    xp, n = module_for(device), held // 8
    both = xp.ones(2 * n, np.float32)
    x, y = both[:n], both[n:]

    def copy(start, stop):
        y[start:stop] = x[start:stop]

    def in_place(start, stop):
        xp.negative(both[start:stop], out=both[start:stop])

    calls = {"copy": (lambda: copy(0, n), n), "in place": (lambda: in_place(0, 2 * n), 2 * n)}
    if device == "cpu":
        calls |= {"copy, all cores": (lambda: parallel_for(copy, n), n),
                  "in place, all cores": (lambda: parallel_for(in_place, 2 * n), 2 * n)}  # fmt: skip
    timings = by_turns({name: call for name, (call, _) in calls.items()}, device, seconds)
    return max(8e-9 * size / timings[name].best for name, (_, size) in calls.items())


def call_cost(device, seconds):
    """Microseconds for one addition of 16 numbers: a NumPy call, or a kernel launch."""
    xp = module_for(device)
    x, y = xp.ones(16, np.float32), xp.ones(16, np.float32)
    return 1e6 * clock(lambda: xp.add(x, x, out=y), device, seconds).best


def transfer_rates(size, seconds):
    """GB/s of copying `size` bytes of ordinary (not pinned) host memory to the GPU and back."""
    host = np.ones(size // 4, np.float32)
    there = gpu_module().asarray(host)
    rates = {
        "to_gpu_gbs": clock(lambda: gpu_module().asarray(host), "gpu", seconds),
        "to_cpu_gbs": clock(lambda: to_device(there, "cpu"), "gpu", seconds),
    }
    return {name: 1e-9 * size / timing.best for name, timing in rates.items()}


def missing(settings):
    """A sentence for each device that the settings leave out: [] or one about the GPU."""
    if "gpu" in settings.devices:
        return []
    return [f"GPU: not yet run. {why_no_gpu() or 'It was not among the devices asked for.'}"]


def memory_rate(memory, held):
    """GB/s that memory allows where `held` bytes are in use: the best of all measured sweeps over as much or more."""
    enough = [rate for size, rate in memory if size >= held]
    return max(enough) if enough else memory[-1][1]


def describe(device, limits):
    """The ceilings as one line of text."""
    rates = ", ".join(f"{rate:,.0f} ({held / 2**20:g} MiB)" for held, rate in limits["memory"])
    text = f"{limits['gflops']:,.0f} GFLOP/s; GB/s: {rates}; {limits['call_us']:.2f} µs a small call"
    if device == "gpu":
        text += (f"; TF32 {limits['tf32_gflops']:,.0f} GFLOP/s; "
                 f"{limits['to_gpu_gbs']:.1f} GB/s from the host, {limits['to_cpu_gbs']:.1f} back")  # fmt: skip
    return f"Ceilings of the {device.upper()}: {text}."
