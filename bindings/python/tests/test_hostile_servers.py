"""Servers that answer in an unusual way."""

from __future__ import annotations

import json

from harness import COUNT, Api, Canned, Workspace, failing
from mistral_datasets import errors


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
    workspace.inject_fault(operation="list_datasets", drip=(1, 50), times=None)
    error = await failing(workspace.datasets.list, timeout_ms=300, retries=1)
    assert isinstance(error, errors.TimeoutError)
