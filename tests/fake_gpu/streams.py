"""Streams, events and graphs of the fake cupy.cuda.

Outside of a capture the fake device finishes every operation before the call returns, so waiting is only counted, and
the order between streams is not checked. A capturing stream executes nothing and only records. A stream that waits for
an event of a capturing one is captured as well, and must be joined before the capture ends; see capture.py.
"""

import itertools
import time
import weakref

from tests.fake_gpu import capture, current
from tests.fake_gpu.counters import bump

_numbers = itertools.count(0x1000, 0x1000)
by_pointer = weakref.WeakValueDictionary()  # pointer, the argument of cublasSetStream -> the Stream
ERRORS = {  # of CUDA: name -> its words
    "StreamCaptureUnsupported": "operation not permitted when stream is capturing",
    "StreamCaptureInvalidated": "operation failed due to a previous error during capture",
    "StreamCaptureMerge": "operation would result in a merge of separate capture sequences",
    "StreamCaptureUnmatched": "capture was not ended in the same stream as it began",
    "StreamCaptureUnjoined": "capturing stream has unjoined work",
    "StreamCaptureIsolation": "dependency created on uncaptured work in another stream",
    "StreamCaptureImplicit": "operation would make the legacy stream depend on a capturing blocking stream",
    "CapturedEvent": "operation not permitted on an event last recorded in a capturing stream",
    "IllegalState": "the operation cannot be performed in the present state",
}


def error(name, *branches):
    """CUDA's error of this name, to be raised. The captures of these branches are invalid from now on."""
    for branch in branches:
        branch.capture.invalid = True
    return RuntimeError(f"cudaError{name}: {ERRORS[name]}")


class Stream:
    """cupy.cuda.Stream."""

    def __init__(self, null=False, non_blocking=False, ptds=False, priority=None):
        self.ptr = 0 if null else next(_numbers)
        self.device_id = -1 if null else current.device()
        self.capture = None  # the Branch, while it captures
        by_pointer[self.ptr] = self

    def synchronize(self):
        """Counted as one synchronisation. It makes a capture invalid."""
        if self.capture is not None:
            raise error("StreamCaptureUnsupported", self.capture)
        bump("syncs")

    def record(self, event=None):
        """Put an event (a new one by default) into the stream and return it."""
        event = event or Event()
        event.record(self)
        return event

    def wait_event(self, event):
        """Device-side waiting, no synchronisation. An event of a capture draws this stream into it."""
        mine, theirs = self.capture, event.capture
        if theirs is None:
            if mine is not None:
                raise error("StreamCaptureIsolation", mine)
        elif theirs.ended:
            raise error("CapturedEvent", *filter(None, [mine]))
        elif mine is not None and mine.capture is not theirs:
            raise error("StreamCaptureMerge", mine, theirs.branches[0])
        elif mine is not None:
            mine.tips |= event.tips
        elif self.ptr == 0:
            raise error("StreamCaptureImplicit", theirs.branches[0])
        else:
            self.capture = capture.Branch(theirs, event.tips, event.depth + 1)
            theirs.streams.append(self)

    def use(self):
        """Make this the current stream."""
        capture.streams[-1:] = [self]
        return self

    def begin_capture(self, mode=None):
        """From now on, record the operations of this stream instead of executing them."""
        if self.ptr == 0:
            raise RuntimeError("cannot capture on the default (legacy) stream")
        if self.capture is not None:
            raise error("IllegalState")
        self.capture = capture.Branch()
        self.capture.capture.streams.append(self)

    def end_capture(self):
        """The Graph of the operations recorded on this stream and on those that were forked from it and joined."""
        if self.capture is None:
            raise error("IllegalState")
        captured = self.capture.capture
        if captured.streams[0] is not self:
            raise error("StreamCaptureUnmatched", self.capture)
        for stream in captured.streams:
            stream.capture = None
        joined, graph = captured.is_joined(), Graph(captured.end())
        if captured.invalid:
            raise error("StreamCaptureInvalidated")
        if not joined:
            raise error("StreamCaptureUnjoined")
        return graph

    def is_capturing(self):
        """Is this between begin_capture and end_capture?"""
        return self.capture is not None

    def __enter__(self):
        if self.device_id not in (-1, current.device()):
            raise RuntimeError(
                f"The device that the stream is created on ({self.device_id}) does not match with the current device "
                f"({current.device()})"
            )
        capture.streams.append(self)
        return self

    def __exit__(self, *exception):
        capture.streams.pop()


Stream.null = Stream(null=True)


def get_current_stream(device_id=-1):
    """The stream that new operations are queued on."""
    return capture.streams[-1] if capture.streams else Stream.null


class Event:
    """cupy.cuda.Event; its time is the host's. Recorded in a capture it has no time, and marks a place in the graph."""

    def __init__(self, block=False, disable_timing=False, interprocess=False):
        self.time, self.capture, self.tips, self.depth = None, None, frozenset(), 0

    def record(self, stream=None):
        """Remember the time, or the last operations of a capturing stream."""
        branch = (stream or get_current_stream()).capture
        self.capture = None
        if branch is None:
            self.time = time.perf_counter()
        else:
            self.capture, self.tips, self.depth = branch.capture, frozenset(branch.tips), branch.depth

    def synchronize(self):
        """Counted as one synchronisation. An event of a capture cannot be waited for on the host."""
        if self.capture is not None:
            raise error("CapturedEvent", *self.capture.branches[:1])
        bump("syncs")


class Graph:
    """cupy.cuda.Graph: the operations of a capture."""

    def __init__(self, captured):
        self._captured = captured

    def launch(self, stream=None):
        """Execute all operations; counted as one launch."""
        bump("kernels")
        capture.launch(self._captured)

    def upload(self, stream=None):
        """The fake GPU has nothing to prepare."""

    def debug_dot_str(self, flags=0):
        """The graph in the language DOT, with one line `"graph_0_node_k"[style=…]` per operation."""
        lines = ["digraph dot {", "subgraph cluster_0 {", 'label="graph_0" graph[style="dashed"];']
        for node in self._captured.nodes:
            if node.operation is not None:
                lines.append(f'"graph_0_node_{node.number}"[style="bold" shape="octagon" label="{node.number}"];')
                lines += [f'"graph_0_node_{k}" -> "graph_0_node_{node.number}";' for k in sorted(_numbers_before(node))]
        return "\n".join([*lines, "}", "}"])


def _numbers_before(node):
    """The numbers of the operations that a node directly depends on: those before a mark, instead of the mark."""
    for parent in node.parents:
        yield from _numbers_before(parent) if parent.operation is None else [parent.number]


def n_operations(graph):
    """The number of operations of a Graph."""
    return len(graph._captured.operations)


def critical_path(graph):
    """The number of operations on the longest path through a Graph."""
    return graph._captured.critical_path()
