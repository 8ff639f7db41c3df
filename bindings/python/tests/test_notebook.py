"""What the user of a notebook does: displays objects, previews conversations, iterates, and meets errors."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from test_models import DATASET, FILE, RECORD, TASK, page

from mistral_datasets import Mistral, errors, models

SCREEN = 24 * 80
"""Number of characters on a small terminal."""

SECRET = "what the user said"


def payload(*messages: Any) -> models.ConversationPayload:
    return models.ConversationPayload(messages=list(messages))


def as_html(preview: Any) -> str:
    html: str = preview._repr_html_()
    return html


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


@pytest.mark.parametrize(
    "response",
    [
        models.ListRecordsResponse.from_json(json.dumps({"records": page(*[RECORD] * 30)})),
        models.ListDatasetsResponse.from_json(json.dumps({"datasets": page(*[DATASET] * 30)})),
        models.ListTasksResponse.from_json(json.dumps({"tasks": page(*[TASK] * 30)})),
        models.ListFilesResponse.from_json(json.dumps({"data": [FILE] * 30, "object": "list"})),
    ],
    ids=lambda response: type(response).__name__,
)
def test_a_page_of_30_items_fits_on_a_screen(response: Any) -> None:
    text = repr(response)
    assert len(text) <= SCREEN
    assert "… 27 more" in text
    assert SECRET not in text


def test_repr_of_a_record() -> None:
    assert repr(models.DatasetRecord.from_dict(RECORD)) == (
        "DatasetRecord(id='019b2bd7-96e7-7219-8c0b-45a73da50088', created_at=2025-12-17T10:25:07.818693Z, "
        "updated_at=2025-12-17T10:41:03.469341Z, dataset_id='9c0ab39f-0cd0-46cd-bd30-8bf2d50be5ce', "
        "payload=ConversationPayload(1 message), properties=<1 key>, source='EXPLORER')"
    )
    long = models.Dataset.from_dict({**DATASET, "description": "d" * 5000})
    assert len(repr(long)) < 500
    assert "d" * 100 + "…" in repr(long)


def test_displaying_a_record_shows_no_conversation() -> None:
    record: Any = models.DatasetRecord.from_dict(RECORD)
    for value in (record, record.payload):
        assert not hasattr(value, "_repr_html_")
        assert SECRET not in f"{value!r} {value}"


def test_previews_show_the_conversation() -> None:
    preview = models.DatasetRecord.from_dict(RECORD).payload.preview()
    assert str(preview) == repr(preview) == "user: what the user said"
    assert "<strong>user</strong>\nwhat the user said" in as_html(preview)


def test_previews_of_parts_and_tool_calls() -> None:
    call = {"id": "c1", "function": {"name": "find", "arguments": '{"parcel": 7}'}}
    preview = payload(
        {"role": "system", "content": "Be brief."},
        user(
            [{"type": "text", "text": "Where is it?"}, {"type": "image_url", "image_url": "data:image/png;base64,AAAA"}]
        ),
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "at the depot\nsince Monday"},
        "not a message",
        {"role": "user", "content": {"a": 1}},
        {"role": "assistant", "tool_calls": ["odd", {"function": {"name": "f", "arguments": {"x": 1}}}]},
    ).preview()
    assert str(preview) == (
        "system: Be brief.\n"
        "user: Where is it?\n    [image_url]\n"
        'assistant: [tool call] find({"parcel": 7})\n'
        "tool: at the depot\n    since Monday\n"
        'message: "not a message"\n'
        'user: {"a": 1}\n'
        'assistant: [tool call] "odd"\n    [tool call] f({"x": 1})'
    )
    other = models.ConversationPayload.from_json('{"turns": 3}').preview()
    assert str(other) == 'payload: {"turns": 3}'


def test_previews_are_limited() -> None:
    many = payload(*[user("x" * 2000)] * 50).preview(max_messages=2, max_characters=10)
    assert str(many) == "user: xxxxxxxxxx … 1,990 more characters\n" * 2 + "… 48 more messages"
    assert "48 more messages" in as_html(many)
    with pytest.raises(ValueError, match="at least 1"):
        payload().preview(max_messages=0)


def test_previews_escape_what_could_deceive() -> None:
    text = "<script>alert(1)</script> "
    text += "\x1b[31m \u202ereversed\u2066 \ud800 \u200bhidden \U000e0041 a\u2028b tab\there 👩\u200d🚀 é"
    html = as_html(payload(user(text)).preview())
    shown = str(payload(user(text)).preview())
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    for output in (html, shown):
        for character in "\x1b\u202e\u2066\ud800\u200b\U000e0041\u2028":
            assert character not in output
        assert (
            "\\x1b[31m \\u202ereversed\\u2066 \\ud800 \\u200bhidden \\U000e0041 a\\u2028b tab\there 👩\u200d🚀 é"
            in output
        )
        output.encode()
    role = as_html(payload({"role": "<b>\u202e", "content": ""}).preview())
    assert "<b>" not in role
    assert "\u202e" not in role


def test_modules_are_completed_before_they_are_imported() -> None:
    code = "import mistral_datasets; print(*dir(mistral_datasets))"
    names = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {"Mistral", "enums", "errors", "models", "resources", "testing", "types"} <= set(names)


def test_a_session() -> None:
    with Mistral.local() as mistral:
        dataset = mistral.datasets.create(name="Refund requests", description="Tickets about refunds")
        mistral.datasets.create_records(dataset.id, [{"messages": [user(SECRET)]} for _ in range(30)])
        response = mistral.datasets.list_records(dataset_id=dataset.id, page_size=100)
        assert len(repr(response)) <= SCREEN
        assert SECRET not in repr(response)
        assert len({record.id for record in response}) == len(response) == 30
        assert str(response[0].payload.preview()) == f"user: {SECRET}"
        with pytest.raises(errors.NotFoundError) as caught:
            mistral.datasets.fetch(dataset_id="no-such-dataset")
        assert "fetch_dataset" in str(caught.value)
        assert repr(mistral.datasets.list_records(dataset_id=dataset.id).records.results[0].created_at)
