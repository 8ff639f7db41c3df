"""Benchmarks of this client, with blocking calls. Single calls replace loops where the client has one."""

from collections.abc import Iterator
from pathlib import Path

import measure
import sdk

from mistral_datasets import Mistral


def rows(job: measure.Job) -> dict[str, measure.Work]:
    mistral = Mistral(api_key=job.api_key, server_url=job.server_url)
    datasets = mistral.datasets

    def pager(units: int) -> int:
        return sum(1 for _ in datasets.iter_records(job.dataset_id, limit=units * sdk.PAGE))

    def bulk_in(units: int) -> int:
        return datasets.create_records(job.scratch_id, job.lines(units)).created

    def bulk_file(units: int) -> int:
        def first() -> Iterator[str]:
            with Path(job.records).open(encoding="utf-8") as file:
                for line, _ in zip(file, range(units), strict=False):
                    yield line

        return datasets.import_jsonl(job.scratch_id, first()).records

    def million_in(_: int) -> int:
        return datasets.import_jsonl(job.scratch_id, Path(job.records)).records

    def bulk_out(_: int) -> int:
        return datasets.export(job.dataset_id, job.output).records

    own = {
        "pager": pager,
        "pager_50ms": pager,
        "bulk_in": bulk_in,
        "bulk_file": bulk_file,
        "bulk_out": bulk_out,
        "million_in": million_in,
        "million_out": bulk_out,
    }
    return {**sdk.blocking(mistral, job), **own}


measure.run(rows)
