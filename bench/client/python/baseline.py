"""Measures the interpreter and the harness without a client."""

import cases
import harness


def measured(job: harness.Job) -> dict[str, harness.Work]:
    return {job.case: lambda iterations: iterations * len(cases.retained)}


harness.run(measured)
