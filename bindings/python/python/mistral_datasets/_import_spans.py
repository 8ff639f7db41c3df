"""The method of `mistral.datasets` that imports spans."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable
from datetime import timedelta
from uuid import UUID

from mistral_datasets import _native
from mistral_datasets._call_options import CallOptions
from mistral_datasets._compat import Unpack
from mistral_datasets._native import SpanImportReport
from mistral_datasets.types import ImportableSpan, ProgressCallback, SpanMapping


class SpanImports:
    """The method of `mistral.datasets` that imports spans."""

    _client: _native.Client

    def import_spans(
        self,
        dataset_id: str | UUID,
        spans: Iterable[ImportableSpan],
        mapping: SpanMapping,
        *,
        wait_timeout: float | timedelta | None = None,
        resume: SpanImportReport | None = None,
        progress: ProgressCallback = None,
        **options: Unpack[CallOptions],
    ) -> SpanImportReport:
        """Imports spans into a dataset, a record for each, and waits until they are imported.

        The iterable is consumed lazily. The spans are imported in parts of 10,000, one after another, each by a task of
        `import_from_spans`.

        Args:
            dataset_id: ID of the dataset (a UUID), or its slug if the server assigns one.
            spans: Spans to import, such as the pager of a search. Each is a `GetSpan`, a `TelemetrySpanReference`, or a
                dict with `trace_id` and `span_id`.
            mapping: Which attributes of a span become which keys of the payload.
            wait_timeout: Maximum time to wait for the import of each part, in seconds or as a `timedelta`.
                Default: 1800.
            resume: Report of an earlier call with the same spans in the same order, and the same dataset. Spans whose
                import was started are not imported again. If an import was still in progress, the call waits for it.
            progress: Callback that receives `Progress` updates. `True` shows a tqdm progress bar.
            options: Options of the requests: `timeout`, `deadline`, `max_retries`, `retry`, `headers` and `server_url`;
                see `types.CallOptions`.

        Returns:
            The parts that were imported, with their tasks.

        Raises:
            errors.ValidationError: The iterable yielded no spans, or an argument is invalid.
            errors.TaskFailedError: The server failed an import.
            errors.TimeoutError: An import is still in progress. It continues; `resume` waits for it.
            errors.MistralError: Any other failure; see `errors` for the subclasses. The error's `report` is the partial
                report.

        Example:
            >>> spans = mistral.spans.iter_spans(search_expression="operation_name = 'chat'", limit=1000)
            >>> mapping = {
            ...     "mappings": [
            ...         {
            ...             "target_field": "messages",
            ...             "source_field": {"namespace": "span_attributes", "key": "gen_ai.input.messages"},
            ...         }
            ...     ]
            ... }
            >>> report = mistral.datasets.import_spans(dataset_id, spans, mapping)
            >>> print(report.records, report.skipped)
        """
        from mistral_datasets import _transfer

        call = _transfer.import_spans(
            self._client, "datasets.import_spans", dataset_id, spans, mapping, wait_timeout, resume, options
        )
        return _transfer.run(*call, progress)

    async def import_spans_async(
        self,
        dataset_id: str | UUID,
        spans: Iterable[ImportableSpan] | AsyncIterable[ImportableSpan],
        mapping: SpanMapping,
        *,
        wait_timeout: float | timedelta | None = None,
        resume: SpanImportReport | None = None,
        progress: ProgressCallback = None,
        **options: Unpack[CallOptions],
    ) -> SpanImportReport:
        """Imports spans into a dataset, a record for each, and waits until they are imported.

        The iterable is consumed lazily. The spans are imported in parts of 10,000, one after another, each by a task of
        `import_from_spans`.

        Args:
            dataset_id: ID of the dataset (a UUID), or its slug if the server assigns one.
            spans: Spans to import, as an iterable or async iterable, such as the pager of a search. Each is a
                `GetSpan`, a `TelemetrySpanReference`, or a dict with `trace_id` and `span_id`.
            mapping: Which attributes of a span become which keys of the payload.
            wait_timeout: Maximum time to wait for the import of each part, in seconds or as a `timedelta`.
                Default: 1800.
            resume: Report of an earlier call with the same spans in the same order, and the same dataset. Spans whose
                import was started are not imported again. If an import was still in progress, the call waits for it.
            progress: Callback that receives `Progress` updates. `True` shows a tqdm progress bar.
            options: Options of the requests: `timeout`, `deadline`, `max_retries`, `retry`, `headers` and `server_url`;
                see `types.CallOptions`.

        Returns:
            The parts that were imported, with their tasks.

        Raises:
            errors.ValidationError: The iterable yielded no spans, or an argument is invalid.
            errors.TaskFailedError: The server failed an import.
            errors.TimeoutError: An import is still in progress. It continues; `resume` waits for it.
            errors.MistralError: Any other failure; see `errors` for the subclasses. The error's `report` is the partial
                report.

        Example:
            >>> spans = mistral.spans.iter_spans(search_expression="operation_name = 'chat'", limit=1000)
            >>> report = await mistral.datasets.import_spans_async(dataset_id, spans, mapping)
        """
        from mistral_datasets import _transfer

        call = _transfer.import_spans(
            self._client, "datasets.import_spans_async", dataset_id, spans, mapping, wait_timeout, resume, options
        )
        return await _transfer.run_async(*call, progress)
