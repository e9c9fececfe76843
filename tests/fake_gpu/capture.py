"""Stream capture: a capturing stream records operations instead of executing them.

Every operation of the double calls `current()`. Between begin_capture and end_capture this returns the Branch of the
current stream, and the operation is recorded there. A second stream joins the capture if it waits for an event of the
first one. So the operations form a directed graph: each depends on the last ones of its own stream, and on those before
every event that its stream has waited for. Nothing else orders two operations. A launch executes them in an order that
these edges allow, and that is as far from the order of recording as possible (`ORDERS`): a missing edge then shows in
the numbers.
"""

import copy
import heapq
import weakref
from contextlib import contextmanager

import numpy as np

from tests.fake_gpu.blocks_of_memory import Blocks

DISALLOWED = "the current stream is capturing, so synchronous API calls are disallowed"  # CuPy's words
PRIVATE = (
    "the current stream is capturing, and memory of the ordinary pool would be baked into the graph: others get it as "
    "soon as it is freed (a rule of the fake GPU; CuPy accepts it)"
)
ORDERS = ("late", "early")  # operations of forked streams: after, or before, all others that do not depend on them

streams = []  # the current streams, innermost last; empty: the null stream
allocators = []  # the pools that new memory comes from, innermost last; the first is the default pool
live = weakref.WeakValueDictionary()  # address -> the memory that begins there, while it is referenced
_orders = ["late"]  # the order of launches, innermost last


class Node:
    """One operation of a graph. `operation` is None for the mark of a fork, which executes nothing."""

    def __init__(self, operation, parents, depth, number):
        self.operation, self.parents, self.depth, self.number = operation, frozenset(parents), depth, number


class Capture:
    """What all streams of one capture share: the nodes, the branches, and the memory that the graph's pool keeps."""

    def __init__(self):
        self.nodes, self.branches, self.streams, self.kept = [], [], [], []
        self.blocks = Blocks(self._new_block)
        self.invalid = self.ended = False

    def _new_block(self, nbytes):
        block = np.empty(nbytes, np.uint8)
        self.kept.append(block)  # a freed block stays in the graph's pool
        _register(block)
        return block

    @property
    def operations(self):
        """The nodes that execute something, as recorded."""
        return [node for node in self.nodes if node.operation is not None]

    def schedule(self, order):
        """All operations in an order of ORDERS that the edges allow."""
        sign = 1 if order == "late" else -1
        children, waits = {node: [] for node in self.nodes}, {node: len(node.parents) for node in self.nodes}
        for node in self.nodes:
            for parent in node.parents:
                children[parent].append(node)
        ready = [(sign * node.depth, node.number, node) for node in self.nodes if not waits[node]]
        heapq.heapify(ready)
        while ready:
            *_, node = heapq.heappop(ready)
            if node.operation is not None:
                yield node.operation
            for child in children[node]:
                waits[child] -= 1
                if not waits[child]:
                    heapq.heappush(ready, (sign * child.depth, child.number, child))

    def critical_path(self):
        """The number of operations on the longest path: a launch takes at least as many in succession."""
        length = {}
        for node in self.nodes:
            before = max((length[parent] for parent in node.parents), default=0)
            length[node] = before + (node.operation is not None)
        return max(length.values(), default=0)

    def is_joined(self):
        """Does the last operation of the first stream come after all others?"""
        reached, stack = set(), list(self.branches[0].tips)
        while stack:
            node = stack.pop()
            if node not in reached:
                reached.add(node)
                stack.extend(node.parents)
        return len(reached) == len(self.nodes)

    def end(self):
        """Forget everything, so that events and streams hold nothing. Returns a Capture that has it, for the Graph."""
        whole = copy.copy(self)
        self.blocks.forget()
        self.ended, self.nodes, self.branches, self.streams, self.kept = True, [], [], [], []
        whole.branches = whole.streams = whole.blocks = ()
        return whole


class Branch:
    """One stream's part in a capture. tips: the nodes that its next operation depends on."""

    def __init__(self, capture=None, tips=(), depth=0):
        self.capture, self.tips, self.depth = capture or Capture(), set(tips), depth
        self.capture.branches.append(self)
        if depth:
            self.record(None)  # so that a fork must be joined although nothing was recorded on it

    def record(self, operation):
        """Add a function without arguments, to be called at every launch."""
        nodes = self.capture.nodes
        nodes.append(Node(operation, self.tips, self.depth, len(nodes)))
        self.tips = {nodes[-1]}


def current():
    """The Branch of the current stream, or None if operations are executed."""
    return streams[-1].capture if streams else None


@contextmanager
def order(name):
    """While the block runs, launches execute the operations of forked streams "late" (the default) or "early"."""
    if name not in ORDERS:
        raise ValueError(f"expected one of {ORDERS}, got {name!r}")
    _orders.append(name)
    try:
        yield
    finally:
        _orders.pop()


def launch(captured):
    """Execute all operations of a Capture."""
    for operation in captured.schedule(_orders[-1]):
        operation()


def allocated(memory, owner):
    """The device memory for a new array: the given NumPy array, or in a capture a block of the graph's pool.

    Args:
        memory: a NumPy array with the values.
        owner: the object whose end frees the memory.
    """
    branch = current()
    if branch is None:
        _register(memory)
        return memory
    if len(allocators) == 1:
        raise RuntimeError(PRIVATE)
    return branch.capture.blocks.place(memory, owner, streams[-1].ptr)


def _register(memory):
    """Let the current pool count memory, and know it as live."""
    allocators[-1].take(memory)
    live[memory.ctypes.data] = memory


def is_live(address, nbytes):
    """Does [address, address + nbytes) lie within live memory?"""
    blocks = [(ref.key, ref()) for ref in live.valuerefs()]  # a copy: other threads may allocate meanwhile
    return any(m is not None and start <= address and address + nbytes <= start + m.nbytes for start, m in blocks)
