"""The exception hierarchy: complete, raised by real failures, and picklable."""

from __future__ import annotations

import builtins
import copy
import pickle
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from harness import COUNT, UNREACHABLE, Canned
from mistral_datasets import Mistral, RetryPolicy, _native, errors

CLASSES: list[type[errors.MistralError]] = [getattr(errors, name) for name in errors.__all__]


def test_every_error_kind_has_a_class() -> None:
    own = {each.__dict__["kind"]: each for each in CLASSES if each.__dict__.get("kind")}
    assert sorted(own) == sorted(_native.ERROR_KINDS)
    for kind, each in own.items():
        assert each.__name__ == "".join(part.title() for part in kind.split("_")) + "Error"


def test_all_errors_derive_from_mistral_error() -> None:
    defined = {name for name, value in vars(errors).items() if getattr(value, "__module__", "") == errors.__name__}
    defined -= {name for name in defined if not isinstance(getattr(errors, name), type)}
    assert defined == set(errors.__all__)
    assert all(issubclass(each, errors.MistralError) for each in CLASSES)
    assert all(each.__doc__ for each in CLASSES)
    from_server = {each for each in CLASSES if issubclass(each, errors.ObservabilityError)}
    assert from_server == {
        errors.ObservabilityError,
        errors.AuthenticationError,
        errors.PermissionError,
        errors.NotFoundError,
        errors.ConflictError,
        errors.ValidationError,
        errors.RateLimitError,
        errors.ServerError,
        errors.ServerTimeoutError,
    }
    for name in ("ConnectionError", "PermissionError", "TimeoutError"):
        assert issubclass(getattr(errors, name), getattr(builtins, name))


STATUSES: dict[int, type[errors.MistralError]] = {
    400: errors.ValidationError,
    401: errors.AuthenticationError,
    403: errors.PermissionError,
    404: errors.NotFoundError,
    405: errors.ValidationError,
    408: errors.ServerTimeoutError,
    409: errors.ConflictError,
    422: errors.ValidationError,
    429: errors.RateLimitError,
    500: errors.ServerError,
    503: errors.ServerError,
    504: errors.ServerTimeoutError,
}


@pytest.mark.parametrize(("status", "kind"), STATUSES.items())
def test_error_responses_have_the_class_of_their_status(status: int, kind: type[errors.MistralError]) -> None:
    body = '{"detail": {"message": "no", "error_code": "SOMETHING"}}'
    with Canned(status, body, {"x-request-id": "r-1"}) as server, pytest.raises(errors.ObservabilityError) as caught:
        server.client().datasets.list()
    error = caught.value
    assert type(error) is kind
    assert error.kind == kind.kind
    assert (error.status, error.status_code, error.message, error.error_code) == (status, status, "no", "SOMETHING")
    assert (error.operation, error.request_id, error.body) == ("list_datasets", "r-1", body)
    assert error.retryable == (status in (408, 429, 500, 503, 504))
    assert str(error) == f"list_datasets: no (SOMETHING, status {status}, request r-1)"


def closed_client() -> Mistral:
    mistral = Mistral("k")
    mistral.close()
    return mistral


def close_during_call() -> None:
    with Canned(200, COUNT, delay=5) as server:
        mistral = server.client()
        closing = threading.Timer(0.2, mistral.close)
        closing.start()
        try:
            mistral.datasets.list()
        finally:
            closing.join()


def fail_import() -> None:
    with Mistral.local() as mistral:
        dataset = mistral.datasets.create(name="Refund requests", description="")
        file = mistral.files.upload(file={"file_name": "a.jsonl", "content": b"not JSON\n"})
        mistral.datasets.import_from_file(dataset_id=dataset.id, file_id=file.id, wait=True)


OTHER_FAILURES: dict[type[errors.MistralError], Callable[[], Any]] = {
    errors.ConfigurationError: lambda: Mistral("k", server_url="not a url"),
    errors.ConnectionError: lambda: Mistral("k", server_url=UNREACHABLE, retries=0).datasets.list(),
    errors.ClosedError: lambda: closed_client().datasets.list(),
    errors.CancelledError: close_during_call,
    errors.TaskFailedError: fail_import,
}


@pytest.mark.parametrize(("kind", "call"), OTHER_FAILURES.items())
def test_other_failures_have_their_class(kind: type[errors.MistralError], call: Callable[[], Any]) -> None:
    with pytest.raises(errors.MistralError) as caught:
        call()
    assert type(caught.value) is kind
    assert not isinstance(caught.value, errors.ObservabilityError)
    assert caught.value.status is None


def test_timeouts_and_invalid_responses_have_their_class() -> None:
    with Canned(200, "{}", delay=20) as server, pytest.raises(errors.TimeoutError) as timeout:
        server.client(timeout_ms=50).datasets.list()
    assert type(timeout.value) is errors.TimeoutError
    with Canned(200, '{"datasets": "secret"}') as server, pytest.raises(errors.DecodingError) as invalid:
        server.client().datasets.list()
    assert "secret" not in str(invalid.value)


def test_every_error_kind_is_tested() -> None:
    raised: set[type[errors.MistralError]] = {
        *STATUSES.values(),
        *OTHER_FAILURES,
        errors.TimeoutError,
        errors.DecodingError,
    }
    assert {each.kind for each in raised} == set(_native.ERROR_KINDS)


def test_timeout_must_be_positive() -> None:
    for timeout in (0, -5):
        with pytest.raises(errors.ConfigurationError, match="timeout"):
            Mistral("k", timeout_ms=timeout)


def test_errors_can_be_pickled_and_copied() -> None:
    with pytest.raises(errors.ConnectionError) as caught:
        Mistral("k", server_url=UNREACHABLE, retries=0).datasets.list()
    error = caught.value
    for restored in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(restored) is type(error)
        assert (restored.__dict__, restored.args, str(restored)) == (error.__dict__, error.args, str(error))


def test_pickled_errors_keep_their_task() -> None:
    with pytest.raises(errors.TaskFailedError) as caught:
        fail_import()
    restored = pickle.loads(pickle.dumps(caught.value))
    assert restored.task == caught.value.task
    assert restored.task.status == "FAILED"
    assert "line 1" in restored.message


def test_errors_have_the_number_of_attempts() -> None:
    with Canned(503, "{}", {"retry-after": "0"}) as server, pytest.raises(errors.ServerError) as caught:
        server.client(retries=RetryPolicy(2, first_delay=0.01)).datasets.create(name="A name", description="")
    error = caught.value
    assert (error.attempts, error.retry_after, error.ambiguous) == (3, 0.0, False)
    assert error.elapsed is not None
    assert 0 < error.elapsed < 5
    assert len(server.requests) == 3
    with Canned(500, "{}") as server, pytest.raises(errors.ServerError) as caught:
        server.client(retries=5).datasets.create(name="A name", description="")
    assert (caught.value.attempts, caught.value.ambiguous) == (1, True)


def test_the_cause_of_connection_errors_is_that_of_the_system() -> None:
    with pytest.raises(errors.ConnectionError) as caught:
        Mistral("k", server_url=UNREACHABLE, retries=0).datasets.list()
    cause = caught.value.__cause__
    assert isinstance(cause, ConnectionRefusedError)
    assert cause.errno
    assert cause.strerror == "Connection refused"
    # Layers of HTTP libraries, on which nobody can act, are left out.
    assert cause.__cause__ is None


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 has no notes")
def test_hints_are_notes() -> None:
    with pytest.raises(errors.ClosedError) as caught:
        closed_client().datasets.list()
    assert caught.value.hint == "create a new client"
    assert getattr(caught.value, "__notes__", None) == ["hint: create a new client"]


def test_programs_can_raise_errors() -> None:
    error = errors.NotFoundError("gone", status=404)
    assert (str(error), error.kind, error.retryable, error.status_code) == (
        "gone (status 404)",
        "not_found",
        False,
        404,
    )


def test_wrong_argument_types_raise_type_error() -> None:
    mistral: Any = Mistral("k", server_url=UNREACHABLE, retries=0)
    for call in (
        lambda: mistral.datasets.list(page_size="many"),
        lambda: mistral.datasets.list(50),
        lambda: mistral.datasets.create(name="A name"),
        lambda: mistral.datasets.create(name=5, description=""),
        lambda: mistral.datasets.fetch(dataset_id=5),
        lambda: mistral.datasets.fetch(dataset_id="d", more=1),
        lambda: mistral.datasets.records.bulk_delete(dataset_record_ids="text"),
        lambda: mistral.datasets.records.bulk_delete(dataset_record_ids=5),
        lambda: mistral.datasets.records.bulk_delete(dataset_record_ids=[5]),
        lambda: mistral.files.upload(file=5),
        lambda: mistral.files.upload(file=("name", b"content", None, None)),
        lambda: mistral.files.upload(file={"file_name": "a"}),
        lambda: mistral.files.upload(file={"file_name": "a", "content": "text"}),
        lambda: mistral.open_link(5),
        lambda: Mistral(5),  # type: ignore[arg-type]
    ):
        with pytest.raises(TypeError):
            call()
