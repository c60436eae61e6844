"""dask.distributed's side of `cargo xtask bench dist`: python dist.py N_TASKS N_REPEATS

Two worker processes of one thread on loopback, the graphs of benches/src/shapes.rs, and the measures of
benches/src/bin/dist/ours.rs under the same names, as JSON.
"""

import json
import logging
import statistics
import sys
import time

import dask
import dask.multiprocessing
import distributed
import numpy
import importlib.util
import pathlib

# The standard library has a module of this name too.
_spec = importlib.util.spec_from_file_location("shapes", pathlib.Path(__file__).with_name("sched.py"))
sched = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(sched)


def inc(x):
    return x + 1


def first(data):
    return int(data[0])


def median_of(n_repeats, f):
    times = []
    for round_ in range(n_repeats + 1):
        started = time.perf_counter()
        f()
        if round_:
            times.append(time.perf_counter() - started)
    return statistics.median(times)


def main():
    n, n_repeats = int(sys.argv[1]), int(sys.argv[2])
    logging.getLogger("distributed").setLevel(logging.ERROR)
    measures = {}
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, memory_limit=0
    )
    client = distributed.Client(cluster)
    for name in ("independent", "tree", "chain", "stencil"):
        shape = getattr(sched, name)
        size = max(n // 10, 4) if name == "chain" else n

        def run():
            dsk, keys = shape(size)
            client.get(dsk, keys)

        n_tasks = len(shape(size)[0])
        measures[f"cluster, a task: {name}"] = median_of(n_repeats, run) * 1e6 / n_tasks

    trips = []
    for i in range(200):
        started = time.perf_counter()
        client.submit(inc, i, pure=False).result()
        trips.append((time.perf_counter() - started) * 1e6)
    measures["submit to result"] = statistics.median(trips)

    data = numpy.full(256 << 20, 7, dtype="u1")
    megabytes = data.nbytes / 1e6
    scattered, gathered, moved = [], [], []
    workers = list(client.scheduler_info()["workers"])
    for round_ in range(min(n_repeats, 3) + 1):
        started = time.perf_counter()
        future = client.scatter(data, hash=False)
        scattered.append(megabytes / (time.perf_counter() - started))
        started = time.perf_counter()
        future.result()
        gathered.append(megabytes / (time.perf_counter() - started))
        started = time.perf_counter()
        for worker in workers:
            client.submit(first, future, workers=[worker], pure=False).result()
        moved.append(megabytes / (time.perf_counter() - started))
        del future
    measures["scatter 256 MiB"] = statistics.median(scattered[1:])
    measures["gather 256 MiB"] = statistics.median(gathered[1:])
    measures["worker to worker 256 MiB, used"] = statistics.median(moved[1:])
    client.close()
    cluster.close()

    for name in ("independent", "tree", "chain"):
        shape = getattr(sched, name)
        size = max(n // 10, 4) if name == "chain" else n

        def run():
            dsk, keys = shape(size)
            dask.multiprocessing.get(dsk, keys, num_workers=2)

        n_tasks = len(shape(size)[0])
        measures[f"processes, a task: {name}"] = median_of(min(n_repeats, 3), run) * 1e6 / n_tasks

    versions = {
        "python": sys.version.split()[0],
        "dask": dask.__version__,
        "distributed": distributed.__version__,
        "numpy": numpy.__version__,
    }
    json.dump({"versions": versions, "measures": measures}, sys.stdout)


if __name__ == "__main__":
    main()
