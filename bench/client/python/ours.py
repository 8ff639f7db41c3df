"""Measures our client. Where other clients need a loop, ours uses the single call that replaces it."""

from collections.abc import Iterator
from pathlib import Path

import cases
import measure

from mistral_datasets import Mistral


def measured(job: measure.Job) -> dict[str, measure.Work]:
    mistral = Mistral(api_key=job.api_key, server_url=job.server_url)
    datasets = mistral.datasets

    def pager(iterations: int) -> int:
        return sum(1 for _ in datasets.iter_records(job.dataset_id, limit=iterations * cases.PAGE_SIZE))

    def create_many(iterations: int) -> int:
        return datasets.create_records(job.scratch_dataset_id, job.records(iterations)).created

    def import_records(iterations: int) -> int:
        def lines() -> Iterator[str]:
            with Path(job.records_file).open(encoding="utf-8") as file:
                for line, _ in zip(file, range(iterations), strict=False):
                    yield line

        return datasets.import_jsonl(job.scratch_dataset_id, lines()).records

    def million_import(_: int) -> int:
        return datasets.import_jsonl(job.scratch_dataset_id, Path(job.records_file)).records

    def export(_: int) -> int:
        return datasets.export(job.dataset_id, job.output_file).records

    own = {
        "pager": pager,
        "pager_50ms": pager,
        "create_many": create_many,
        "import": import_records,
        "export": export,
        "million_import": million_import,
        "million_export": export,
    }
    return {**cases.sdk_cases(mistral, job), **own}


measure.run(measured)
