"""Dask's side of `cargo xtask bench metg`: python metg.py JOBS.json

The jobs are graphs ([dependencies of each task], outputs) as benches/src/bin/metg/theirs.rs writes them; the kernel is
the one that our side runs itself, called without the interpreter's lock. Every task checks that its inputs are those it
should have. A job sweeps from large tasks to small ones until less than a quarter of the time is work, as
benches/src/bin/metg/sweep.rs does, or runs empty tasks alone.
"""

import concurrent.futures
import json
import logging
import multiprocessing
import statistics
import sys
import time

import dask.multiprocessing
import dask.threaded
import distributed
from dask._task_spec import Task, TaskRef

import work
from measure import versions


def scheduler(name, n):
    """A function of a graph and keys, and what ends it."""
    if name == "threads":
        return lambda dsk, keys: dask.threaded.get(dsk, keys, num_workers=n), lambda: None
    if name == "processes":
        # Processes that stay, as ours do; and each task as it is.
        pool = concurrent.futures.ProcessPoolExecutor(n, mp_context=multiprocessing.get_context("spawn"))
        options = {"num_workers": n, "pool": pool, "optimize_graph": False}
        return lambda dsk, keys: dask.multiprocessing.get(dsk, keys, **options), pool.shutdown
    logging.getLogger("distributed").setLevel(logging.ERROR)
    cluster = distributed.LocalCluster(
        n_workers=n, threads_per_worker=1, processes=True, dashboard_address=None, memory_limit=0
    )
    client = distributed.Client(cluster)
    return client.get, lambda: (client.close(), cluster.close())


def main():
    with open(sys.argv[1]) as file:
        jobs = json.load(file)
    setting, n_repeats, library = jobs["setting"], jobs["n_repeats"], jobs["library"]
    get, end = scheduler(jobs["scheduler"], setting["n_threads"])
    n_runs = 0

    def run(job, iterations):
        nonlocal n_runs
        n_runs += 1
        # A cluster knows tasks by their names.
        name, dsk = f"task-{n_runs}", {}
        for task, before in enumerate(job["dependencies"]):
            inputs = (TaskRef((name, other)) for other in before)
            dsk[name, task] = Task((name, task), work.work, library, iterations, task, tuple(before), *inputs)
        keys = [(name, task) for task in job["outputs"]]
        started = time.perf_counter()
        found = get(dsk, keys)
        seconds = time.perf_counter() - started
        assert list(found) == job["outputs"]
        return seconds

    def runs(job, iterations):
        run(job, iterations)  # warms up
        return [iterations, [run(job, iterations) for _ in range(n_repeats)]]

    def sweep(job):
        iterations, best, points = job["first_iterations"], 0, []
        while iterations > 0:
            points.append(runs(job, iterations))
            on_core = statistics.median(points[-1][1]) * setting["n_threads"] / len(job["dependencies"])
            efficiency = iterations * setting["kernel"] / on_core
            best = max(best, efficiency)
            if efficiency < 0.25 * best:
                break
            iterations //= 2
        return points

    seconds = {}
    for job in jobs["jobs"]:
        seconds[job["name"]] = sweep(job) if job["first_iterations"] else [runs(job, 0)]
    end()
    json.dump({"versions": versions(), "seconds": seconds}, sys.stdout)


if __name__ == "__main__":
    main()
