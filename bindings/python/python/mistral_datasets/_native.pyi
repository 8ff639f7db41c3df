"""The native part of the package. Import what you need from the package instead."""

from collections.abc import Awaitable, Callable, Mapping
from os import PathLike
from typing import Any, Generic, final
from uuid import UUID

from typing_extensions import Self

from mistral_datasets import models
from mistral_datasets._download import Download
from mistral_datasets._reports import InvalidLine, ExportReport, ImportedFile, Outcome, UnknownFile
from mistral_datasets._pager import T
from mistral_datasets.models import *
from mistral_datasets.resources import Datasets as Datasets
from mistral_datasets.resources import Files as Files
from mistral_datasets.resources import Records as Records
from mistral_datasets.types import JSON

__version__: str
ERROR_KINDS: list[str]

@final
class Client:
    def __new__(cls, given: dict[str, object], proxy: str | None, ca_certificates: bytes | None, /) -> Client: ...
    @staticmethod
    def local(directory: str | PathLike[str] | None, /) -> Client: ...
    def with_options(self, given: dict[str, object], /) -> Client: ...
    @property
    def is_local(self) -> bool: ...
    @property
    def server_url(self) -> str: ...
    def raw(self, method: Callable[..., Any], /, *arguments: Any, **keywords: Any) -> Any: ...
    def open_link(self, url: str, /) -> Download: ...
    def open_link_async(self, url: str, /) -> Awaitable[Download]: ...
    def close(self) -> None: ...
    def close_async(self) -> Awaitable[None]: ...

@final
class TestServer:
    def __new__(cls, directory: str | PathLike[str] | None, generation: str | None, /) -> Self: ...
    @property
    def url(self) -> str: ...
    def stop(self) -> None: ...

@final
class TestWorkspace:
    def __new__(cls, url: str, api_key: str, /) -> Self: ...
    def client(self) -> Client: ...
    def ask(self, method: str, route: str, json: str | None, /) -> str: ...

@final
class RetryPolicy:
    """How often and after how long calls that failed in passing are made again. Times are seconds.

    A request is repeated when that surely does no harm: it only reads, or writes what a second time changes nothing; or
    it was surely not carried out. The wait before each repetition is a random time from nothing to `first_delay`, which
    doubles from one to the next up to `max_delay`; a server that says how long to wait is obeyed. All clients that
    share connections share a budget of ten repetitions a second and one more for every five calls.

    Args:
        max_attempts: How often a request is sent at most, the first time included; 0 and 1 mean once only. Default: 5.
        first_delay: The longest wait before the first repetition; it doubles from one to the next. Default: 0.5.
        max_delay: What the waits do not grow beyond. Default: 8.
        max_retry_after: The longest `Retry-After` that is waited for; a server that asks for more ends the call, and
            the error tells how long it asked for. Default: 60.

    Raises:
        ValueError: A time is negative or no number.

    Example:
        >>> mistral = Mistral(retries=RetryPolicy(8, max_delay=30))
    """

    def __new__(
        cls,
        max_attempts: int | None = None,
        *,
        first_delay: float | None = None,
        max_delay: float | None = None,
        max_retry_after: float | None = None,
    ) -> Self: ...
    @property
    def max_attempts(self) -> int | None:
        """How often a request is sent at most, the first time included."""

    @property
    def first_delay(self) -> float | None:
        """The longest wait before the first repetition."""

    @property
    def max_delay(self) -> float | None:
        """What the waits do not grow beyond."""

    @property
    def max_retry_after(self) -> float | None:
        """The longest `Retry-After` that is waited for."""

    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class TaskHandle:
    """An import task by its ids, as they were saved or as an import returned them. `datasets.task` makes it."""

    def __new__(cls, client: Client, dataset_id: str | UUID, task_id: str | UUID, /) -> TaskHandle: ...
    @property
    def dataset_id(self) -> str:
        """The id of the dataset that the task fills."""

    @property
    def id(self) -> str:
        """The task's id."""

    def refresh(self) -> models.ImportTask:
        """Asks the server how the task stands now; see `models.ImportTask.refresh`."""

    async def refresh_async(self) -> models.ImportTask:
        """Like `refresh`, for asyncio."""

    def wait(
        self,
        *,
        timeout: float | None = None,
        poll_interval: tuple[float, float] | None = None,
        on_progress: Callable[[models.ImportTask], object] | None = None,
    ) -> models.ImportTask:
        """Waits until the task has ended; see `models.ImportTask.wait`."""

    async def wait_async(
        self,
        *,
        timeout: float | None = None,
        poll_interval: tuple[float, float] | None = None,
        on_progress: Callable[[models.ImportTask], object] | None = None,
    ) -> models.ImportTask:
        """Like `wait`, for asyncio."""

@final
class Content:
    @property
    def length(self) -> int | None: ...
    def read(self) -> bytes | None: ...
    def read_async(self) -> Awaitable[bytes | None]: ...
    def close(self) -> None: ...

@final
class Path(Generic[T]):
    def items(self) -> Items[T]: ...
    def pages(self) -> Pages[T]: ...
    def count(self) -> int: ...
    def count_async(self) -> Awaitable[int]: ...

@final
class Items(Generic[T]):
    def __iter__(self) -> Items[T]: ...
    def __next__(self) -> T: ...
    def __aiter__(self) -> Items[T]: ...
    def __anext__(self) -> Awaitable[T]: ...
    def __length_hint__(self) -> int: ...

@final
class Pages(Generic[T]):
    def next(self) -> tuple[int, int, list[T]] | None: ...
    def next_async(self) -> Awaitable[tuple[int, int, list[T]] | None]: ...

@final
class CreateReport:
    """What `create_records` did: what became of every record that it took from its source, in the source's order."""

    @property
    def items(self) -> list[Outcome]:
        """What became of each record. Records that were not taken from the source are not here."""

    @property
    def created(self) -> int:
        """How many records were created, by themselves or by a file's import."""

    @property
    def failed(self) -> int:
        """How many were refused or could not be sent."""

    @property
    def unknown(self) -> int:
        """How many may have been created or not."""

    @property
    def not_sent(self) -> int:
        """How many were taken from the source and surely not created, without a failure of their own."""

    @property
    def strategy(self) -> str:
        """The strategy that was used: the one asked for, or the one that `auto` chose."""

    @property
    def reason(self) -> str:
        """Why this strategy, in words."""

    @property
    def task(self) -> models.ImportTask | None:
        """The import task of the last file, where records went by files."""

    @property
    def elapsed(self) -> float:
        """How many seconds the call took."""

@final
class ImportReport:
    """What `import_jsonl` did."""

    @property
    def lines(self) -> int:
        """How many lines were read, blank and bad ones included."""

    @property
    def records(self) -> int:
        """How many records the files have whose imports were begun and did not fail."""

    @property
    def invalid_lines(self) -> list[InvalidLine]:
        """The lines that cannot be imported, in their order; the first 1,000 of them."""

    @property
    def invalid_line_count(self) -> int:
        """How many lines cannot be imported."""

    @property
    def files(self) -> list[ImportedFile]:
        """The files whose imports were begun and did not fail, in their order."""

    @property
    def unknown(self) -> list[UnknownFile]:
        """The files whose imports may have been begun or not; the dataset's tasks tell."""

@final
class ExportedRecord:
    """A record of an export."""

    @property
    def payload(self) -> models.ConversationPayload:
        """The conversation."""

    @property
    def properties(self) -> dict[str, JSON]:
        """What is said about the conversation."""

    @property
    def id(self) -> str | None:
        """The record's id, where the export says it."""

    @property
    def source(self) -> str | None:
        """Where the record came from, where the export says it."""

    @property
    def extra(self) -> Mapping[str, JSON]:
        """The other members of the line, such as the times of the record, by name."""

@final
class Exchange(Generic[T]):
    def turn(self) -> tuple[str, Any]: ...
    def turn_async(self) -> Awaitable[tuple[str, Any]]: ...
    def taken(self) -> None: ...
    def end(self) -> None: ...
    def fail(self) -> None: ...
    def abort(self) -> None: ...

def create_records(
    client: Client,
    dataset_id: str | UUID,
    /,
    *,
    concurrency: int,
    strategy: str,
    continue_on_error: bool,
    resume: CreateReport | None,
    length: int | None,
) -> Exchange[CreateReport]: ...
def import_jsonl(
    client: Client,
    dataset_id: str | UUID,
    /,
    *,
    path: str | PathLike[str] | None,
    content: bytes | None,
    lenient: bool,
    compression: str,
    max_file_bytes: int | None,
    wait: bool,
    timeout: float | None,
    resume: ImportReport | None,
) -> Exchange[ImportReport]: ...
def give_records(exchange: Exchange[CreateReport], records: list[Any], /) -> None: ...
def give_bytes(exchange: Exchange[ImportReport], content: bytes, /) -> None: ...
def export(
    client: Client, dataset_id: str | UUID, /, *, path: str | PathLike[str] | None, compression: str
) -> Exchange[ExportReport]: ...
def export_records(client: Client, dataset_id: str | UUID, payload_type: object, /) -> Path[Any]: ...
def restore(class_: type, text: str, /) -> object: ...
