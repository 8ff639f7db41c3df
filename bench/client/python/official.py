"""Measures the official SDK."""

import cases
import harness
from mistralai.client import Mistral


def measured(job: harness.Job) -> dict[str, harness.Work]:
    return cases.of_sdk(Mistral(api_key=job.api_key, server_url=job.server_url), job)


harness.run(measured)
