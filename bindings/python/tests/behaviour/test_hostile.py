"""Behaviour cases: unusual responses and logging.

The cases are listed in `tests/behaviour/cases.txt`, and implemented in every language.
"""

from __future__ import annotations

import base64
import gzip
import logging

import pytest

from harness import COUNT, Api, Canned, Workspace, error_of
from mistral_datasets import errors

BROTLI = base64.b64decode("CxSAeyJkYXRhc2V0cyI6IHsiY291bnQiOiAzLCAicmVzdWx0cyI6IFtdfX0D")
"""A compressed response to `list_datasets`."""


async def test_compressed_responses_are_decoded(style: str) -> None:
    for encoding, body in (("gzip", gzip.compress(COUNT.encode())), ("br", BROTLI)):
        with Canned(200, body, {"content-encoding": encoding}) as server:
            assert (await Api(style, server.client()).datasets.list()).datasets.count == 3
            assert encoding in server.requests[0][1]["accept-encoding"]
    with Canned(200, "no gzip at all", {"content-encoding": "gzip"}) as server:
        error = await error_of(Api(style, server.client()).datasets.list)
        assert isinstance(error, (errors.DecodingError, errors.ConnectionError))


async def test_calls_are_logged_without_secrets(workspace: Workspace, caplog: pytest.LogCaptureFixture) -> None:
    dataset = await workspace.dataset()
    caplog.set_level(logging.DEBUG, "mistral_datasets")
    workspace.inject_fault(operation="list_records", status=503)
    await workspace.record(dataset, "a private word")
    await workspace.records(dataset)
    link = (await workspace.datasets.export_to_jsonl(dataset_id=dataset.id)).file_url
    await workspace.read(await workspace.open_link(link))
    logged = caplog.text
    for expected in ("create_record", "list_records", "status=503", "retry", "request_id="):
        assert expected in logged
    for secret in (workspace.key, "a private word", link.partition("?")[2]):
        assert secret not in logged
    assert {record.name for record in caplog.records} == {"mistral_datasets"}
    # A higher log level suppresses messages.
    caplog.clear()
    caplog.set_level(logging.WARNING, "mistral_datasets")
    await workspace.datasets.list()
    assert caplog.text == ""
    workspace.inject_fault(operation="list_datasets", status=503)
    await workspace.datasets.list()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
