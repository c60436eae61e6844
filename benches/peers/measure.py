"""How often to measure, and what of it to tell: as benches/src/timing.rs and benches/src/processes.rs."""

import statistics
import sys
import time

import dask
import distributed
import numpy

ONCE = 20  # seconds; a round that takes longer is measured once, after one that warms up


def rounds(what, n_repeats, measure):
    started = time.perf_counter()
    measure()
    seconds = time.perf_counter() - started
    if seconds > ONCE:
        print(f"Dask, {what}: a round takes {seconds:.0f} s, so it is measured once", file=sys.stderr)
        n_repeats = 1
    return [measure() for _ in range(n_repeats)]


def timed(f, *args, **kwargs):
    started = time.perf_counter()
    f(*args, **kwargs)
    return time.perf_counter() - started


def seconds(what, n_repeats, f):
    return statistics.median(rounds(what, n_repeats, lambda: timed(f)))


def columns(found):
    """The median of each column."""
    return [statistics.median(column) for column in zip(*found)]


def number(process, file, name):
    try:
        with open(f"/proc/{process}/{file}") as lines:
            return next((float(line.split()[1]) for line in lines if line.startswith(name)), 0.0)
    except OSError:
        return 0.0


def forget_peaks(processes):
    for process in processes:
        with open(f"/proc/{process}/clear_refs", "w") as file:
            file.write("5")


def peak_megabytes(processes):
    return sum(number(process, "status", "VmHWM:") * 1024 / 1e6 for process in processes)


def resident_megabytes(processes):
    return sum(number(process, "status", "VmRSS:") * 1024 / 1e6 for process in processes)


def written_megabytes(processes):
    return sum(number(process, "io", "write_bytes:") / 1e6 for process in processes)


def cpu_seconds(process):
    with open(f"/proc/{process}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return sum(map(int, fields[11:13])) / 100


def versions():
    return {
        "python": sys.version.split()[0],
        "dask": dask.__version__,
        "distributed": distributed.__version__,
        "numpy": numpy.__version__,
    }
