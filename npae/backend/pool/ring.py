"""A ring of tasks: one thread adds task after task, and every thread takes pieces when it is free.

A task is a compiled function with arguments, cut into pieces: piece p is function(p, address of the arguments). Task t
lies in slot t mod SLOTS of the ring, in these words of memory:

    LEFT         how many pieces are left to take: a thread that lowers it from p > 0 has taken piece p − 1
    UNDONE       how many pieces are not finished
    AWAITED      1 while the thread that added the task sleeps until UNDONE is 0
    FUNCTION     its address
    ARGUMENTS    the first of them, the others follow

and these words hold for the whole ring:

    HEAD         how many tasks have been added
    SLEEPERS     how many workers sleep, those that are being woken up left out
    WORK, DONE   semaphores: workers sleep at WORK, the thread that adds tasks at DONE
    STOP         1: workers end

Everything is written to a slot before LEFT, so a thread that takes a piece finds its arguments there. A worker may come
late to a slot that has been used again since it looked: then it takes a piece of the newer task, as good as any.

The thread that adds a task takes its pieces, too. It waits for others only if they have taken a piece and not finished
it. A waiting thread first looks at the number again and again, some 100 µs long, which is faster than being woken up.
Then it sleeps, which leaves the core to others.
"""

# Numba's decorators change the arguments of a function, which a type checker cannot follow.
# pyright: reportCallIssue=false, reportAttributeAccessIssue=false, reportArgumentType=false

import ctypes

import numba
from numba import types

from npae.backend.pool.atomics import add, call, load, pause, store

LINE = 64  # bytes of a line of the cache: words that different threads write often lie in lines of their own
HEAD, SLEEPERS, WORK, DONE, STOP, FIRST = (k * LINE for k in range(6))
SLOTS, SLOT = 4, 8 * LINE
LEFT, UNDONE, AWAITED, FUNCTION, ARGUMENTS = 0, LINE, LINE + 8, 2 * LINE, 2 * LINE + 8
MOST = (SLOT - ARGUMENTS) // 8  # arguments
BYTES = FIRST + SLOTS * SLOT
LOOKS = 3000  # before a thread sleeps

_system = ctypes.CDLL(None)  # semaphores of POSIX
sem_init, sem_post, sem_wait = _system.sem_init, _system.sem_post, _system.sem_wait
sem_init.argtypes = [ctypes.c_int64, ctypes.c_int, ctypes.c_uint]
sem_post.argtypes = sem_wait.argtypes = [ctypes.c_int64]


@numba.njit
def take_pieces(ring, slot):
    """Compute pieces of the task in a slot, until none is left."""
    while True:
        p = add(slot + LEFT, -1)
        if p <= 0:
            return
        call(load(slot + FUNCTION), p - 1, slot + ARGUMENTS)
        if add(slot + UNDONE, -1) == 1 and load(slot + AWAITED) == 1:
            sem_post(ring + DONE)


@numba.njit
def wait(ring, slot):
    """Wait until all pieces of the task in a slot are finished."""
    looks = 0
    while load(slot + UNDONE) > 0:
        pause()
        looks += 1
        if looks > LOOKS:
            store(slot + AWAITED, 1)
            while load(slot + UNDONE) > 0:
                sem_wait(ring + DONE)
            store(slot + AWAITED, 0)


@numba.njit
def free_slot(ring):
    """The slot of the next task. Its last task has been finished, since a task is run to its end."""
    return ring + FIRST + load(ring + HEAD) % SLOTS * SLOT


@numba.njit
def run_task(ring, slot, pieces):
    """Add the task in a slot, whose function and arguments have been written, wake up workers, and finish it."""
    store(slot + UNDONE, pieces)
    store(slot + LEFT, pieces)
    store(ring + HEAD, load(ring + HEAD) + 1)
    for _ in range(pieces - 1):
        if load(ring + SLEEPERS) <= 0:
            break
        if add(ring + SLEEPERS, -1) > 0:
            sem_post(ring + WORK)
        else:  # it has woken up by itself
            add(ring + SLEEPERS, 1)
    take_pieces(ring, slot)
    wait(ring, slot)


@numba.njit
def sleep(ring, t):
    """Sleep until there are more than t tasks."""
    add(ring + SLEEPERS, 1)
    if load(ring + HEAD) > t or load(ring + STOP):
        if add(ring + SLEEPERS, -1) > 0:
            return
        add(ring + SLEEPERS, 1)  # this thread has been counted as woken up: take what was posted for it
    sem_wait(ring + WORK)


@numba.njit(types.void(types.int64), nogil=True)
def work(ring):
    """What a worker does until STOP: take pieces of one task after the other."""
    t = looks = 0
    while not load(ring + STOP):
        head = load(ring + HEAD)
        if head > t:
            t = max(t, head - SLOTS)
            slot = ring + FIRST + t % SLOTS * SLOT
            if load(slot + LEFT) > 0:
                take_pieces(ring, slot)
            t, looks = t + 1, 0
        elif looks < LOOKS:
            pause()
            looks += 1
        else:
            sleep(ring, t)
            looks = 0
