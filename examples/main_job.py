"""The main job through the Python client: fill a dataset from a file, read it, edit it, copy it, export the copy.

    python examples/main_job.py CONVERSATIONS.jsonl EXPORT.jsonl

It works against a server in the same process, and prints what it did as one line of JSON.
"""

import json
import sys
import time
from pathlib import Path

from mistral_datasets import Mistral, models

COPY_AT_ONCE = 10_000


def finished(mistral: Mistral, task: models.ImportTask) -> int:
    """Wait for a task, and return how many records it imported."""
    while task.status == "RUNNING":
        time.sleep(0.02)
        task = mistral.datasets.fetch_task(dataset_id=task.dataset_id, task_id=task.id)
    if task.status != "COMPLETED":
        raise SystemExit(f"the import ended as {task.status}: {task.message}")
    return task.result.imported_record_count if task.result else 0


def all_records(mistral: Mistral, dataset_id: str) -> list[models.DatasetRecord]:
    """Read a dataset page by page."""
    records: list[models.DatasetRecord] = []
    page = 1
    while True:
        reply = mistral.datasets.list_records(dataset_id=dataset_id, page_size=100, page=page).records
        records.extend(reply.results)
        if not reply.next:
            return records
        page += 1


def main(source: Path, target: Path) -> None:
    began = time.perf_counter()
    with Mistral.local() as mistral:
        datasets = mistral.datasets
        dataset = datasets.create(name="Main job", description="Imported from a file")
        with source.open("rb") as content:
            file = mistral.files.upload(file={"file_name": source.name, "content": content})
        imported = finished(mistral, datasets.import_from_file(dataset_id=dataset.id, file_id=file.id))

        records = all_records(mistral, dataset.id)
        datasets.records.update_properties(dataset_record_id=records[0].id, properties={"edited by": "python"})

        copy = datasets.create(name="Main job, copied", description="Copied from the first dataset")
        copied = 0
        for start in range(0, len(records), COPY_AT_ONCE):
            ids = [record.id for record in records[start : start + COPY_AT_ONCE]]
            copied += finished(
                mistral, datasets.import_from_dataset_records(dataset_id=copy.id, dataset_record_ids=ids)
            )

        link = datasets.export_to_jsonl(dataset_id=copy.id).file_url
        export = mistral.open_link(link).read()
        target.write_bytes(export)

    report = {
        "imported": imported,
        "listed": len(records),
        "copied": copied,
        "exported_bytes": len(export),
        "seconds": time.perf_counter() - began,
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
