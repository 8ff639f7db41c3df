"""Unusual responses: wrong content types, large pages, redirects and slow bodies."""

from __future__ import annotations

import json

from harness import COUNT, Api, Canned, Workspace, error_of
from mistral_datasets import errors


async def test_content_type_is_ignored(style: str) -> None:
    for content_type in ("text/plain", "application/octet-stream", "nonsense"):
        with Canned(200, COUNT, {"content-type": content_type}) as server:
            assert (await Api(style, server.client()).datasets.list()).datasets.count == 3
    login = "<html><body>Sign in to the hotel's network</body></html>"
    with Canned(200, login, {"content-type": "text/html"}) as server:
        error = await error_of(Api(style, server.client()).datasets.list)
        assert isinstance(error, errors.DecodingError)
        assert "hotel" not in str(error)


async def test_large_pages(style: str) -> None:
    text = "x" * 20_000_000
    body = json.dumps({"datasets": {"count": 1, "unknown": text}})
    with Canned(200, body) as server:
        page = (await Api(style, server.client()).datasets.list()).datasets
        assert page.extra["unknown"] == text


async def test_redirects_to_another_host_do_not_send_the_api_key(style: str) -> None:
    with (
        Canned(200, COUNT) as elsewhere,
        Canned(302, "", {"location": elsewhere.url.replace("127.0.0.1", "localhost") + "/x"}) as server,
    ):
        assert (await Api(style, server.client()).datasets.list()).datasets.count == 3
        assert "authorization" not in elsewhere.requests[0][1]
        assert server.requests[0][1]["authorization"] == "Bearer the key"


async def test_slowly_sent_responses_time_out(workspace: Workspace) -> None:
    workspace.inject_fault(operation="list_datasets", drip=(1, 50), times=None)
    error = await error_of(workspace.datasets.list, timeout_ms=300, retries=0)
    assert isinstance(error, errors.TimeoutError)
