"""dask.distributed's side of `cargo xtask bench dist`: python dist.py '{"part": "map", "n_tasks": 2000, "n_repeats": 5}'

A part of benches/src/bin/dist/main.rs and its measures under the same names, as JSON: worker processes of one thread on
loopback, two unless a part says otherwise. Parts that are not here have no measures.
"""

import concurrent.futures
import contextlib
import json
import logging
import multiprocessing
import os
import signal
import statistics
import subprocess
import sys
import threading
import time

import dask
import dask.multiprocessing
import distributed
import numpy
from dask._task_spec import Task, TaskRef

import shapes
import work
from measure import columns, cpu_seconds, forget_peaks, peak_megabytes, resident_megabytes, rounds, seconds
from measure import timed, versions, written_megabytes
from zero import zero_workers

LIMIT = 120  # seconds that a run with failures may take


@contextlib.contextmanager
def cluster(n_workers=2, memory_limit=0):
    # Workers die, and no task is to blame.
    dask.config.set({"distributed.scheduler.allowed-failures": 1_000_000})
    options = {"threads_per_worker": 1, "processes": True, "dashboard_address": None, "memory_limit": memory_limit}
    options |= {"silence_logs": logging.CRITICAL}
    with distributed.LocalCluster(n_workers=n_workers, **options) as local, distributed.Client(local) as client:
        yield client


def workers(client):
    return list(client.run(os.getpid).values())


def micros(get, shape, size, n_repeats):
    def run():
        dsk, keys = shape(size)
        return timed(get, dsk, keys)

    n_tasks = len(shape(size)[0])
    times = rounds(f"{shape.__name__} {size}", n_repeats, run)
    return statistics.median(times) * 1e6 / n_tasks


def merge(n, n_repeats):
    with cluster() as client:
        processes = [*workers(client), os.getpid()]
        forget_peaks(processes)
        cost = micros(client.get, shapes.merge, n, n_repeats)
        peak = peak_megabytes(processes)
    return {f"merge {n}: a task": cost, f"merge {n}: peak memory, all processes": peak}


def tree(n, n_repeats):
    height = n.bit_length() - 1
    with cluster() as client:
        return {f"tree of 2^{height} - 1: a task": micros(client.get, shapes.tree, 1 << height, n_repeats)}


def chain(n, n_repeats):
    with cluster() as client:
        return {f"chain of {n // 4}: a hand-over": micros(client.get, shapes.chain, n // 4, n_repeats)}


def of_shapes(name, get, some, n, n_repeats):
    size = lambda shape: max(n // 10, 4) if shape is shapes.chain else n
    return {f"{name}, a task: {shape.__name__}": micros(get, shape, size(shape), n_repeats) for shape in some}


def tasks(n, n_repeats):
    some = (shapes.independent, shapes.tree, shapes.chain, shapes.stencil)
    with cluster() as client:
        return of_shapes("cluster", client.get, some, n, n_repeats)


def processes(n, n_repeats):
    # Processes that stay, as ours do; and each task as it is.
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        get = lambda dsk, keys: dask.multiprocessing.get(dsk, keys, num_workers=2, pool=pool, optimize_graph=False)
        return of_shapes("processes", get, (shapes.independent, shapes.tree, shapes.chain), n, n_repeats)


def map_(n, n_repeats):
    def run():
        time.sleep(0.1)
        started = time.perf_counter()
        roots = client.map(work.inc, range(n), pure=False)
        next(iter(distributed.as_completed(roots)))
        first = time.perf_counter() - started
        distributed.wait(roots)
        every = time.perf_counter() - started
        started = time.perf_counter()
        others = client.map(work.inc, roots, pure=False)
        distributed.wait(others)
        on_roots = time.perf_counter() - started
        assert others[-1].result() == n + 1
        return first, every, on_roots

    with cluster() as client:
        names = ("roots, the first", "roots, all", "calls on their results, all")
        return {f"map {n}: {name}": s for name, s in zip(names, columns(rounds("map", n_repeats, run)))}


def trips(n, n_repeats):
    with cluster() as client:
        times = []
        for i in range(-100, 1000):
            started = time.perf_counter()
            client.submit(work.inc, i, pure=False).result()
            if i >= 0:
                times.append((time.perf_counter() - started) * 1e6)
    times.sort()
    return {"submit to result, p50 of 1000": times[500], "submit to result, p99 of 1000": times[990]}


def bulk(n, n_repeats):
    data = numpy.full(256 << 20, 7, dtype="u1")
    megabytes = data.nbytes / 1e6

    def run():
        started = time.perf_counter()
        future = client.scatter(data, hash=False)
        scattered = time.perf_counter() - started
        started = time.perf_counter()
        future.result()
        gathered = time.perf_counter() - started
        started = time.perf_counter()
        for worker in there:
            client.submit(work.first, future, workers=[worker], pure=False).result()
        return megabytes / scattered, megabytes / gathered, megabytes / (time.perf_counter() - started)

    with cluster() as client:
        there = list(client.scheduler_info(n_workers=-1)["workers"])
        names = ("scatter 256 MiB", "gather 256 MiB", "worker to worker 256 MiB, used")
        return dict(zip(names, columns(rounds("bulk", n_repeats, run))))


def memory(n, n_repeats):
    n_blocks, n_runs = 100, 0

    def run():
        nonlocal n_runs
        n_runs += 1
        dsk = {(f"block-{n_runs}", i): Task((f"block-{n_runs}", i), work.block, i) for i in range(n_blocks)}
        names = [(f"total-{n_runs}", i) for i in range(n_blocks)]
        for i, name in enumerate(names):
            dsk[name] = Task(name, work.total, TaskRef((f"block-{n_runs}", i)))
        key = f"sum-{n_runs}"
        dsk[key] = Task(key, work.sum_of, *map(TaskRef, names))
        forget_peaks(there)
        started = time.perf_counter()
        found = client.get(dsk, key)
        passed = time.perf_counter() - started
        assert found == sum(i % 251 * work.NBYTES for i in range(n_blocks))
        return passed, (peak_megabytes(there) - before) * 1e6 / (len(there) * work.NBYTES)

    with cluster(memory_limit=1 << 30) as client:
        there = workers(client)
        before = resident_megabytes(there)
        passed, peak = columns(rounds("reduction of blocks", n_repeats, run))
    name = "100 blocks of 16 MiB to a number"
    return {f"{name}: time": passed, f"{name}: peak over ideal": peak}


def spill(n, n_repeats):
    limit = 512 << 20
    n_blocks = 2 * 2 * limit // work.NBYTES

    def run():
        before = written_megabytes(there)
        started = time.perf_counter()
        blocks = client.map(work.block, range(n_blocks), pure=False)
        distributed.wait(blocks)
        totals = client.map(work.total, blocks, pure=False)
        found = sum(client.gather(totals))
        passed = time.perf_counter() - started
        assert found == sum(i % 251 * work.NBYTES for i in range(n_blocks)) and workers(client) == there
        del blocks, totals
        time.sleep(0.2)
        return passed, written_megabytes(there) - before

    with cluster(memory_limit=limit) as client:
        there = workers(client)
        passed, written = columns(rounds("values of twice the memory", n_repeats, run))
    name = "2 GiB on workers of 1 GiB"
    return {f"{name}: made and read": passed, f"{name}: written to disk": written}


def numbers(name, n, together):
    """The sum of the numbers below n, of so many at a time, in tasks that sleep: as benches/src/numbers.rs."""
    dsk = {(name, i): Task((name, i), work.slow, 5e-3, i) for i in range(n)}
    return shapes.reduced(dsk, together, lambda key, inputs: Task(key, work.slow, 5e-3, 0, *inputs))


def failures(n, n_repeats):
    n_workers, n_runs, measures = 8, 0, {}

    def run(n, together, kills):
        nonlocal n_runs
        n_runs += 1
        dsk, keys = numbers(f"number-{n_runs}", n, together)
        client.wait_for_workers(n_workers)
        done, n_killed = threading.Event(), 0

        def kill():
            nonlocal n_killed
            while kills and not done.wait(1):
                # Each has its turn.
                nanny = list(client.cluster.workers.values())[n_killed % n_workers]
                with contextlib.suppress(ProcessLookupError, TypeError):
                    os.kill(nanny.pid, signal.SIGKILL)
                n_killed += 1

        killer = threading.Thread(target=kill)
        killer.start()
        started = time.perf_counter()
        try:
            (future,) = client.get(dsk, keys, sync=False)
            assert future.result(timeout=LIMIT) == n * (n - 1) // 2
            return time.perf_counter() - started, n_killed
        finally:
            done.set()
            killer.join()

    with cluster(n_workers) as client:
        for name, size, together in (("merge", 3200, 3200), ("tree", 2048, 2)):
            calm, _ = columns(rounds(name, n_repeats, lambda: run(size, together, False)))
            measures[f"{name} of {size} 5 ms tasks, 8 workers"] = calm
            try:
                killed, n_killed = columns(rounds(f"{name}, kills", n_repeats, lambda: run(size, together, True)))
            except TimeoutError:
                print(f"Dask, {name}, a worker killed each second: not done after {LIMIT} s", file=sys.stderr)
                continue
            measures[f"{name}, a worker killed each second"] = killed
            measures[f"{name}: so many times as long"] = killed / calm
            measures[f"{name}: workers killed in a run"] = n_killed
    return measures


@contextlib.contextmanager
def scheduler():
    """A scheduler as a process of its own, and its address."""
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0"]
    command += ["--no-dashboard", "--scheduler-file"]
    path = f"/tmp/dask-zero-{os.getpid()}.json"
    # It reads the graph, and so the functions.
    environment = os.environ | {"PYTHONPATH": os.path.dirname(os.path.abspath(__file__))}
    with subprocess.Popen([*command, path], stderr=subprocess.DEVNULL, env=environment) as process:
        while not (os.path.exists(path) and os.path.getsize(path)):
            time.sleep(0.05)
        with open(path) as file:
            address = json.load(file)["address"]
        yield process.pid, address
        process.kill()
    os.remove(path)


def zero(n, n_repeats):
    measures = {}
    for n_workers in (1, 10, 100):

        def run():
            time.sleep(0.1)
            dsk, keys = shapes.tree(10 * n)
            before, started = cpu_seconds(process), time.perf_counter()
            (future,) = client.get(dsk, keys, sync=False)
            distributed.wait(future)
            passed = time.perf_counter() - started
            assert future.status == "finished", future
            return (cpu_seconds(process) - before) * 1e6 / len(dsk), passed * 1e6 / len(dsk)

        with scheduler() as (process, address), zero_workers(address, n_workers):
            with distributed.Client(address) as client:
                cpu, passed = columns(rounds("zero workers", n_repeats, run))
        measures[f"scheduler alone, {n_workers} workers: its processor, a task"] = cpu
        measures[f"scheduler alone, {n_workers} workers: passed, a task"] = passed
    return measures


PARTS = {
    "merge": merge,
    "tree": tree,
    "chain": chain,
    "tasks": tasks,
    "processes": processes,
    "map": map_,
    "trips": trips,
    "bulk": bulk,
    "memory": memory,
    "spill": spill,
    "failures": failures,
    "zero": zero,
}


def main():
    what = json.loads(sys.argv[1])
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    part = PARTS.get(what["part"])
    measures = part(what["n_tasks"], what["n_repeats"]) if part else {}
    json.dump({"versions": versions(), "measures": measures}, sys.stdout)


if __name__ == "__main__":
    main()
