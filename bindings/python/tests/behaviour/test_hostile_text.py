"""Behaviour cases: text that must not be quoted, or must not end the header it is sent in.

The cases are listed in `tests/behaviour/cases.txt`, and implemented in every language.
"""

from __future__ import annotations

import json
import traceback
from pathlib import Path

from harness import Api, Canned, Workspace, error_of
from mistral_datasets import errors


async def test_jsonl_given_as_a_path_is_not_quoted(workspace: Workspace, tmp_path: Path) -> None:
    dataset = await workspace.dataset()
    workspace.requests()
    for text in (
        '{"messages": ["my secret"]}',
        ' [{"content": "my secret"}]',
        "my secret\nmy other secret\n",
        json.dumps({"messages": [{"content": "my secret " + "x" * 5000}]}),
    ):
        for error in (
            await error_of(workspace.datasets.import_jsonl, dataset.id, text),
            await error_of(workspace.datasets.export, dataset.id, f"{text}/missing/my secret"),
        ):
            assert isinstance(error, errors.ValidationError)
            assert error.message.startswith("this looks like JSONL, not a path; pass ")
            shown = "".join(traceback.format_exception_only(error)) + repr(error.__cause__)
            assert "secret" not in shown
    assert "upload_file" not in workspace.operations()
    path = tmp_path / "[draft]\n.jsonl"
    path.write_text('{"messages": []}\n')
    assert (await workspace.datasets.import_jsonl(dataset.id, str(path))).records == 1


async def test_file_name_cannot_add_headers_to_an_upload(style: str) -> None:
    with Canned(400) as server:
        file = {"file_name": 'a"; name="purpose\r\nX-Evil: 1\r\n\r\nb.jsonl', "content": b"the content"}
        await error_of(Api(style, server.client()).files.upload, file=file)
        form = server.requests[0][2].decode()
    assert 'filename="a%22; name=%22purpose%0D%0AX-Evil: 1%0D%0A%0D%0Ab.jsonl"\r\n' in form
    assert "\nX-Evil" not in form
