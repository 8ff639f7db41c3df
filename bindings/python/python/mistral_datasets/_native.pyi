"""Native implementation of the package. Import from the package instead."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import timedelta
from os import PathLike
from typing import Any, ClassVar, Generic, Literal, final, type_check_only
from uuid import UUID

from typing_extensions import Self

from mistral_datasets import models
from mistral_datasets._call_options import CallOptions
from mistral_datasets._download import Download
from mistral_datasets._pager import T
from mistral_datasets._reports import ExportReport, ImportedFile, ImportedSpans, InvalidLine, Outcome, UnknownFile
from mistral_datasets.enums import RecordSource, TaskStatus
from mistral_datasets.models import *
from mistral_datasets.types import JSON, JSONObject

__version__: str
ERROR_KINDS: list[str]

@final
class Client:
    def __new__(cls, options: dict[str, object], proxy: str | None, ca_certificates: bytes | None, /) -> Client: ...
    @staticmethod
    def local(directory: str | PathLike[str] | None, judge: dict[str, object], /) -> Client: ...
    def with_options(self, options: dict[str, object], /) -> Client: ...
    @property
    def is_local(self) -> bool: ...
    @property
    def server_url(self) -> str: ...
    def raw(self, method: Callable[..., Any], /, *arguments: Any, **keywords: Any) -> Any: ...
    def open_link(self, url: str, options: CallOptions, /) -> Download: ...
    def open_link_async(self, url: str, options: CallOptions, /) -> Awaitable[Download]: ...
    def close(self) -> None: ...
    def close_async(self) -> Awaitable[None]: ...

# The calls of a resource. The typed methods are in `resources`, which is generated with them.
@type_check_only
class Resource:
    def __getattr__(self, name: str, /) -> Callable[..., Any]: ...

def resource(client: Client, group: str, /) -> Resource: ...

@final
class TestServer:
    def __new__(
        cls, directory: str | PathLike[str] | None, generation: str | None, judge: dict[str, object], /
    ) -> Self: ...
    @property
    def url(self) -> str: ...
    def stop(self) -> None: ...

@final
class TestWorkspace:
    def __new__(cls, url: str, api_key: str, /) -> Self: ...
    def client(self) -> Client: ...
    def send_request(self, method: str, route: str, json: str | None, /) -> str: ...

@final
class Content:
    @property
    def length(self) -> int | None: ...
    def read(self) -> bytes | None: ...
    def read_async(self) -> Awaitable[bytes | None]: ...
    def close(self) -> None: ...

@final
class BatchSource(Generic[T]):
    def items(self) -> ItemIterator[T]: ...
    def pages(self) -> PageIterator[T]: ...
    def count(self) -> int: ...
    def count_async(self) -> Awaitable[int]: ...

@final
class ItemIterator(Generic[T]):
    def __iter__(self) -> ItemIterator[T]: ...
    def __next__(self) -> T: ...
    def __aiter__(self) -> ItemIterator[T]: ...
    def __anext__(self) -> Awaitable[T]: ...
    def aclose(self) -> Awaitable[None]:
        """Ends the iteration and cancels requests in flight."""

    def __length_hint__(self) -> int: ...

@final
class PageIterator(Generic[T]):
    def next(self) -> tuple[int, int | None, str | None, list[T]] | None: ...
    def next_async(self) -> Awaitable[tuple[int, int | None, str | None, list[T]] | None]: ...
    def aclose(self) -> Awaitable[None]: ...

@final
class CreateReport:
    """Result of `create_records`."""

    @property
    def dataset_id(self) -> str:
        """ID or slug of the dataset, as passed to the call."""

    @property
    def items(self) -> list[Outcome]:
        """Outcome of each record, in input order. Records that were not read from the input are not included."""

    @property
    def created(self) -> int:
        """Number of records that were created, individually or by a file import."""

    @property
    def failed(self) -> int:
        """Number of records that were rejected or could not be sent."""

    @property
    def unknown(self) -> int:
        """Number of records that may or may not have been created."""

    @property
    def not_sent(self) -> int:
        """Number of records that were read but not created: not sent, or part of a file whose import failed."""

    @property
    def strategy(self) -> str:
        """Strategy that was used: the requested one, or the one that `auto` chose."""

    @property
    def reason(self) -> str:
        """Reason for the choice of strategy."""

    @property
    def task(self) -> models.ImportTask | None:
        """Import task of the last file, if records were imported from files."""

    @property
    def unknown_key_count(self) -> int:
        """Number of unknown keys that were ignored because `allow_unknown_keys` was set."""

    @property
    def unknown_keys(self) -> dict[str, int]:
        """How often each unknown key was ignored, for the first 100 different keys."""

    @property
    def elapsed(self) -> float:
        """Duration of the call in seconds."""

    def to_json(self) -> str:
        """Returns the report as JSON, from which `from_json` creates it again, also in another process or language.

        The JSON contains no part of a record and no response body.
        """

    @staticmethod
    def from_json(text: str, /) -> CreateReport:
        """Creates a report from the JSON of `to_json`.

        Raises a `ValidationError` if the text is not such a report, or was written by a newer version whose format this
        version does not know. Tasks of the report have no client, so they cannot be refreshed.
        """

    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

@final
class ImportReport:
    """Result of `import_jsonl`."""

    @property
    def dataset_id(self) -> str:
        """ID or slug of the dataset, as passed to the call."""

    @property
    def lines(self) -> int:
        """Number of lines that were read, including blank and invalid lines."""

    @property
    def records(self) -> int:
        """Number of records in files whose import was started and did not fail."""

    @property
    def invalid_lines(self) -> list[InvalidLine]:
        """Invalid lines in input order; at most the first 1,000."""

    @property
    def invalid_line_count(self) -> int:
        """Number of invalid lines."""

    @property
    def unknown_key_count(self) -> int:
        """Number of unknown keys next to `payload` that were ignored: `allow_unknown_keys` or `lenient` was set."""

    @property
    def unknown_keys(self) -> dict[str, int]:
        """How often each unknown key was ignored, for the first 100 different keys."""

    @property
    def files(self) -> list[ImportedFile]:
        """Files whose import was started and did not fail, in input order."""

    @property
    def unknown(self) -> list[UnknownFile]:
        """Files whose import may or may not have been started. Check the dataset's tasks."""

    def to_json(self) -> str:
        """Returns the report as JSON, from which `from_json` creates it again, also in another process or language.

        The JSON contains no part of a record and no response body.
        """

    @staticmethod
    def from_json(text: str, /) -> ImportReport:
        """Creates a report from the JSON of `to_json`.

        Raises a `ValidationError` if the text is not such a report, or was written by a newer version whose format this
        version does not know. Tasks of the report have no client, so they cannot be refreshed.
        """

    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

@final
class SpanImportReport:
    """Result of `import_spans`."""

    @property
    def dataset_id(self) -> str:
        """ID or slug of the dataset, as passed to the call."""

    @property
    def parts(self) -> list[ImportedSpans]:
        """Parts whose import was started, or may have been started, in order. Each has at most 10,000 spans."""

    @property
    def spans(self) -> int:
        """Number of spans in the parts."""

    @property
    def records(self) -> int:
        """Number of records that were created, as reported by the tasks that have completed."""

    @property
    def skipped(self) -> int:
        """Number of spans that were skipped, because they do not exist or may not be read."""

@final
class ExportedRecord:
    """A record of an export."""

    def __new__(
        cls,
        *,
        payload: models.ConversationPayload | JSONObject,
        properties: JSONObject | None = None,
        id: str | UUID | None = None,
        source: RecordSource | str | None = None,
    ) -> ExportedRecord: ...
    @property
    def payload(self) -> models.ConversationPayload:
        """The conversation."""

    @property
    def properties(self) -> dict[str, JSON]:
        """Properties of the record."""

    @property
    def id(self) -> str | None:
        """ID of the record, if the export includes it."""

    @property
    def source(self) -> RecordSource | None:
        """Source of the record, if the export includes it."""

    @property
    def extra(self) -> Mapping[str, JSON]:
        """Other keys of the JSONL line, such as timestamps. They are also available as attributes."""

    @staticmethod
    def from_json(text: str, /) -> ExportedRecord:
        """Creates an instance from JSON, such as a line of an export."""

    @staticmethod
    def from_dict(fields: Mapping[str, JSON], /) -> ExportedRecord:
        """Creates an instance from a dict with the API's field names, such as the result of `to_dict`."""

    def to_json(self) -> str:
        """Returns the record as JSON. Payload and properties are kept verbatim."""

    def to_dict(self) -> dict[str, JSON]:
        """Returns the record as a new JSON-serializable dict."""

    def model_dump(
        self,
        *,
        mode: Literal["python", "json"] = "python",
        include: Iterable[str] | None = None,
        exclude: Iterable[str] | None = None,
        by_alias: bool | None = None,
        exclude_none: bool = False,
    ) -> dict[str, JSON]:
        """Returns the record as a dict. Same as `to_dict`, but times of `mode` `python` are objects."""

    def model_dump_json(
        self,
        *,
        indent: int | None = None,
        include: Iterable[str] | None = None,
        exclude: Iterable[str] | None = None,
        by_alias: bool | None = None,
        exclude_none: bool = False,
    ) -> str:
        """Returns the record as JSON."""

    @staticmethod
    def model_validate(obj: object, /) -> ExportedRecord:
        """Creates an instance from a dict. Returns an instance unchanged."""

    @staticmethod
    def model_validate_json(json_data: str | bytes, /) -> ExportedRecord:
        """Creates an instance from JSON. Same as `from_json`."""

    def __getattr__(self, name: str, /) -> JSON: ...
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

@final
class DrivenCall(Generic[T]):
    def next_event(self) -> tuple[str, Any]: ...
    def next_event_async(self) -> Awaitable[tuple[str, Any]]: ...
    def confirm_write(self) -> None: ...
    def end_input(self) -> None: ...
    def fail_input(self) -> None: ...
    def abort(self) -> None: ...

@final
class RecordBatch:
    def __init__(self) -> None: ...
    def append(self, record: Any) -> None: ...

def create_records(
    client: Client,
    method: str,
    dataset_id: str | UUID,
    /,
    *,
    concurrency: int,
    strategy: str,
    continue_on_error: bool,
    allow_unknown_keys: bool,
    allow_empty: bool,
    resume: CreateReport | None,
    length: int | None,
    options: CallOptions,
) -> DrivenCall[CreateReport]: ...
def import_jsonl(
    client: Client,
    method: str,
    dataset_id: str | UUID,
    /,
    *,
    path: str | PathLike[str] | None,
    content: bytes | None,
    lenient: bool,
    allow_unknown_keys: bool,
    compression: str,
    max_file_bytes: int | None,
    wait: bool,
    wait_timeout: float | timedelta | None,
    resume: ImportReport | None,
    options: CallOptions,
) -> DrivenCall[ImportReport]: ...
def import_spans(
    client: Client,
    method: str,
    dataset_id: str | UUID,
    /,
    *,
    mapping: object,
    wait_timeout: float | timedelta | None,
    resume: SpanImportReport | None,
    options: CallOptions,
) -> DrivenCall[SpanImportReport]: ...
def provide_spans(call: DrivenCall[SpanImportReport], spans: list[tuple[str, str]], /) -> None: ...
def provide_records(call: DrivenCall[CreateReport], batch: RecordBatch, /) -> None: ...
def provide_bytes(call: DrivenCall[ImportReport], content: bytes, /) -> None: ...
def export(
    client: Client,
    method: str,
    dataset_id: str | UUID,
    /,
    *,
    path: str | PathLike[str] | None,
    compression: str,
    options: CallOptions,
) -> DrivenCall[ExportReport]: ...
def export_records(
    client: Client, dataset_id: str | UUID, payload_type: object, options: CallOptions, /
) -> BatchSource[Any]: ...
def refresh_task(client: Client | None, dataset_id: str, task_id: str, options: CallOptions) -> models.ImportTask: ...
def refresh_task_async(
    client: Client | None, dataset_id: str, task_id: str, options: CallOptions
) -> Awaitable[models.ImportTask]: ...
def wait_for_task(
    client: Client | None,
    dataset_id: str,
    task_id: str,
    timeout: float | timedelta | None,
    poll_interval: tuple[float | timedelta, float | timedelta] | None,
) -> models.ImportTask: ...
def wait_for_task_async(
    client: Client | None,
    dataset_id: str,
    task_id: str,
    timeout: float | timedelta | None,
    poll_interval: tuple[float | timedelta, float | timedelta] | None,
) -> Awaitable[models.ImportTask]: ...
def watch_task(
    client: Client | None,
    dataset_id: str,
    task_id: str,
    timeout: float | timedelta | None,
    poll_interval: tuple[float | timedelta, float | timedelta] | None,
) -> DrivenCall[models.ImportTask]: ...
def watch_campaign(
    client: Client,
    campaign_id: str | UUID,
    timeout: float | timedelta | None,
    poll_interval: tuple[float | timedelta, float | timedelta] | None,
) -> DrivenCall[TaskStatus]: ...
def quote(text: str, /) -> str: ...
def map_key(name: str, key: str, /) -> str: ...
def id_text(name: str, value: str | UUID, /) -> str: ...
def seconds(name: str, value: float | timedelta | None, /) -> float | None: ...
def retries(name: str, value: int | None, /) -> int | None: ...
def restore(class_: type, text: str, /) -> object: ...

@final
class RawJson: ...

def object_to_json(value: object, /) -> str: ...
def object_from_json(class_: type, text: str, /) -> object: ...
def payload_json(record: models.DatasetRecord | ExportedRecord, /) -> str: ...
