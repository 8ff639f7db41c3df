"""Behaviour cases: redirects, retries and transfers that must not lose, repeat or reveal anything.

The cases are listed in `tests/behaviour/cases.txt`, and implemented in every language.
"""

from __future__ import annotations

import io
import time
from pathlib import Path

import pytest

from harness import COUNT, Api, Canned, Workspace, error_of
from mistral_datasets import Mistral, RetryPolicy, errors, models


async def test_redirected_writes_are_refused(style: str) -> None:
    with Canned(204) as other:
        for status, location in ((307, other.url), (302, "/moved")):
            with Canned(status, headers={"location": location}) as server:
                api = Api(style, server.client(retries=3))
                target = other.url if status == 307 else server.url
                created = await error_of(api.datasets.create, name="Refund requests", description="")
                deleted = await error_of(api.datasets.delete, dataset_id="a-dataset")
            for error in (created, deleted):
                assert isinstance(error, errors.ConfigurationError)
                assert error.attempts == 1
                assert target in error.message
                assert "server_url" in (error.hint or "")
            assert len(server.requests) == 2
    assert other.requests == []


async def test_redirect_loops_end_a_call(style: str) -> None:
    with Canned(307, headers={"location": "/again"}) as server:
        error = await error_of(Api(style, server.client(retries=3)).datasets.list)
    assert isinstance(error, errors.DecodingError)
    assert (error.attempts, len(server.requests)) == (1, 2)


async def test_redirected_reads_drop_headers(style: str) -> None:
    with Canned(200, COUNT) as other, Canned(302, headers={"location": other.url}) as server:
        mistral = Mistral("the key", server_url=server.url, headers={"X-Team": "blue"})
        assert (await Api(style, mistral).datasets.list()).datasets.count == 3
    first, second = server.requests[0][1], other.requests[0][1]
    assert (first["authorization"], first["x-team"]) == ("Bearer the key", "blue")
    assert "authorization" not in second
    assert "x-team" not in second


async def test_lost_deletion_succeeds(workspace: Workspace) -> None:
    dataset = await workspace.dataset()
    file_id = await workspace.file("{}\n")
    for operation in ("delete_dataset", "delete_file"):
        workspace.inject_fault(operation=operation, carry_out=True, reset_after_bytes=0)
    await workspace.datasets.delete(dataset_id=dataset.id)
    deleted = await workspace.files.delete(file_id=file_id)
    assert (deleted.id, deleted.deleted) == (file_id, True)
    assert workspace.operations().count("delete_dataset") == 2
    assert isinstance(await error_of(workspace.datasets.delete, dataset_id=dataset.id), errors.NotFoundError)


async def test_unavailable_writes_are_retried_unless_disabled(workspace: Workspace) -> None:
    busy = {"retry-after": "0"}
    workspace.inject_fault(operation="create_dataset", status=503, headers=busy)
    await workspace.dataset()
    workspace.inject_fault(operation="create_dataset", status=503, headers=busy)
    policy = RetryPolicy(retry_unavailable_writes=False)
    error = await error_of(workspace.datasets.create, name="Refund requests", description="", retries=policy)
    assert (error.attempts, error.ambiguous) == (1, True)


async def test_retry_policies_merge(workspace: Workspace) -> None:
    workspace.inject_fault(operation="list_datasets", status=500, times=None)
    api = workspace.with_client(workspace.mistral.with_options(retries=1))
    error = await error_of(api.datasets.list, retries=RetryPolicy(first_delay=0))
    assert error.attempts == 2


async def test_retry_budget_is_reported(workspace: Workspace) -> None:
    workspace.inject_fault(operation="list_datasets", status=500, times=None)
    eager = RetryPolicy(10_000, first_delay=0, max_delay=0)
    error = await error_of(workspace.datasets.list, retries=eager)
    assert "retry budget" in str(error)
    assert 50 < error.attempts < 500


@pytest.mark.parametrize(("retries", "attempts"), [(None, 10), (2, 3), (0, 1)])
async def test_bulk_creation_obeys_max_retries(workspace: Workspace, retries: int | None, attempts: int) -> None:
    dataset = await workspace.dataset()
    workspace.inject_fault(operation="create_record", status=429, times=None)
    fast = RetryPolicy(retries, first_delay=0, max_delay=0)
    api = workspace.with_client(Mistral(workspace.key, server_url=workspace.local.url, retries=fast))
    workspace.requests()
    records: list[dict[str, object]] = [{"messages": []}]
    error = await error_of(api.datasets.create_records, dataset.id, records, strategy="single")
    assert error.attempts == attempts
    assert len(workspace.requests()) == attempts


class OneShot(io.RawIOBase):
    """A stream that cannot be rewound, such as a pipe."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def read(self, size: int = -1) -> bytes:
        content, self._content = self._content, b""
        return content


async def test_stream_uploads_are_not_retried(workspace: Workspace) -> None:
    workspace.inject_fault(operation="upload_file", status=429, headers={"retry-after": "30"}, times=None)
    started = time.monotonic()
    error = await error_of(workspace.files.upload, file={"file_name": "a.jsonl", "content": OneShot(b"{}\n")})
    assert time.monotonic() - started < 10
    assert isinstance(error, errors.RateLimitError)
    assert error.attempts == 1


async def replace_export(workspace: Workspace, dataset: models.Dataset) -> None:
    """Makes the next download break after the first record, and continue with another file."""
    url = (await workspace.datasets.export_to_jsonl(dataset_id=dataset.id)).file_url
    content = await workspace.read(await workspace.open_link(url))
    other = '{"payload": {}, "properties": {"text": "other"}}\n' * 3
    workspace.inject_fault(operation="open_link", truncate_after_bytes=content.index(b"\n") + 20)
    workspace.inject_fault(operation="open_link", status=200, headers={"etag": '"other"'}, body=other)


async def test_export_of_a_changed_file_is_a_conflict(workspace: Workspace, tmp_path: Path) -> None:
    dataset = await workspace.dataset()
    for text in ("first", "second", "third"):
        await workspace.record(dataset, text)
    await replace_export(workspace, dataset)
    records = workspace.iterate(workspace.mistral.datasets.export_records(dataset.id))
    assert (await workspace.next(records)).properties["text"] == "first"
    assert isinstance(await error_of(workspace.next, records), errors.ConflictError)
    await replace_export(workspace, dataset)
    error = await error_of(workspace.datasets.export, dataset.id, io.BytesIO())
    assert isinstance(error, errors.ConflictError)
    # A file is started again.
    await replace_export(workspace, dataset)
    assert (await workspace.datasets.export(dataset.id, tmp_path / "export.jsonl")).records == 3
