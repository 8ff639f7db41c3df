"""Enumerations are open classes of strings."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any, cast

import pytest
from test_models import RECORD, TASK

from mistral_datasets import enums, models
from mistral_datasets.enums import ErrorCode, RecordSource, TaskStatus
from mistral_datasets.types import ExportedRecord


def record(source: str) -> models.DatasetRecord:
    return models.DatasetRecord.from_json(json.dumps({**RECORD, "source": source}))


def test_members_are_strings() -> None:
    source: Any = cast("Any", record("EXPLORER").source)
    assert source == "EXPLORER"
    assert source != "PLAYGROUND"
    assert isinstance(source, str)
    assert hash(source) == hash("EXPLORER")
    assert {source: 1}["EXPLORER"] == 1
    assert (str(source), f"{source}", f"{source:>10}", json.dumps(source)) == (
        "EXPLORER",
        "EXPLORER",
        "  EXPLORER",
        '"EXPLORER"',
    )
    member = record("EXPLORER").source
    assert (member.name, member.value) == ("EXPLORER", "EXPLORER")
    assert member is RecordSource.EXPLORER
    assert repr(source) == "<RecordSource.EXPLORER: 'EXPLORER'>"


def test_every_class_lists_its_members() -> None:
    assert [status.value for status in TaskStatus][:2] == ["RUNNING", "COMPLETED"]
    for name in enums.__all__:
        for member in getattr(enums, name):
            assert getattr(enums, name)(member.value) is member
            # Values in camel case have names such as `HAS_ANY`.
            assert member.name.replace("_", "") == member.value.upper().replace("_", "")
            assert member.name.isupper()


def test_match_statements() -> None:
    def describe(status: Any) -> str:
        match status:
            case TaskStatus.COMPLETED:
                return "done"
            case TaskStatus.FAILED | TaskStatus.CANCELED:
                return "not done"
            case "PAUSED":
                return "new"
            case _:
                return "other"

    assert [describe(TaskStatus(value)) for value in ("COMPLETED", "CANCELED", "PAUSED", "SLEEPING")] == [
        "done",
        "not done",
        "new",
        "other",
    ]


def test_unknown_values_are_kept() -> None:
    source = record("SATELLITE").source
    assert type(source) is RecordSource
    assert source == "SATELLITE" == RecordSource("SATELLITE")
    assert (source.name, source.value, str(source)) == ("SATELLITE", "SATELLITE", "SATELLITE")
    assert source not in list(RecordSource)
    assert "SATELLITE" not in RecordSource.__members__
    assert record("SATELLITE").to_dict()["source"] == "SATELLITE"
    with pytest.raises(ValueError, match="5 is not a valid RecordSource"):
        RecordSource(5)


@pytest.mark.parametrize("value", ["EXPLORER", "SATELLITE"])
def test_members_can_be_copied_and_pickled(value: str) -> None:
    source = record(value).source
    for restored in (
        *(pickle.loads(pickle.dumps(source, protocol)) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)),
        copy.copy(source),
        copy.deepcopy(source),
    ):
        assert restored == source
        assert type(restored) is RecordSource
    assert pickle.loads(pickle.dumps(RecordSource.EXPLORER)) is RecordSource.EXPLORER


def test_fields_and_codes() -> None:
    task = models.ImportTask.from_json(json.dumps(TASK))
    assert task.status is TaskStatus.COMPLETED
    assert ExportedRecord(payload={}, source="TELEMETRY_SPAN").source is RecordSource.TELEMETRY_SPAN
    assert ErrorCode.DATASET_NOT_FOUND == "DATASET_NOT_FOUND"
