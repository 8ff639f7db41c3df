"""The measuring side of every Python runner: reads its job, runs it, and prints what it cost as one line of JSON."""

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
    """What a runner is asked to do; `cargo xtask bench client` writes it as the runner's only argument."""

    row: str
    server_url: str
    api_key: str
    # The dataset to read, and the one to write to.
    dataset_id: str
    scratch_id: str
    # How often the row's work is done, and how often before the clock starts.
    units: int
    warm_up: int
    # The records as JSONL, and a file to write to.
    records: str
    output: str

    def lines(self, count: int) -> list[dict[str, Any]]:
        """The first records of the file."""
        if len(_LINES) < count:
            with Path(self.records).open(encoding="utf-8") as file:
                _LINES[:] = [json.loads(line) for line, _ in zip(file, range(count), strict=False)]
        return _LINES[:count]


# What `lines` has read, so that it is read before the clock starts.
_LINES: list[dict[str, Any]] = []

# The rows that write.
WRITING = ("create", "bulk_in", "bulk_file")

Work = Callable[[int], int]


def memory() -> dict[str, int | None]:
    """What the process holds now and held at most, in KiB; only Linux says it without the parent's share."""
    values: dict[str, int | None] = {"held_kib": None, "peak_kib": None}
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            name, _, value = line.partition(":")
            if name in ("VmRSS", "VmHWM"):
                values["held_kib" if name == "VmRSS" else "peak_kib"] = int(value.split()[0])
    return values


def run(rows: Callable[[Job], Mapping[str, Work]]) -> None:
    """Do what the argument asks for. A row's work takes a number of units, and returns how many records it saw."""
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
