"""Shared by all Python benchmarks: reads the job, runs it, and prints its cost as one line of JSON."""

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
    """A benchmark job, passed by `cargo xtask bench client` as the only argument."""

    row: str
    server_url: str
    api_key: str
    # The datasets to read from and to write to.
    dataset_id: str
    scratch_id: str
    # The number of units to measure, and to run before the clock starts.
    units: int
    warm_up: int
    # The JSONL file of records to write, and the file for exports.
    records: str
    output: str

    def lines(self, count: int) -> list[dict[str, Any]]:
        """Returns the first `count` records of the file."""
        if len(_LINES) < count:
            with Path(self.records).open(encoding="utf-8") as file:
                _LINES[:] = [json.loads(line) for line, _ in zip(file, range(count), strict=False)]
        return _LINES[:count]


# The records read by `Job.lines`. They are read before the clock starts.
_LINES: list[dict[str, Any]] = []

# The benchmarks that write records.
WRITING = ("create", "bulk_in", "bulk_file")

Work = Callable[[int], int]


def memory() -> dict[str, int | None]:
    """Returns the current and peak resident memory in KiB, or None where `/proc` is not available."""
    values: dict[str, int | None] = {"held_kib": None, "peak_kib": None}
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            name, _, value = line.partition(":")
            if name in ("VmRSS", "VmHWM"):
                values["held_kib" if name == "VmRSS" else "peak_kib"] = int(value.split()[0])
    return values


def run(rows: Callable[[Job], Mapping[str, Work]]) -> None:
    """Runs the job. Each benchmark takes a number of units and returns the number of records processed."""
    job = Job(**json.loads(sys.argv[1]))
    work = rows(job)[job.row]
    if job.row in WRITING:
        job.lines(job.units)
    if job.warm_up:
        work(job.warm_up)
    wall, cpu = time.perf_counter(), time.process_time()
    seen = work(job.units)
    _report(seen, wall, cpu)


def _report(seen: Any, wall: float, cpu: float) -> None:
    measured = {"wall_seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}
    gc.collect()
    print(json.dumps({"records": seen, **measured, **memory()}))
