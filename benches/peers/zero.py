"""Workers that answer at once without running anything, connected to a real scheduler: as benches/src/crowd.rs."""

import asyncio
import contextlib
import os
import pickle
import threading
import time

from distributed.comm import connect
from distributed.versions import get_versions

METRICS = {
    "bandwidth": {"total": 100_000_000, "workers": {}, "types": {}},
    "digests_total_since_heartbeat": {},
    "managed_bytes": 0,
    "memory": 64 << 20,
    "spilled_bytes": {"memory": 0, "disk": 0},
    "transfer": {"incoming_bytes": 0, "incoming_count": 0, "incoming_count_total": 0}
    | {"outgoing_bytes": 0, "outgoing_count": 0, "outgoing_count_total": 0},
    "task_counts": {},
    "event_loop_interval": 0.02,
    "cpu": 0,
    "time": 0,
    "host_net_io": {"read_bps": 0, "write_bps": 0},
    "num_fds": 0,
}


def answer(message, number):
    if message["op"] == "compute-task":
        now = time.time()
        return {
            "op": "task-finished",
            "key": message["key"],
            "run_id": message["run_id"],
            "nbytes": 28,
            "type": number,
            "typename": "int",
            "metadata": {},
            "thread": 0,
            "startstops": [{"action": "compute", "start": now, "stop": now + 1e-3}],
            "status": "OK",
            "stimulus_id": "zero",
        }
    if message["op"] == "steal-request":
        return {"op": "steal-response", "key": message["key"], "state": None, "stimulus_id": "zero"}
    return None


async def work(scheduler, at, versions, there):
    comm = await connect(scheduler, deserialize=False)
    hello = {
        "op": "register-worker",
        "reply": False,
        "address": f"tcp://127.0.0.1:{10_000 + at}",
        "status": "running",
        "nthreads": 1,
        "name": f"zero-{at}",
        "now": time.time(),
        "resources": {},
        "memory_limit": 8 << 30,
        "local_directory": "",
        "services": {},
        "nanny": None,
        "pid": os.getpid(),
        "versions": versions,
        "metrics": METRICS,
        "extra": {},
        "stimulus_id": "zero",
        "server_id": f"zero-{at}",
    }
    await comm.write(hello, serializers=["msgpack"])
    welcome = await comm.read()
    if welcome["status"] != "OK":
        raise RuntimeError(welcome)
    there.release()
    number = pickle.dumps(int)
    while True:
        answers = [answer(message, number) for message in await comm.read()]
        answers = [message for message in answers if message]
        if answers:
            await comm.write(answers, serializers=["msgpack"])


async def crowd(scheduler, n_workers, there, stop):
    versions = get_versions()
    workers = [asyncio.create_task(work(scheduler, at, versions, there)) for at in range(n_workers)]
    await stop.wait()
    for worker in workers:
        worker.cancel()
    await asyncio.gather(*workers, return_exceptions=True)


@contextlib.contextmanager
def zero_workers(scheduler, n_workers):
    """So many of them on a thread of their own; they are there when it begins, and leave when it ends."""
    there, loop, stop = threading.Semaphore(0), asyncio.new_event_loop(), asyncio.Event()
    run = lambda: loop.run_until_complete(crowd(scheduler, n_workers, there, stop))
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    for _ in range(n_workers):
        if not there.acquire(timeout=60):
            raise RuntimeError("the workers did not come")
    yield
    loop.call_soon_threadsafe(stop.set)
    thread.join()
