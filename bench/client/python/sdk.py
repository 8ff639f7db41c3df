"""The benchmarks that are identical for the official SDK and this client, except for the import of `Mistral`."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from measure import Job, Work

PAGE = 100

# The records kept by `hold`, so that they are alive when memory is measured.
held: list[Any] = []


def read(record: Any) -> int:
    """Reads every message and property of a record, as an evaluation would."""
    length = sum(len(message["content"]) for message in record.payload.messages)
    return length + len(record.properties)


def blocking(mistral: Any, job: Job) -> dict[str, Work]:
    """Returns the benchmarks with blocking calls."""
    datasets = mistral.beta.observability.datasets

    def page(number: int = 1) -> list[Any]:
        results: list[Any] = datasets.list_records(
            dataset_id=job.dataset_id, page_size=PAGE, page=number
        ).records.results
        return results

    def pages(units: int) -> int:
        return sum(len(page()) for _ in range(units))

    def read_pages(units: int) -> int:
        seen = 0
        for _ in range(units):
            for record in page():
                seen += read(record) > 0
        return seen

    def creates(units: int) -> int:
        for record in job.lines(units):
            datasets.create_record(dataset_id=job.scratch_id, **record)
        return units

    def eight(units: int) -> int:
        with ThreadPoolExecutor(8) as threads:
            return sum(threads.map(lambda _: len(page()), range(units)))

    def pager(units: int) -> int:
        return sum(len(page(number)) for number in range(1, units + 1))

    def hold(units: int) -> int:
        for number in range(1, units + 1):
            held.extend(page(number))
        return len(held)

    def bulk_out(_: int) -> int:
        import httpx

        link = datasets.export_to_jsonl(dataset_id=job.dataset_id).file_url
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
        # There is no bulk call, so records are created one by one.
        "bulk_in": creates,
        "bulk_file": creates,
        "bulk_out": bulk_out,
    }
