"""Imports a file into a dataset with the Python client, reads and edits it, copies it and exports the copy.

    python examples/main_job.py CONVERSATIONS.jsonl EXPORT.jsonl

Uses an embedded local server, and prints a summary as one line of JSON.
"""

import json
import sys
import time
from pathlib import Path

from mistral_datasets import Mistral

# The maximum number of records that one import can copy.
COPY_BATCH_SIZE = 10_000


def main(source: Path, target: Path) -> None:
    started = time.perf_counter()
    with Mistral.local() as mistral:
        datasets = mistral.datasets
        dataset = datasets.create(name="Main job", description="Imported from a file")
        imported = datasets.import_jsonl(dataset.id, source).records

        records = list(datasets.iter_records(dataset.id, strict=True))
        datasets.records.update_properties(dataset_record_id=records[0].id, properties={"edited by": "python"})

        copy = datasets.create(name="Main job, copied", description="Copied from the first dataset")
        copied = 0
        for start in range(0, len(records), COPY_BATCH_SIZE):
            ids = [record.id for record in records[start : start + COPY_BATCH_SIZE]]
            task = datasets.import_from_dataset_records(dataset_id=copy.id, dataset_record_ids=ids, wait=True)
            copied += task.result.imported_record_count if task.result else 0

        exported = datasets.export(copy.id, target)

    report = {
        "imported": imported,
        "listed": len(records),
        "copied": copied,
        "exported_bytes": exported.bytes,
        "seconds": time.perf_counter() - started,
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
