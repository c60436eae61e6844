"""What the tasks of the measurements do: a module, so that worker processes import it instead of being sent it."""

import ctypes
import functools
import time

import numpy

NBYTES = 16 << 20  # of a block, as in benches/src/blocks.rs


def empty(*of):
    return 0


def inc(x):
    return x + 1


def first(data):
    return int(data[0])


def block(i):
    return numpy.full(NBYTES, i % 251, dtype="u1")


def total(block):
    return int(block.sum(dtype="u8"))


def sum_of(*numbers):
    return sum(numbers)


def slow(seconds, number, *inputs):
    time.sleep(seconds)
    return sum(inputs) if inputs else number


@functools.cache
def kernel(library):
    function = ctypes.CDLL(library).dask_benches_kernel
    function.argtypes, function.restype = [ctypes.c_uint64], ctypes.c_double
    return function


def work(library, iterations, task, expected, *inputs):
    if inputs != expected:
        raise ValueError(f"task {task}: {inputs}, not {expected}")
    kernel(library)(iterations)
    return task
