"""Benchmarks of the official SDK, with blocking calls."""

import measure
import sdk
from mistralai.client import Mistral


def rows(job: measure.Job) -> dict[str, measure.Work]:
    mistral = Mistral(api_key=job.api_key, server_url=job.server_url)
    return sdk.blocking(mistral, job)


measure.run(rows)
