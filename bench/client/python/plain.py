"""Benchmarks of plain httpx and json."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import measure
import sdk


def rows(job: measure.Job) -> Mapping[str, measure.Work]:
    client = httpx.Client(
        base_url=f"{job.server_url}/v1/observability",
        headers={"authorization": f"Bearer {job.api_key}"},
        timeout=300,
    )
    records_of = f"/datasets/{job.dataset_id}/records"

    def page(number: int = 1) -> list[dict[str, Any]]:
        response = client.get(records_of, params={"page_size": sdk.PAGE, "page": number})
        response.raise_for_status()
        results: list[dict[str, Any]] = response.json()["records"]["results"]
        return results

    def pages(units: int) -> int:
        return sum(len(page()) for _ in range(units))

    def read_pages(units: int) -> int:
        seen = 0
        for _ in range(units):
            for record in page():
                length = sum(len(message["content"]) for message in record["payload"]["messages"])
                seen += length + len(record["properties"]) > 0
        return seen

    def creates(units: int) -> int:
        for record in job.lines(units):
            client.post(f"/datasets/{job.scratch_id}/records", json=record).raise_for_status()
        return units

    def eight(units: int) -> int:
        with ThreadPoolExecutor(8) as threads:
            return sum(threads.map(lambda _: len(page()), range(units)))

    def pager(units: int) -> int:
        return sum(len(page(number)) for number in range(1, units + 1))

    def hold(units: int) -> int:
        for number in range(1, units + 1):
            sdk.held.extend(page(number))
        return len(sdk.held)

    def bulk_out(_: int) -> int:
        link = client.get(f"/datasets/{job.dataset_id}/exports/to-jsonl").json()["file_url"]
        with httpx.stream("GET", link) as response, Path(job.output).open("wb") as file:
            response.raise_for_status()
            for chunk in response.iter_bytes():
                file.write(chunk)
        with Path(job.output).open("rb") as file:
            return sum(1 for _ in file)

    return {
        "page": pages,
        "read": read_pages,
        "create": creates,
        "eight": eight,
        "pager": pager,
        "pager_50ms": pager,
        "hold": hold,
        "bulk_in": creates,
        "bulk_file": creates,
        "bulk_out": bulk_out,
    }


measure.run(rows)
