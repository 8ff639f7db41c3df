"""Measures a program that sends its requests with httpx and parses responses with json."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cases
import httpx
import measure


def measured(job: measure.Job) -> Mapping[str, measure.Work]:
    client = httpx.Client(
        base_url=f"{job.server_url}/v1/observability",
        headers={"authorization": f"Bearer {job.api_key}"},
        timeout=300,
    )
    records_url = f"/datasets/{job.dataset_id}/records"

    def page(number: int = 1) -> list[dict[str, Any]]:
        response = client.get(records_url, params={"page_size": cases.PAGE_SIZE, "page": number})
        response.raise_for_status()
        results: list[dict[str, Any]] = response.json()["records"]["results"]
        return results

    def pages(iterations: int) -> int:
        return sum(len(page()) for _ in range(iterations))

    def read_pages(iterations: int) -> int:
        records = 0
        for _ in range(iterations):
            for record in page():
                length = sum(len(message["content"]) for message in record["payload"]["messages"])
                records += length + len(record["properties"]) > 0
        return records

    def create(iterations: int) -> int:
        for record in job.records(iterations):
            client.post(f"/datasets/{job.scratch_dataset_id}/records", json=record).raise_for_status()
        return iterations

    def concurrent(iterations: int) -> int:
        with ThreadPoolExecutor(8) as threads:
            return sum(threads.map(lambda _: len(page()), range(iterations)))

    def pager(iterations: int) -> int:
        return sum(len(page(number)) for number in range(1, iterations + 1))

    def retain(iterations: int) -> int:
        for number in range(1, iterations + 1):
            cases.retained.extend(page(number))
        return len(cases.retained)

    def export(_: int) -> int:
        response = client.get(f"/datasets/{job.dataset_id}/exports/to-jsonl")
        return cases.download(response.json()["file_url"], job.output_file)

    return {
        "page": pages,
        "read": read_pages,
        "create": create,
        "concurrent": concurrent,
        "pager": pager,
        "pager_50ms": pager,
        "retain": retain,
        "create_many": create,
        "import": create,
        "export": export,
    }


measure.run(measured)
