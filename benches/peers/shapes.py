"""The graphs of benches/src/shapes.rs, task for task and edge for edge: each is (graph, keys of the outputs).

No two have tasks of the same name: a cluster would find them done.
"""

import itertools
import math

from dask._task_spec import Task, TaskRef

from work import empty


count = itertools.count()


def independent(n):
    name = f"leaf-{next(count)}"
    dsk = {(name, i): Task((name, i), empty) for i in range(n)}
    return dsk, list(dsk)


def reduced(dsk, together, task=lambda key, inputs: Task(key, empty, *inputs)):
    """Sums of so many neighbours at a time over tasks of one name, until one is left."""
    ((name, _), *_), level, width = dsk, 0, len(dsk)
    last = name
    while width > 1:
        level += 1
        above, below, width = f"{name}-{level}", width, -(-width // together)
        for i in range(width):
            children = range(together * i, min(together * i + together, below))
            dsk[above, i] = task((above, i), [TaskRef((last, child)) for child in children])
        last = above
    return dsk, [(last, 0)]


def tree(n):
    dsk, _ = independent(max(n // 2, 1))
    return reduced(dsk, 2)


def merge(n):
    dsk, _ = independent(n)
    return reduced(dsk, n)


def listed(n, dependencies):
    name, dsk = f"task-{next(count)}", {}
    for i in range(n):
        dsk[name, i] = Task((name, i), empty, *(TaskRef((name, before)) for before in dependencies(i)))
    return dsk, [(name, n - 1)]


def chain(n):
    return listed(n, lambda i: [i - 1] if i > 0 else [])


def stencil(n):
    side = math.isqrt(n)
    return listed(side * side, lambda i: ([i - 1] if i % side else []) + ([i - side] if i >= side else []))


def shuffle(n):
    n = math.isqrt(n)
    dsk, leaves = independent(n)
    split, join = f"split-{next(count)}", f"join-{next(count)}"
    for piece in range(n * n):
        dsk[split, piece] = Task((split, piece), empty, TaskRef(leaves[piece // n]))
    for to in range(n):
        pieces = (TaskRef((split, source * n + to)) for source in range(n))
        dsk[join, to] = Task((join, to), empty, *pieces)
    return dsk, [(join, to) for to in range(n)]
