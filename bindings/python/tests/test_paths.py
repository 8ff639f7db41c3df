"""Errors for paths name the argument, the accepted types and the path as it was given."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from harness import UNREACHABLE
from mistral_datasets import Mistral


def test_wrong_types_name_the_argument() -> None:
    wrong = cast("Any", 3)
    with pytest.raises(TypeError, match="ca_certificates: expected bytes or a path, found int"):
        Mistral("k", ca_certificates=wrong)
    with pytest.raises(TypeError, match="directory: expected a path, found int"):
        Mistral.local(wrong)


@pytest.mark.parametrize("path", ["missing.jsonl", Path("missing.jsonl")])
def test_missing_files_are_named_as_by_open(path: str | Path) -> None:
    mistral = Mistral("k", server_url=UNREACHABLE)
    with pytest.raises(FileNotFoundError) as error:
        mistral.files.upload(path)
    assert str(error.value) == "[Errno 2] No such file or directory: 'missing.jsonl'"
