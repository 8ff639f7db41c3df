"""Behaviour cases: judges and campaigns.

The cases are listed in `tests/behaviour/cases.txt`, and implemented in every language.
"""

from __future__ import annotations

import json
from typing import Any

from harness import Api, Canned, Workspace, error_of
from mistral_datasets import enums, errors, field, models
from mistral_datasets.testing import LocalServer

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


async def test_campaign_judges_events(style: str) -> None:
    content = json.dumps({"analysis": "It is.", "answer": "polite"})
    reply = json.dumps({"choices": [{"message": {"role": "assistant", "content": content}}]})
    with Canned(200, reply) as chat, LocalServer(judge_url=f"{chat.url}/v1") as server, server.workspace() as local:
        workspace = Workspace(style, local)
        campaigns = workspace.campaigns
        judge: models.Judge = await workspace.judges.create(**JUDGE)
        definition: dict[str, Any] = {
            "search_params": field("model_name").eq("large"),
            "judge_id": judge.id,
            "name": "Large models",
            "description": "",
            "max_nb_events": 10,
        }
        error = await error_of(campaigns.create, **definition)
        assert isinstance(error, errors.ValidationError)
        assert error.error_code == "CAMPAIGN_NO_MATCHING_EVENTS"

        workspace.send("traces")
        campaign: models.Campaign = await campaigns.create(**definition)
        assert (campaign.judge.id, campaign.max_nb_events) == (judge.id, 10)
        statuses: list[enums.TaskStatus] = []
        assert await campaigns.wait(campaign.id, on_progress=statuses.append) == "COMPLETED"
        assert statuses[-1] == "COMPLETED"

        annotation = f"__judge_{judge.id}"
        events = await workspace.collect(workspace.mistral.campaigns.iter_events(campaign.id, page_size=1))
        assert [event.extra_fields[annotation] for event in events] == ["polite", "polite"]
        found = await workspace.chat_completion_events.search_ids(field(annotation).eq("polite"))
        assert len(found.completion_event_ids) == 2
        dataset = await workspace.dataset()
        await workspace.datasets.import_from_campaign(dataset_id=dataset.id, campaign_id=campaign.id, wait=True)
        records = await workspace.records(dataset)
        assert [record.properties[annotation] for record in records] == ["polite", "polite"]

        assert await campaigns.delete(campaign.id) is None
        error = await error_of(campaigns.fetch, campaign.id)
        assert isinstance(error, errors.NotFoundError)
        assert error.error_code == "CAMPAIGN_NOT_FOUND"
