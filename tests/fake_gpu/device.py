"""The device: cupy.cuda with its devices and their properties, and the flags and pointers of arrays.

Streams and graphs are in streams.py, memory pools in pools.py, the number of devices and the current one in current.py.
"""

from types import SimpleNamespace

from tests.fake_gpu import api, current, nccl, pools, streams
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
    """The address at which an array begins: `.ptr`, and `.device_id`, the device that it is on."""

    def __init__(self, ptr, device_id):
        self.ptr, self.device_id = ptr, device_id


class Device:
    """cupy.cuda.Device: by default the current one. As a context manager it is the current one in the block."""

    def __init__(self, device=None):
        self.id = current.device() if device is None else current.checked(int(device))
        self._before = []

    compute_capability = "90"
    pci_bus_id = property(lambda self: f"0000:{self.id + 1:02X}:00.0")

    def synchronize(self):
        """Counted as one synchronisation."""
        bump("syncs")

    def use(self):
        """Make this the current device."""
        current.use(self.id)
        return self

    def __enter__(self):
        self._before.append(current.device())
        return self.use()

    def __exit__(self, *exception):
        current.use(self._before.pop())

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
    getDeviceCount=current.count,
    getDevice=current.device,
    setDevice=current.use,
    getDeviceProperties=lambda device: dict(_PROPERTIES),
    memGetInfo=lambda: (16 << 30, 16 << 30),
    deviceSynchronize=_wait,
    runtimeGetVersion=lambda: 13000,
    driverGetVersion=lambda: 13000,
)
POOL = pools.POOL


class Cuda:
    """cupy.cuda: what is implemented of it, AttributeError for anything else."""

    Device, Stream, Event, runtime = Device, streams.Stream, streams.Event, RUNTIME
    Graph, MemoryPool, nccl = streams.Graph, pools.MemoryPool, nccl
    get_current_stream = staticmethod(streams.get_current_stream)
    using_allocator = staticmethod(pools.using_allocator)
    get_elapsed_time = staticmethod(lambda start, end: 1e3 * (end.time - start.time))  # milliseconds
    get_device_id = staticmethod(current.device)
    is_available = staticmethod(lambda: True)

    def __getattr__(self, name):
        raise api.missing(f"cuda.{name}")
