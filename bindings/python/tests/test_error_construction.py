"""Errors that a program creates, such as in its tests, and their builtin base classes."""

from __future__ import annotations

import asyncio
import copy
import pickle
from typing import Any
from unittest import mock

import pytest

from harness import UNREACHABLE, Canned
from mistral_datasets import Mistral, errors
from mistral_datasets.enums import ErrorCode


def test_errors_look_like_those_of_a_call() -> None:
    created = errors.NotFoundError(
        "dataset not found",
        operation="fetch_dataset",
        status=404,
        error_code="DATASET_NOT_FOUND",
        request_id="r-1",
    )
    body = '{"detail": {"message": "dataset not found", "error_code": "DATASET_NOT_FOUND"}}'
    with Canned(404, body, headers={"x-request-id": "r-1"}) as server, pytest.raises(errors.NotFoundError) as caught:
        server.client().datasets.fetch(dataset_id="d")
    for name in ("operation", "status", "status_code", "error_code", "request_id", "message", "kind"):
        assert getattr(caught.value, name) == getattr(created, name), name
    assert str(created) == str(caught.value)
    assert created.error_code == ErrorCode.DATASET_NOT_FOUND


def test_a_patched_method_raises_them() -> None:
    def name_of(mistral: Any) -> str | None:
        try:
            name: str = mistral.datasets.fetch(dataset_id="d").name
        except errors.NotFoundError:
            return None
        return name

    mistral = mock.Mock()
    mistral.datasets.fetch.side_effect = errors.NotFoundError("gone", status=404)
    assert name_of(mistral) is None


@pytest.mark.parametrize("name", errors.__all__)
def test_every_error_has_the_same_constructor(name: str) -> None:
    error = getattr(errors, name)("what happened", status=418, request_id="r", retryable=True)
    assert str(error) == "what happened (status 418, request r)"
    for restored in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(restored) is type(error)
        assert (str(restored), restored.__dict__) == (str(error), error.__dict__)
    with pytest.raises(TypeError):
        getattr(errors, name)()
    with pytest.raises(TypeError, match="stauts"):
        getattr(errors, name)("what happened", stauts=418)


def test_builtin_exceptions_are_base_classes() -> None:
    with pytest.raises(ConnectionError):
        Mistral("k", server_url=UNREACHABLE, retries=0).datasets.list()
    with Canned(403, "{}") as server, pytest.raises(PermissionError):
        server.client().datasets.list()
    with Canned(504, "{}") as server, pytest.raises(TimeoutError):
        server.client(retries=0).datasets.list()

    async def call() -> None:
        await Mistral("k", server_url=UNREACHABLE, retries=0).datasets.list_async()

    with pytest.raises(OSError) as caught:
        asyncio.run(call())
    assert type(caught.value) is errors.ConnectionError
    assert caught.value.errno is None
    for other in (errors.NotFoundError, errors.ServerError, errors.DecodingError):
        assert not issubclass(other, OSError)


def test_attributes_of_the_official_sdk_name_their_replacement() -> None:
    error: Any = errors.NotFoundError("gone", status=404, body="{}")
    assert (error.status_code, error.body, error.message) == (404, "{}", "gone")
    for name, replacement in (("raw_response", "`status`"), ("headers", "`request_id`"), ("data", "`error_code`")):
        with pytest.raises(AttributeError, match=replacement):
            getattr(error, name)
        assert not hasattr(error, name)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'$"):
        _ = error.nothing
