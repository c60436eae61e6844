"""Dask's side of `cargo xtask bench sched`: python sched.py SHAPE N_TASKS N_REPEATS

The graphs of benches/src/shapes.rs, task for task and edge for edge; the costs of benches/src/bin/sched/ours.rs, as
JSON. Dask's `get` orders the graph itself, so what it needs for that is measured and taken off the time of the run.
"""

import gc
import json
import math
import statistics
import sys
import time
import tracemalloc

import dask
import dask.threaded
import distributed
import numpy
from dask._task_spec import Task, TaskRef
from dask.core import get_deps
from dask.local import get_sync, start_state_from_dask
from dask.optimization import cull
from dask.order import order


def empty(*of):
    return 0


def independent(n):
    dsk = {("leaf", i): Task(("leaf", i), empty) for i in range(n)}
    return dsk, list(dsk)


def tree(n):
    width, level, last = max(n // 2, 1), 0, "leaf"
    dsk, _ = independent(width)
    while width > 1:
        level += 1
        name, below, width = f"level{level}", width, -(-width // 2)
        for i in range(width):
            children = range(2 * i, min(2 * i + 2, below))
            dsk[name, i] = Task((name, i), empty, *(TaskRef((last, child)) for child in children))
        last = name
    return dsk, [(last, 0)]


def listed(n, dependencies):
    dsk = {}
    for i in range(n):
        dsk["task", i] = Task(("task", i), empty, *(TaskRef(("task", before)) for before in dependencies(i)))
    return dsk, [("task", n - 1)]


def chain(n):
    return listed(n, lambda i: [i - 1] if i > 0 else [])


def stencil(n):
    side = math.isqrt(n)
    return listed(side * side, lambda i: ([i - 1] if i % side else []) + ([i - side] if i >= side else []))


def prepare(shape, n):
    dsk, keys = shape(n)
    dsk, _ = cull(dsk, keys)
    return dsk, keys, order(dsk)


def main():
    shape, n, n_repeats = globals()[sys.argv[1]], int(sys.argv[2]), int(sys.argv[3])
    times = {name: [] for name in ("prepare", "order", "order_within", "sync", "threads")}

    def timed(name, round_, f, *args, **kwargs):
        gc.collect()
        started = time.perf_counter()
        result = f(*args, **kwargs)
        if round_ > 0:  # the first round warms up
            times[name].append(time.perf_counter() - started)
        return result

    for round_ in range(n_repeats + 1):
        dsk, keys, _ = timed("prepare", round_, prepare, shape, n)
        dependencies, _ = get_deps(dsk)
        timed("order", round_, order, dsk, dependencies)
        timed("order_within", round_, order, dsk)
        timed("sync", round_, get_sync, dsk, keys)
        timed("threads", round_, dask.threaded.get, dsk, keys, num_workers=2)
    n_tasks = len(dsk)
    del dsk, keys, dependencies

    gc.collect()
    tracemalloc.start()
    dsk, keys, priority = prepare(shape, n)
    state = start_state_from_dask(dsk, keys=set(keys), sortkey=priority.get)
    nbytes, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert state["waiting"] or state["ready"]

    us = {name: statistics.median(of) * 1e6 / n_tasks for name, of in times.items()}
    json.dump(
        {
            "versions": {
                "python": sys.version.split()[0],
                "dask": dask.__version__,
                "distributed": distributed.__version__,
                "numpy": numpy.__version__,
            },
            "costs": {
                "n_tasks": n_tasks,
                "prepare_us": us["prepare"],
                "order_us": us["order"],
                "sync_us": us["sync"] - us["order_within"],
                "threads_us": us["threads"] - us["order_within"],
                "bytes": nbytes / n_tasks,
                "peak_bytes": peak / n_tasks,
            },
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
