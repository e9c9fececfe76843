"""A task in memory: one thread runs task after task, and every thread takes pieces of it when it is free.

A task is a compiled function with arguments, cut into pieces: piece p is function(p, address of the arguments). It lies
in these words of memory, which the next task uses again:

    LEFT         how many pieces are left to take: a thread that lowers it from p > 0 has taken piece p − 1
    UNDONE       how many pieces are not finished
    AWAITED      1 while the thread that runs the task sleeps until UNDONE is 0
    FUNCTION     its address
    ARGUMENTS    the first of them, the others follow
    COUNT        how many tasks there have been
    SLEEPERS     how many workers sleep, those that are being woken up left out
    WORK, DONE   semaphores: workers sleep at WORK, the thread that runs tasks at DONE
    STOP         1: workers end

Function and arguments are written before LEFT, so a thread that takes a piece finds them. They stay until the piece is
finished, since the next task is not written before. A worker may come late: then it takes a piece of the next task, as
good as any.

The thread that runs a task takes its pieces, too. It waits for others only if they have taken a piece and not finished
it. A waiting thread first looks at the number again and again, for 0.5 to 2 ms, which is faster than being woken up.
Then it sleeps, which leaves the core to others.
"""

# Numba's decorators change the arguments of a function, which a type checker cannot follow.
# pyright: reportCallIssue=false, reportAttributeAccessIssue=false, reportArgumentType=false

import ctypes

import numba
from numba import types

from npae.backend.pool.atomics import add, call, load, pause, store

LINE = 64  # bytes of a line of the cache: words that different threads write often lie in lines of their own
COUNT, SLEEPERS, WORK, DONE, STOP, LEFT, UNDONE, FUNCTION = (k * LINE for k in range(8))
AWAITED, ARGUMENTS = UNDONE + 8, FUNCTION + 8
BYTES = FUNCTION + 6 * LINE
MOST = (BYTES - ARGUMENTS) // 8  # arguments
LOOKS = 30_000  # before a thread sleeps: more than between two large products of a small network

_system = ctypes.CDLL(None)  # semaphores of POSIX
sem_init, sem_post, sem_wait = _system.sem_init, _system.sem_post, _system.sem_wait
sem_init.argtypes = [ctypes.c_int64, ctypes.c_int, ctypes.c_uint]
sem_post.argtypes = sem_wait.argtypes = [ctypes.c_int64]


@numba.njit
def take_pieces(task):
    """Compute pieces, until none is left."""
    while True:
        p = add(task + LEFT, -1)
        if p <= 0:
            return
        call(load(task + FUNCTION), p - 1, task + ARGUMENTS)
        if add(task + UNDONE, -1) == 1 and load(task + AWAITED) == 1:
            sem_post(task + DONE)


@numba.njit
def wait(task):
    """Wait until all pieces are finished."""
    looks = 0
    while load(task + UNDONE) > 0:
        pause()
        looks += 1
        if looks > LOOKS:
            store(task + AWAITED, 1)
            while load(task + UNDONE) > 0:
                sem_wait(task + DONE)
            store(task + AWAITED, 0)


@numba.njit
def run_task(task, pieces):
    """Run the task whose function and arguments have been written: wake up workers, take pieces, wait for the rest."""
    store(task + UNDONE, pieces)
    store(task + LEFT, pieces)
    store(task + COUNT, load(task + COUNT) + 1)
    for _ in range(pieces - 1):
        if load(task + SLEEPERS) <= 0:
            break
        if add(task + SLEEPERS, -1) > 0:
            sem_post(task + WORK)
        else:  # it has woken up by itself
            add(task + SLEEPERS, 1)
    take_pieces(task)
    wait(task)


@numba.njit
def sleep(task, count):
    """Sleep until there have been more than `count` tasks."""
    add(task + SLEEPERS, 1)
    if load(task + COUNT) > count or load(task + STOP):
        if add(task + SLEEPERS, -1) > 0:
            return
        add(task + SLEEPERS, 1)  # this thread has been counted as woken up: take what was posted for it
    sem_wait(task + WORK)


@numba.njit(types.void(types.int64), nogil=True)
def work(task):
    """What a worker does until STOP: take pieces of one task after the other."""
    seen = looks = 0
    while not load(task + STOP):
        count = load(task + COUNT)
        if count > seen:
            if load(task + LEFT) > 0:
                take_pieces(task)
            seen, looks = count, 0
        elif looks < LOOKS:
            pause()
            looks += 1
        else:
            sleep(task, seen)
            looks = 0
