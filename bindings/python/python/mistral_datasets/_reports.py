"""Reports of bulk operations. Imported by the native module when a report is first accessed."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from mistral_datasets.errors import MistralError
from mistral_datasets.models import ImportTask


class Outcome(NamedTuple):
    """Outcome of one record of `create_records`."""

    status: str
    """One of:

    - `created`: the record was created.
    - `imported`: the record was created by a file import, which reports no ID.
    - `failed`: the record was rejected or could not be sent, and was not created.
    - `unknown`: the request failed after it was sent. The record may have been created, so resumed calls skip it.
    - `not_sent`: the record was not created, because the call ended early or the import of its file failed.
    """
    id: str | None
    """ID of the record, if `status` is `created`."""
    error: MistralError | None
    """Reason why the record failed or its outcome is unknown."""


class InvalidLine(NamedTuple):
    """A line that cannot be imported."""

    line: int
    """Line number, starting at 1."""
    column: int
    """Column of the first invalid character, starting at 1."""
    problem: str
    """What is wrong with the line, without quoting it."""


class ImportedFile(NamedTuple):
    """A file that was uploaded and whose import was started."""

    file_id: str
    """ID of the uploaded file, which is deleted after a successful import."""
    first_line: int
    """Line of the source at which the file starts."""
    lines: int
    """Number of lines of the source that the file covers, including skipped blank and invalid lines."""
    records: int
    """Number of records in the file."""
    task: ImportTask
    """Import task. It has finished, unless the call did not wait or the wait timed out."""


class UnknownFile(NamedTuple):
    """A file that was uploaded and whose import may or may not have been started. Check the dataset's tasks."""

    file_id: str
    """ID of the uploaded file, which still exists."""
    first_line: int
    """Line of the source at which the file starts."""
    lines: int
    """Number of lines of the source that the file covers."""
    records: int
    """Number of records in the file."""


class ImportedSpans(NamedTuple):
    """Spans that were imported by one task of `import_spans`."""

    first: int
    """Index of the first span in the input, starting at 0."""
    spans: int
    """Number of spans."""
    task: ImportTask | None
    """Import task. It has finished, unless the wait was interrupted.

    `None` if it is unknown whether the import was started: the request was sent, but then the connection was lost, the
    server failed or its response was invalid.
    """


class ExportReport(NamedTuple):
    """Result of `export`."""

    records: int
    """Number of exported records."""
    bytes: int
    """Number of bytes written, after compression."""
    path: Path | None
    """Path of the file, if a path was given."""
