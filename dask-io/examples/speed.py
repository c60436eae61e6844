"""The files that `speed.rs` leaves in a folder, read by pandas and pyarrow on one thread.

python dask-io/examples/speed.py FOLDER
"""

import pathlib
import statistics
import sys
import time

import pandas as pd
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

pa.set_cpu_count(1)
pa.set_io_thread_count(1)


def measure(what, path, run):
    seconds = []
    for _ in range(5):
        begins = time.process_time()
        rows = run()
        seconds.append(time.process_time() - begins)
    second = statistics.median(seconds)
    mb = path.stat().st_size / 1e6
    print(f"{what:<54} {mb:8.1f} {mb / second:8.0f} {rows / 1e6 / second:8.1f}")


print(f"pandas {pd.__version__}, pyarrow {pa.__version__}, medians of 5")
print(f"{'':<54} {'MB':>8} {'MB/s':>8} {'Mrow/s':>8}")
for folder, what in [("numbers", "four numbers"), ("text", "id, name, amount"), ("dates", "id, day, at")]:
    folder = pathlib.Path(sys.argv[1]) / folder
    csv, parquet = folder / "csv/part.000000.csv", folder / "parquet/part.000000.parquet"
    dates = ["day", "at"] if folder.name == "dates" else None
    one_thread = pc.ReadOptions(use_threads=False)
    measure(f"pandas.read_csv, {what}", csv, lambda: len(pd.read_csv(csv, parse_dates=dates)))
    measure(f"pandas.read_csv of one column, {what}", csv, lambda: len(pd.read_csv(csv, usecols=["id"])))
    measure(f"pyarrow.csv, {what}", csv, lambda: pc.read_csv(csv, read_options=one_thread).num_rows)
    measure(f"pandas.read_parquet, {what}", parquet, lambda: len(pd.read_parquet(parquet, use_threads=False)))
    measure(f"pyarrow.parquet, {what}", parquet, lambda: pq.read_table(parquet, use_threads=False).num_rows)
    one = lambda: pq.read_table(parquet, columns=["id"], use_threads=False).num_rows
    measure(f"pyarrow.parquet of one column, {what}", parquet, one)
