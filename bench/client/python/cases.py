"""The cases that the official SDK and ours share: the same code runs with either client."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from measure import Job, Work

PAGE_SIZE = 100

# Keeps the records of the `retain` case alive until memory is measured.
retained: list[Any] = []


def read(record: Any) -> int:
    """Reads every message and property of a record, as an evaluation would."""
    length = sum(len(message["content"]) for message in record.payload.messages)
    return length + len(record.properties)


def download(url: str, output_file: str) -> int:
    """Downloads an export and returns its number of lines."""
    import httpx

    with httpx.stream("GET", url) as response, Path(output_file).open("wb") as file:
        response.raise_for_status()
        for chunk in response.iter_bytes():
            file.write(chunk)
    with Path(output_file).open("rb") as file:
        return sum(1 for _ in file)


def sdk_cases(mistral: Any, job: Job) -> dict[str, Work]:
    """Returns the cases for a client that has the official SDK's blocking interface."""
    datasets = mistral.beta.observability.datasets

    def page(number: int = 1) -> list[Any]:
        results: list[Any] = datasets.list_records(
            dataset_id=job.dataset_id, page_size=PAGE_SIZE, page=number
        ).records.results
        return results

    def pages(iterations: int) -> int:
        return sum(len(page()) for _ in range(iterations))

    def read_pages(iterations: int) -> int:
        records = 0
        for _ in range(iterations):
            for record in page():
                records += read(record) > 0
        return records

    def create(iterations: int) -> int:
        for record in job.records(iterations):
            datasets.create_record(dataset_id=job.scratch_dataset_id, **record)
        return iterations

    def concurrent(iterations: int) -> int:
        with ThreadPoolExecutor(8) as threads:
            return sum(threads.map(lambda _: len(page()), range(iterations)))

    def pager(iterations: int) -> int:
        return sum(len(page(number)) for number in range(1, iterations + 1))

    def retain(iterations: int) -> int:
        for number in range(1, iterations + 1):
            retained.extend(page(number))
        return len(retained)

    def export(_: int) -> int:
        return download(datasets.export_to_jsonl(dataset_id=job.dataset_id).file_url, job.output_file)

    return {
        "page": pages,
        "read": read_pages,
        "create": create,
        "concurrent": concurrent,
        "pager": pager,
        "pager_50ms": pager,
        "retain": retain,
        # The official SDK has no call that creates many records.
        "create_many": create,
        "import": create,
        "export": export,
    }
