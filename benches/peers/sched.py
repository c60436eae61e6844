"""Dask's side of `cargo xtask bench sched`: python sched.py '{"part": "tasks", "n_tasks": 10000, "n_repeats": 5}'

A part of benches/src/bin/sched/main.rs and its measures under the same names, as JSON. Dask's `get` orders the
graph itself, so what it needs for that is measured and taken off the time of the run where a row says `sync` or
`threads(2)`.
"""

import gc
import json
import statistics
import sys
import time
import tracemalloc

import dask.threaded
from dask._task_spec import Task, TaskRef, fuse_linear_task_spec
from dask.core import get_deps
from dask.local import get_sync, start_state_from_dask
from dask.optimization import cull
from dask.order import diagnostics, order

import shapes
import work
from measure import columns, forget_peaks, peak_megabytes, resident_megabytes, rounds, timed, versions


def collected(f, *args, **kwargs):
    gc.collect()
    started = time.perf_counter()
    result = f(*args, **kwargs)
    return time.perf_counter() - started, result


def threads(dsk, keys):
    return dask.threaded.get(dsk, keys, num_workers=2)


def prepare(shape, n):
    dsk, keys = shape(n)
    dsk, _ = cull(dsk, keys)
    return dsk, keys, order(dsk)


def memory_before(shape, n):
    """Bytes alive when the first task could run."""
    gc.collect()
    tracemalloc.start()
    dsk, keys, priority = prepare(shape, n)
    state = start_state_from_dask(dsk, keys=set(keys), sortkey=priority.get)
    nbytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert state["waiting"] or state["ready"]
    return nbytes


def tasks(n, n_repeats):
    measures = {}
    for shape in (shapes.independent, shapes.tree, shapes.chain, shapes.stencil):

        def run():
            prepared, (dsk, keys, _) = collected(prepare, shape, n)
            dependencies, _ = get_deps(dsk)
            ordered, _ = collected(order, dsk, dependencies)
            within, _ = collected(order, dsk)
            sync, _ = collected(get_sync, dsk, keys)
            two, _ = collected(threads, dsk, keys)
            return prepared, ordered, sync - within, two - within

        n_tasks = len(shape(n)[0])
        names = ("build+optimize+order", "order alone", "sync", "threads(2)")
        for name, seconds in zip(names, columns(rounds(shape.__name__, n_repeats, run))):
            measures[f"{shape.__name__}: {name}"] = seconds * 1e6 / n_tasks
        measures[f"{shape.__name__}: memory before results"] = memory_before(shape, n) / n_tasks
        measures[f"{shape.__name__}: how many"] = n_tasks
    return measures


def of_size(shape, n, n_repeats):
    """Microseconds a task on two threads, from the graph to the value."""

    def run():
        dsk, keys = shape(n)
        gc.collect()
        return timed(threads, dsk, keys)

    n_tasks = len(shape(n)[0])
    return statistics.median(rounds(f"{shape.__name__} {n}", n_repeats, run)) * 1e6 / n_tasks


def merge(n, n_repeats):
    this = ["self"]
    forget_peaks(this)
    cost = of_size(shapes.merge, n, n_repeats)
    return {f"merge {n}: a task": cost, f"merge {n}: peak memory": peak_megabytes(this)}


def tree(n, n_repeats):
    height = n.bit_length() - 1
    return {f"tree of 2^{height} - 1: a task": of_size(shapes.tree, 1 << height, n_repeats)}


def chain(n, n_repeats):
    return {f"chain of {n * 2 // 5}: a hand-over": of_size(shapes.chain, n * 2 // 5, n_repeats)}


def passes(n, n_repeats):
    measures = {}
    for shape in (shapes.chain, shapes.tree, shapes.stencil, shapes.merge, shapes.shuffle):

        def run():
            built, (dsk, keys) = collected(shape, n)
            culled, (dsk, _) = collected(cull, dsk, keys)
            ordered, _ = collected(order, dsk)
            fused, _ = collected(fuse_linear_task_spec, dsk, set(keys))
            return built, culled, ordered, fused

        n_tasks = len(shape(n)[0])
        names = ("build", "cull, made tasks", "order", "fuse")
        for name, seconds in zip(names, columns(rounds(shape.__name__, n_repeats, run))):
            measures[f"{shape.__name__} of {n}: {name}"] = seconds * 1e9 / n_tasks
    return measures


def pressure(n, n_repeats):
    """The most values alive at once in the order of each graph."""
    measures = {}
    for name, shape, size in (
        ("chain of 1000", shapes.chain, 1000),
        ("tree of depth 13", shapes.tree, 1 << 14),
        ("stencil 100 wide", shapes.stencil, 10_000),
    ):
        dsk, keys = shape(size)
        _, alive = diagnostics(dsk, order(dsk))
        measures[f"order's pressure: {name}"] = max(alive)
    return measures


def memory(n, n_repeats):
    n_blocks, this = 100, ["self"]

    def run():
        dsk = {("block", i): Task(("block", i), work.block, i) for i in range(n_blocks)}
        names = [("total", i) for i in range(n_blocks)]
        for i, name in enumerate(names):
            dsk[name] = Task(name, work.total, TaskRef(("block", i)))
        dsk["sum"] = Task("sum", work.sum_of, *map(TaskRef, names))
        gc.collect()
        forget_peaks(this)
        started = time.perf_counter()
        found = threads(dsk, "sum")
        passed = time.perf_counter() - started
        assert found == sum(i % 251 * work.NBYTES for i in range(n_blocks))
        return passed, (peak_megabytes(this) - before) * 1e6 / (2 * work.NBYTES)

    before = resident_megabytes(this)
    passed, peak = columns(rounds("reduction of blocks", n_repeats, run))
    name = "100 blocks of 16 MiB to a number"
    return {f"{name}: time": passed, f"{name}: peak over ideal": peak}


PARTS = {
    "memory": memory,
    "merge": merge,
    "tree": tree,
    "chain": chain,
    "tasks": tasks,
    "passes": passes,
    "pressure": pressure,
}


def main():
    what = json.loads(sys.argv[1])
    measures = PARTS[what["part"]](what["n_tasks"], what["n_repeats"])
    json.dump({"versions": versions(), "measures": measures}, sys.stdout)


if __name__ == "__main__":
    main()
