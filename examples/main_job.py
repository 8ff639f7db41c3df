"""The main job through the Python client: fill a dataset from a file, read it, edit it, copy it, export the copy.

    python examples/main_job.py CONVERSATIONS.jsonl EXPORT.jsonl

It works against a server in the same process, and prints what it did as one line of JSON.
"""

import json
import sys
import time
from pathlib import Path

from mistral_datasets import Mistral

COPY_AT_ONCE = 10_000


def main(source: Path, target: Path) -> None:
    began = time.perf_counter()
    with Mistral.local() as mistral:
        datasets = mistral.datasets
        dataset = datasets.create(name="Main job", description="Imported from a file")
        imported = datasets.import_jsonl(dataset.id, source).records

        records = list(datasets.iter_records(dataset.id, strict=True))
        datasets.records.update_properties(dataset_record_id=records[0].id, properties={"edited by": "python"})

        copy = datasets.create(name="Main job, copied", description="Copied from the first dataset")
        copied = 0
        for start in range(0, len(records), COPY_AT_ONCE):
            ids = [record.id for record in records[start : start + COPY_AT_ONCE]]
            task = datasets.import_from_dataset_records(dataset_id=copy.id, dataset_record_ids=ids, wait=True)
            copied += task.result.imported_record_count if task.result else 0

        exported = datasets.export(copy.id, target)

    report = {
        "imported": imported,
        "listed": len(records),
        "copied": copied,
        "exported_bytes": exported.bytes,
        "seconds": time.perf_counter() - began,
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
