"""Dask's side of `cargo xtask bench metg`: python metg.py GRAPH.json KERNEL_LIBRARY N_THREADS N_REPEATS ITERATIONS

The graph is [dependencies of each task, outputs], as benches/src/bin/metg/main.rs writes it; the kernel is the one that
it runs itself, called without the interpreter's lock. Every task checks that its inputs are those it should have.
"""

import ctypes
import json
import sys
import time

import dask.threaded
from dask._task_spec import Task, TaskRef


def main():
    n_threads, n_repeats, iterations = map(int, sys.argv[3:])
    with open(sys.argv[1]) as file:
        dependencies, outputs = json.load(file)
    kernel = ctypes.CDLL(sys.argv[2]).dask_benches_kernel
    kernel.argtypes, kernel.restype = [ctypes.c_uint64], ctypes.c_double

    def work(task, expected, *inputs):
        if inputs != expected:
            raise ValueError(f"task {task}: {inputs}, not {expected}")
        kernel(iterations)
        return task

    dsk = {}
    for task, before in enumerate(dependencies):
        key = ("task", task)
        dsk[key] = Task(key, work, task, tuple(before), *(TaskRef(("task", other)) for other in before))
    keys = [("task", task) for task in outputs]
    seconds = []
    for round_ in range(n_repeats + 1):
        started = time.perf_counter()
        found = dask.threaded.get(dsk, keys, num_workers=n_threads)
        if round_ > 0:  # the first round warms up
            seconds.append(time.perf_counter() - started)
        assert list(found) == outputs
    json.dump({"seconds": seconds}, sys.stdout)


if __name__ == "__main__":
    main()
