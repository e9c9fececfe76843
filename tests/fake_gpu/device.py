"""The device: cupy.cuda with its one device and its properties, and the flags and pointers of arrays.

Streams, graphs and memory pools are in streams.py.
"""

from types import SimpleNamespace

from tests.fake_gpu import api, streams
from tests.fake_gpu.counters import bump


class Flags:
    """CuPy's flags of an array: three, read only."""

    def __init__(self, flags):
        self.c_contiguous, self.f_contiguous = flags.c_contiguous, flags.f_contiguous
        self.owndata = flags.owndata

    def __getitem__(self, name):
        return getattr(self, {"C": "c_contiguous", "F": "f_contiguous", "O": "owndata"}.get(name, name.lower()))

    def __repr__(self):
        return "\n".join(f"  {name.upper()} : {value}" for name, value in vars(self).items())


class MemoryPointer:
    """The address at which an array begins: `.ptr`."""

    device_id = 0

    def __init__(self, ptr):
        self.ptr = ptr


class Device:
    """cupy.cuda.Device: there is one, number 0."""

    def __init__(self, device=None):
        self.id = 0 if device is None else int(device)
        if self.id:
            raise RuntimeError("cudaErrorInvalidDevice: invalid device ordinal")

    compute_capability = "90"

    def synchronize(self):
        """Counted as one synchronisation."""
        bump("syncs")

    def use(self):
        """Make this the current device, which it always is."""
        return self

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        pass

    def __eq__(self, other):
        return isinstance(other, Device) and self.id == other.id

    def __hash__(self):
        return self.id

    def __int__(self):
        return self.id

    def __repr__(self):
        return f"<CUDA Device {self.id}>"


_PROPERTIES = {
    "name": b"Fake GPU", "totalGlobalMem": 16 << 30, "multiProcessorCount": 132, "major": 9, "minor": 0,
    "warpSize": 32, "clockRate": 1_000_000, "l2CacheSize": 50 << 20, "memoryBusWidth": 4096,
}  # fmt: skip


def _wait():
    bump("syncs")


RUNTIME = SimpleNamespace(
    getDeviceCount=lambda: 1,
    getDevice=lambda: 0,
    getDeviceProperties=lambda device: dict(_PROPERTIES),
    memGetInfo=lambda: (16 << 30, 16 << 30),
    deviceSynchronize=_wait,
    runtimeGetVersion=lambda: 13000,
    driverGetVersion=lambda: 13000,
)
POOL = streams.POOL


class Cuda:
    """cupy.cuda: what is implemented of it, AttributeError for anything else."""

    Device, Stream, Event, runtime = Device, streams.Stream, streams.Event, RUNTIME
    Graph, MemoryPool = streams.Graph, streams.MemoryPool
    get_current_stream = staticmethod(streams.get_current_stream)
    using_allocator = staticmethod(streams.using_allocator)
    get_elapsed_time = staticmethod(lambda start, end: 1e3 * (end.time - start.time))  # milliseconds
    is_available = staticmethod(lambda: True)

    def __getattr__(self, name):
        raise api.missing(f"cuda.{name}")
