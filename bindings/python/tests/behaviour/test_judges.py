"""Behaviour cases: judges.

The cases are listed in `tests/behaviour/cases.txt`, and implemented in every language.
"""

from __future__ import annotations

from typing import Any

from harness import Api, error_of
from mistral_datasets import errors, models

JUDGE: dict[str, Any] = {
    "name": "Politeness",
    "description": "Whether the answer is polite",
    "model_name": "large",
    "instructions": "Is it polite? {{ assistant_message }}",
    "output": {
        "type": "CLASSIFICATION",
        "options": [
            {"value": "polite", "description": "It is."},
            {"value": "rude", "description": "It is not."},
        ],
    },
    "tools": [],
}

SCALE: dict[str, Any] = {
    **JUDGE,
    "name": "Closeness",
    "model_name": "small",
    "output": {"type": "REGRESSION", "min": 0, "max": 10, "min_description": "far", "max_description": "near"},
}


async def test_judge_crud(api: Api) -> None:
    judges = api.judges
    classes: models.Judge = await judges.create(**JUDGE)
    scale: models.Judge = await judges.create(**SCALE)
    assert isinstance(classes.output, models.JudgeClassificationOutput)
    assert [option.value for option in classes.output.options] == ["polite", "rude"]
    assert isinstance(scale.output, models.JudgeRegressionOutput)
    assert (scale.output.max, scale.output.max_description) == (10, "near")
    assert await judges.fetch(judge_id=classes.id) == classes

    async def names(**filters: Any) -> list[str]:
        return [judge.name for judge in await api.collect(api.mistral.judges.iter(**filters))]

    assert await names(page_size=1) == ["Closeness", "Politeness"]
    assert await names(type_filter=["REGRESSION"]) == ["Closeness"]
    assert await names(model_filter=["large", "medium"]) == ["Politeness"]
    assert await names(q="POLITE", type_filter=["REGRESSION"]) == []

    # What was read can be sent again.
    changed = {**SCALE, "output": scale.output, "instructions": "Is it close?"}
    assert await judges.update(scale.id, **changed) is None
    updated = await judges.fetch(scale.id)
    assert (updated.instructions, updated.output) == ("Is it close?", scale.output)
    error = await error_of(judges.update, scale.id, **changed)
    assert isinstance(error, errors.ConflictError)
    assert error.error_code == "JUDGE_DID_NOT_CHANGE"
    error = await error_of(judges.create, **JUDGE)
    assert isinstance(error, errors.ConflictError)
    assert error.error_code == "JUDGE_NAME_ALREADY_EXISTS"
    error = await error_of(judges.create, **{**JUDGE, "name": "Broken", "instructions": "{% if %}"})
    assert isinstance(error, errors.ValidationError)
    assert error.error_code == "TEMPLATE_SYNTAX_ERROR"

    assert await judges.delete(scale.id) is None
    error = await error_of(judges.fetch, scale.id)
    assert isinstance(error, errors.NotFoundError)
    assert (error.status_code, error.error_code) == (404, "JUDGE_NOT_FOUND")
    assert await names() == ["Politeness"]
