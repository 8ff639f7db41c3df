"""Behaviour cases: responses that the local server never sends.

The cases are listed in `tests/behaviour/cases.txt`, and implemented in every language.
"""

from __future__ import annotations

import json
from typing import Any, cast

import pytest

from harness import Api, Canned, error_of
from mistral_datasets import errors

ID = "019b2bd7-96e7-7219-8c0b-45a73da50088"
TIMES = {"created_at": "2025-12-17T10:25:07.818693Z", "updated_at": "2025-12-17T10:41:03.469341Z"}


async def test_responses_of_every_generation_are_parsed(style: str) -> None:
    dataset = {
        "id": ID,
        **TIMES,
        "deleted_at": None,
        "name": "My resource",
        "description": "d",
        "owner_id": ID,
        "workspace_id": ID,
    }
    without = {name: value for name, value in dataset.items() if name != "deleted_at"}
    for body, slug in [(dataset, None), ({**dataset, "slug": "my-resource"}, "my-resource"), (without, None)]:
        with Canned(200, json.dumps(body)) as server:
            read = await Api(style, server.client()).datasets.fetch(dataset_id=ID)
        assert (read.slug, read.deleted_at, read.created_at.microsecond) == (slug, None, 818_693)

    # Samples from the API documentation, which renders objects with arbitrary keys as arrays.
    sample = {
        "id": ID,
        **TIMES,
        "dataset_id": ID,
        "deleted_at": None,
        "payload": {"messages": [[None]]},
        "properties": [None],
        "source": "EXPLORER",
    }
    with Canned(200, json.dumps(sample)) as server:
        record = await Api(style, server.client()).datasets.records.fetch(dataset_record_id=ID)
    assert record.payload.messages == [[None]]
    assert cast("object", record.properties) == [None]
    assert record.to_dict() == sample

    with Canned(200, '{"records": {"count": 87}}') as server:
        page = (await Api(style, server.client()).datasets.list_records(dataset_id=ID)).records
    assert (page.count, page.results, page.next, page.previous) == (87, [], None, None)

    task = {"id": ID, **TIMES, "creator_id": ID, "dataset_id": ID, "workspace_id": ID, "status": "RUNNING"}
    counts = {"requested_record_count": 2, "imported_record_count": 1, "skipped_record_count": 1}
    variants: list[tuple[dict[str, Any], int | None, int | None]] = [
        ({}, None, None),
        ({"progress": None, "message": None}, None, None),
        ({"status": "COMPLETED", "progress": 100, "result": counts}, 100, 1),
    ]
    for more, progress, imported in variants:
        with Canned(200, json.dumps({**task, **more})) as server:
            read = await Api(style, server.client()).datasets.fetch_task(dataset_id=ID, task_id=ID)
        assert (read.progress, read.result and read.result.imported_record_count) == (progress, imported)


async def test_unknown_fields_and_values_are_preserved(style: str) -> None:
    body = (
        f'{{"id": "{ID}", "created_at": "{TIMES["created_at"]}", "updated_at": "{TIMES["updated_at"]}", '
        f'"dataset_id": "{ID}", "payload": {{}}, "properties": {{}}, "source": "CARRIER_PIGEON", '
        '"mood": {"b": 1.0, "a": [1]}}'
    )
    with Canned(200, body) as server:
        record = await Api(style, server.client()).datasets.records.fetch(dataset_record_id=ID)
    assert record.source == "CARRIER_PIGEON"
    assert record.mood == {"b": 1.0, "a": [1]}
    assert dict(record.extra) == {"mood": {"b": 1.0, "a": [1]}}
    assert record.to_json().endswith('"mood":{"b": 1.0, "a": [1]}}')


async def test_invalid_payload_json_does_not_hide_other_records(style: str) -> None:
    def record(payload: str) -> str:
        fields: dict[str, object] = {"id": ID, **TIMES, "dataset_id": ID, "properties": {}, "source": "PLAYGROUND"}
        return json.dumps(fields)[:-1] + f', "payload": {payload}}}'

    results = ", ".join([record('{"secret": tru}'), record('{"messages": []}')])
    with Canned(200, f'{{"records": {{"results": [{results}], "count": 2, "next": null}}}}') as server:
        mistral = server.client()
        page = (await Api(style, mistral).datasets.list_records(dataset_id=ID)).records
        invalid, valid = page.results
        assert valid.payload.to_dict() == {"messages": []}
        with pytest.raises(errors.DecodingError) as caught:
            _ = invalid.payload
        cause = caught.value.__cause__
        assert "secret" not in f"{caught.value!r} {caught.value} {cause!r}"
        assert not hasattr(cause, "doc"), "the exception of `json` contains the text"
        assert "secret" not in repr(invalid)
        error = await error_of(Api(style, mistral).datasets.create_records, ID, [invalid])
    assert type(error) is errors.ValidationError
    assert "secret" not in str(error)
    assert len(server.requests) == 1


async def test_error_envelopes_of_every_kind_are_parsed(style: str) -> None:
    cases: list[tuple[int, str, type[errors.MistralError], str, str | None]] = [
        (
            409,
            '{"detail": {"message": "taken", "error_code": "SOMETHING_NEW"}}',
            errors.ConflictError,
            "taken",
            "SOMETHING_NEW",
        ),
        (
            422,
            '{"detail": [{"type": "missing", "loc": ["body", "name"], "msg": "Field required", "input": {"a": 1}}]}',
            errors.ValidationError,
            "body.name: Field required",
            None,
        ),
        (
            403,
            '{"object": "error", "message": {"detail": "no"}, "type": "forbidden", "param": null, "code": null}',
            errors.PermissionError,
            "no",
            "forbidden",
        ),
        (
            502,
            "<html>bad gateway</html>",
            errors.ServerError,
            "the server responded with 502 (Bad Gateway) and no error message",
            None,
        ),
        (
            429,
            "",
            errors.RateLimitError,
            "the server responded with 429 (Too Many Requests) and no error message",
            None,
        ),
        (
            504,
            '{"detail": {"message": "slow"}}',
            errors.ServerTimeoutError,
            "slow",
            None,
        ),
    ]
    for status, body, kind, message, code in cases:
        with Canned(status, body, {"x-request-id": "r-1"}) as server:
            api = Api(style, server.client())
            error = await error_of(api.datasets.fetch, dataset_id=ID)
        assert type(error) is kind
        assert isinstance(error, errors.ObservabilityError)
        assert (error.status, error.message, error.error_code) == (status, message, code)
        assert (error.request_id, error.body or "") == ("r-1", body)
    for body in ("<html>hello</html>", "{", '{"id": 5}', "null", ""):
        with Canned(200, body) as server:
            api = Api(style, server.client())
            error = await error_of(api.datasets.fetch, dataset_id=ID)
        assert type(error) is errors.DecodingError
        assert error.status == 200
