"""What bulk calls have done, in parts. The native module imports this when a report is looked at."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from mistral_datasets.errors import MistralError
    from mistral_datasets.models import ImportTask


class Outcome(NamedTuple):
    """What became of one record that was to be created."""

    status: str
    """`created`; `imported` (as a part of a file, which tells no ids); `failed` (surely not created); `unknown` (it may
    have been: it went out, and no answer came; it is never sent again); or `not_sent`."""
    id: str | None
    """The id of a record that was created."""
    error: MistralError | None
    """Why it failed, or is not known."""


class InvalidLine(NamedTuple):
    """A line that cannot be imported."""

    line: int
    """Its number, from 1."""
    column: int
    """The character in which it is bad, from 1."""
    problem: str
    """What is wrong with it; never its content."""


class ImportedFile(NamedTuple):
    """A file that was uploaded and whose import was begun."""

    file_id: str
    """The uploaded file. It is deleted when its import has succeeded."""
    first_line: int
    """The line of the source with which it begins."""
    lines: int
    """How many lines of the source it stands for, the blank and bad ones that were left out included."""
    records: int
    """How many records it has."""
    task: ImportTask
    """The import: finished, unless the call did not wait for it or gave up waiting."""


class UnknownFile(NamedTuple):
    """A file that was uploaded and whose import may have been begun or not; the dataset's tasks tell."""

    file_id: str
    """The uploaded file, which is still there."""
    first_line: int
    """The line of the source with which it begins."""
    lines: int
    """How many lines of the source it stands for."""
    records: int
    """How many records it has."""


class ExportReport(NamedTuple):
    """What an export wrote."""

    records: int
    """How many records."""
    bytes: int
    """How many bytes, counted after compression."""
    path: Path | None
    """Where to, if it was a path."""
