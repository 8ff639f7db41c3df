"""Runs a case of a Python client, and prints the measurements as a line of JSON."""

import gc
import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Job:
    """The argument of a client program: a JSON object with these keys."""

    case: str
    server_url: str
    api_key: str
    # The dataset to read, and the dataset to write to.
    dataset_id: str
    scratch_dataset_id: str
    # How often the case runs while it is measured, and how often before that.
    iterations: int
    warmup: int
    # The records to write, as JSONL, and the file to export to.
    records_file: str
    output_file: str

    def records(self, count: int) -> list[dict[str, Any]]:
        """Returns the first records of the file."""
        if len(_RECORDS) < count:
            with Path(self.records_file).open(encoding="utf-8") as file:
                _RECORDS[:] = [json.loads(line) for line, _ in zip(file, range(count), strict=False)]
        return _RECORDS[:count]


# The records read so far. They are read before the measurement starts.
_RECORDS: list[dict[str, Any]] = []

WRITE_CASES = ("create", "create_many", "import")

# Takes a number of iterations and returns the number of processed records.
Work = Callable[[int], int]


def memory() -> dict[str, int | None]:
    """Returns the current and peak resident memory in KiB; only on Linux."""
    values: dict[str, int | None] = {"rss_kib": None, "peak_rss_kib": None}
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            name, _, value = line.partition(":")
            if name in ("VmRSS", "VmHWM"):
                values["rss_kib" if name == "VmRSS" else "peak_rss_kib"] = int(value.split()[0])
    return values


def run(cases: Callable[[Job], Mapping[str, Work]]) -> None:
    """Runs the case selected by the command-line argument."""
    job = Job(**json.loads(sys.argv[1]))
    work = cases(job)[job.case]
    if job.case in WRITE_CASES:
        job.records(job.iterations)
    if job.warmup:
        work(job.warmup)
    wall, cpu = time.perf_counter(), time.process_time()
    records = work(job.iterations)
    measured = {"wall_seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}
    gc.collect()
    print(json.dumps({"records": records, **measured, **memory()}))
