"""Tests the judge operations of the official SDK."""

import pytest

from workspace import HELLO, JUDGE, UNKNOWN, expect_error


@pytest.fixture
def judge(api):
    return api.judges.create(**JUDGE)


def test_create_and_fetch_a_judge(api, judge):
    assert (judge.name, judge.model_name, judge.tools) == (JUDGE["name"], JUDGE["model_name"], [])
    assert [option.value for option in judge.output.options] == ["polite", "rude"]
    assert api.judges.fetch(judge_id=judge.id) == judge


def test_create_a_judge_that_answers_with_a_number(api):
    output = {"type": "REGRESSION", "min": 0, "max": 100, "min_description": "No", "max_description": "Yes"}
    judge = api.judges.create(**JUDGE | {"name": "closeness", "output": output})
    assert (judge.output.type, judge.output.min, judge.output.max) == ("REGRESSION", 0, 100)
    judged = api.judges.judge_conversation(judge_id=judge.id, messages=HELLO["messages"])
    assert isinstance(judged.answer, float)
    assert 0 <= judged.answer <= 100


def test_list_judges_by_name_type_and_model(api, judge):
    other = api.judges.create(**JUDGE | {"name": "politeness, small", "model_name": "mistral-small-latest"})
    listed = api.judges.list().judges
    assert ([listed_judge.id for listed_judge in listed.results], listed.count) == ([other.id, judge.id], 2)
    assert api.judges.list(q="SMALL").judges.results == [other]
    assert api.judges.list(model_filter=[JUDGE["model_name"]]).judges.results == [judge]
    assert api.judges.list(type_filter=["REGRESSION"]).judges.count == 0
    assert api.judges.list(type_filter=["REGRESSION", "CLASSIFICATION"], page_size=1, page=2).judges.results == [judge]


def test_update_a_judge(api, judge):
    changed = JUDGE | {"instructions": "Is {{ assistant_message }} polite?"}
    assert api.judges.update(judge_id=judge.id, **changed) is None
    updated = api.judges.fetch(judge_id=judge.id)
    assert (updated.instructions, updated.id) == (changed["instructions"], judge.id)
    expect_error(409, "JUDGE_DID_NOT_CHANGE", api.judges.update, judge_id=judge.id, **changed)


def test_delete_a_judge(api, judge):
    assert api.judges.delete(judge_id=judge.id) is None
    expect_error(404, "JUDGE_NOT_FOUND", api.judges.fetch, judge_id=judge.id)
    assert api.judges.list().judges.count == 0


def test_invalid_judges_are_rejected(api, judge):
    expect_error(409, "JUDGE_NAME_ALREADY_EXISTS", api.judges.create, **JUDGE)
    broken = JUDGE | {"name": "broken template", "instructions": "{% if %}"}
    expect_error(422, "TEMPLATE_SYNTAX_ERROR", api.judges.create, **broken)
    expect_error(422, "VALIDATION_ERROR", api.judges.create, **JUDGE | {"name": "four"})
    expect_error(404, "JUDGE_NOT_FOUND", api.judges.fetch, judge_id=UNKNOWN)


def test_judge_a_conversation(api, judge):
    judged = api.judges.judge_conversation(
        judge_id=judge.id, messages=HELLO["messages"], properties={"language": "en"}
    )
    assert judged.answer in ("polite", "rude")
    assert judged.analysis
    conversation = api.judges.judge_conversation
    expect_error(422, "JUDGE_CONVERSATION_FORMAT_ERROR", conversation, judge_id=judge.id, messages=[])
    expect_error(404, "JUDGE_NOT_FOUND", conversation, judge_id=UNKNOWN, messages=HELLO["messages"])
