"""Cases on replies that come in an unusual way, and on what is written into the log.

The list is `tests/behaviour/cases.txt` in the root of the project.
"""

from __future__ import annotations

import base64
import gzip
import json
import logging

import pytest

from harness import COUNT, Api, Canned, Workspace, failing
from mistral_datasets import errors

BROTLI = base64.b64decode("CxSAeyJkYXRhc2V0cyI6IHsiY291bnQiOiAzLCAicmVzdWx0cyI6IFtdfX0D")
"""A reply to listing datasets, compressed."""


async def test_compressed_replies_read(style: str) -> None:
    for encoding, body in (("gzip", gzip.compress(COUNT.encode())), ("br", BROTLI)):
        with Canned(200, body, {"content-encoding": encoding}) as server:
            assert (await Api(style, server.client()).datasets.list()).datasets.count == 3
            assert encoding in server.requests[0][1]["accept-encoding"]
    with Canned(200, "no gzip at all", {"content-encoding": "gzip"}) as server:
        error = await failing(Api(style, server.client()).datasets.list)
        assert isinstance(error, (errors.DecodingError, errors.ConnectionError))


async def test_content_types_do_not_matter_and_content_does(style: str) -> None:
    for content_type in ("text/plain", "application/octet-stream", "nonsense"):
        with Canned(200, COUNT, {"content-type": content_type}) as server:
            assert (await Api(style, server.client()).datasets.list()).datasets.count == 3
    login = "<html><body>Sign in to the hotel's network</body></html>"
    with Canned(200, login, {"content-type": "text/html"}) as server:
        error = await failing(Api(style, server.client()).datasets.list)
        assert isinstance(error, errors.DecodingError)
        assert "hotel" not in str(error)


async def test_a_page_may_be_large(style: str) -> None:
    text = "x" * 20_000_000
    body = json.dumps({"datasets": {"count": 1, "unknown": text}})
    with Canned(200, body) as server:
        page = (await Api(style, server.client()).datasets.list()).datasets
        assert page.extra["unknown"] == text


async def test_a_redirect_to_another_host_goes_without_the_key(style: str) -> None:
    with (
        Canned(200, COUNT) as elsewhere,
        Canned(302, "", {"location": elsewhere.url.replace("127.0.0.1", "localhost") + "/x"}) as server,
    ):
        assert (await Api(style, server.client()).datasets.list()).datasets.count == 3
        assert "authorization" not in elsewhere.requests[0][1]
        assert server.requests[0][1]["authorization"] == "Bearer the key"


async def test_a_drip_ends_with_the_timeout(workspace: Workspace) -> None:
    workspace.fault(operation="list_datasets", drip={"bytes": 1, "interval_ms": 50}, times=None)
    error = await failing(workspace.datasets.list, timeout_ms=300, retries=1)
    assert isinstance(error, errors.TimeoutError)


async def test_calls_are_logged_without_secrets(workspace: Workspace, caplog: pytest.LogCaptureFixture) -> None:
    dataset = await workspace.dataset()
    caplog.set_level(logging.DEBUG, "mistral_datasets")
    workspace.fault(operation="list_records", status=503)
    await workspace.record(dataset, "a private word")
    await workspace.records(dataset)
    link = (await workspace.datasets.export_to_jsonl(dataset_id=dataset.id)).file_url
    await workspace.read(await workspace.open_link(link))
    logged = caplog.text
    for told in ("create_record", "list_records", "status=503", "retry", "request_id="):
        assert told in logged
    for secret in (workspace.key, "a private word", link.partition("?")[2]):
        assert secret not in logged
    assert {record.name for record in caplog.records} == {"mistral_datasets"}
    # Who wants less hears less.
    caplog.clear()
    caplog.set_level(logging.WARNING, "mistral_datasets")
    await workspace.datasets.list()
    assert caplog.text == ""
    workspace.fault(operation="list_datasets", status=503)
    await workspace.datasets.list()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
