"""Baseline: the cost of the interpreter and of the measurement itself."""

import measure
import sdk


def rows(job: measure.Job) -> dict[str, measure.Work]:
    return {job.row: lambda units: units * len(sdk.held)}


measure.run(rows)
