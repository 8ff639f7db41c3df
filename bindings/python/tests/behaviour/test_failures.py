"""Behaviour cases: connection failures, authentication and secrets.

The cases are listed in `tests/behaviour/cases.txt`, and implemented in every language.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from harness import UNREACHABLE, Api, Canned, error_of
from mistral_datasets import Mistral, errors, models


def unreachable(style: str) -> Api:
    """Returns a client of a port on which no server listens."""
    return Api(style, Mistral("a key", server_url=UNREACHABLE, retries=0))


async def test_missing_key_is_a_configuration_error(style: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MISTRAL_API_KEY", raising=False)
    with pytest.raises(errors.ConfigurationError, match="MISTRAL_API_KEY"):
        Mistral()
    monkeypatch.setenv("MISTRAL_API_KEY", "from the environment")
    with Canned(200, '{"datasets": {"count": 1}}') as server:
        assert (await Api(style, Mistral(server_url=server.url)).datasets.list()).datasets.count == 1
    assert server.requests[0][1]["authorization"] == "Bearer from the environment"


async def test_rejected_key_is_an_authentication_error(api: Api) -> None:
    other = api.with_client(Mistral("another key", server_url=api.mistral.server_url))
    error = await error_of(other.datasets.list)
    assert isinstance(error, errors.AuthenticationError)
    assert (error.status, error.error_code) == (401, "AUTH_UNAUTHORIZED")
    assert "key" in (error.hint or "")


TRANSFERS: list[tuple[Callable[[Api], Any], dict[str, Any]]] = [
    (lambda api: api.datasets.list, {}),
    (lambda api: api.files.download, {"file_id": "file"}),
    (lambda api: api.files.upload, {"file": {"file_name": "a", "content": b"b"}}),
]
"""A plain call, a streaming response and a streaming request."""


async def test_unreachable_server_is_a_connection_error(style: str) -> None:
    api = unreachable(style)
    for call, arguments in TRANSFERS:
        error = await error_of(call(api), **arguments)
        assert type(error) is errors.ConnectionError
        assert not isinstance(error, errors.ObservabilityError)
        assert "127.0.0.1:9" in error.message
        assert (error.status, error.retryable) == (None, True)
        assert error.operation
        assert error.hint
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        assert isinstance(cause, ConnectionRefusedError)


async def test_slow_server_is_a_timeout_error(style: str) -> None:
    with Canned(200, '{"datasets": {"count": 0}}', delay=20) as server:
        api = Api(style, server.client(timeout_ms=100))
        for call, arguments in TRANSFERS:
            error = await error_of(call(api), **arguments)
            assert type(error) is errors.TimeoutError
            assert error.retryable


async def test_secrets_stay_out_of_errors(style: str) -> None:
    body = '{"detail": [{"loc": ["body"], "msg": "bad", "input": "the conversation"}]}'
    with Canned(422, body) as server:
        mistral = server.client()
        api = Api(style, mistral)
        payload = models.ConversationPayload(messages=[{"role": "user", "content": "the conversation"}])
        error = await error_of(api.datasets.create_record, dataset_id="d", payload=payload, properties={})
        link = f"{server.url}/file?signature=the-signature"
        link_error = await error_of(api.open_link, link)
    url = models.SignedUrl.from_json(json.dumps({"url": link}))
    printed = " ".join(f"{value!r} {value}" for value in (error, link_error, mistral, mistral.datasets, payload, url))
    for secret in ("the key", "the conversation", "the-signature"):
        assert secret not in printed
    assert url.url == link


async def test_key_is_not_sent_to_other_hosts(style: str) -> None:
    with Canned(200, '{"datasets": {"count": 3}}') as other:
        elsewhere = f"{other.url.replace('127.0.0.1', 'localhost')}/elsewhere"
        with Canned(307, headers={"location": elsewhere}) as first:
            api = Api(style, first.client())
            assert (await api.datasets.list()).datasets.count == 3
            assert await api.read(await api.open_link(elsewhere)) == b'{"datasets": {"count": 3}}'
    assert first.requests[0][1]["authorization"] == "Bearer the key"
    assert [request for request, _, _ in other.requests] == ["GET /elsewhere"] * 2
    assert all("authorization" not in headers for _, headers, _ in other.requests)
    error = await error_of(api.open_link, "file:///etc/hosts")
    assert isinstance(error, errors.ValidationError)
