"""Measures the official SDK."""

import cases
import measure
from mistralai.client import Mistral


def measured(job: measure.Job) -> dict[str, measure.Work]:
    return cases.sdk_cases(Mistral(api_key=job.api_key, server_url=job.server_url), job)


measure.run(measured)
