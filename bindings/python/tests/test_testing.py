"""The module `mistral_datasets.testing`."""

from __future__ import annotations

import os
import urllib.request
from datetime import datetime, timezone
from pathlib import Path

import pytest

from harness import script
from mistral_datasets import Mistral, RetryPolicy, errors
from mistral_datasets.testing import LocalServer, LocalWorkspace

RETRY_IMMEDIATELY = {"retry-after": "0"}


def test_workspaces_are_isolated(mistral_local_server: LocalServer) -> None:
    one, other = mistral_local_server.workspace(), mistral_local_server.workspace()
    with one, other:
        one.client.datasets.create(name="Refund requests", description="")
        one.inject_fault(status=503, operation="fetch_dataset", times=None)
        assert other.client.datasets.list().datasets.count == 0
        assert other.faults() == []
        assert [request.operation for request in other.requests()] == ["list_datasets"]
        # The same key has the same workspace.
        with mistral_local_server.workspace(one.api_key) as same:
            assert same.client.datasets.list().datasets.count == 1


def test_faults_are_recorded_with_requests(mistral_local: LocalWorkspace) -> None:
    before = datetime.now(timezone.utc)
    rejected = mistral_local.inject_fault(status=503, headers=RETRY_IMMEDIATELY, operation="create_dataset", times=2)
    truncated = mistral_local.inject_fault(truncate_after_bytes=3, operation="list_datasets")
    client = mistral_local.client.with_options(retries=RetryPolicy(first_delay=0.001))
    client.datasets.create(name="Refund requests", description="Größe")
    assert client.datasets.list().datasets.count == 1
    requests = mistral_local.requests()
    assert [(request.number, request.operation, request.status) for request in requests] == [
        (1, "create_dataset", 503),
        (2, "create_dataset", 503),
        (3, "create_dataset", 201),
        (4, "list_datasets", 200),
        (5, "list_datasets", 200),
    ]
    assert [request.fault for request in requests] == [rejected.id, rejected.id, None, truncated.id, None]
    first = requests[0]
    assert (first.method, first.path) == ("POST", "/v1/observability/datasets")
    assert (first.request_bytes or 0) > 20
    assert (first.elapsed_ms or -1) >= 0
    assert before <= first.started_at <= datetime.now(timezone.utc)
    assert first.headers["content-type"] == "application/json"
    assert mistral_local.api_key not in repr(requests) + repr(mistral_local)
    assert mistral_local.requests("list_datasets") == requests[3:]
    assert [(fault.matched, fault.applied) for fault in mistral_local.faults()] == [(2, 2), (1, 1)]
    assert mistral_local.faults()[0].rule["status"] == 503
    mistral_local.clear_requests()
    assert mistral_local.requests() == []


def test_faults_can_be_cleared(mistral_local: LocalWorkspace) -> None:
    mistral_local.inject_fault(status=404, body={"detail": "gone"}, method="GET", route="/v1/files", times=None, skip=1)
    mistral_local.client.files.list()
    with pytest.raises(errors.NotFoundError, match="gone"):
        mistral_local.client.files.list()
    mistral_local.clear_faults()
    mistral_local.client.files.list()


def test_slow_and_interrupted_responses(mistral_local: LocalWorkspace) -> None:
    once = mistral_local.client.with_options(retries=0, timeout_ms=5_000)
    mistral_local.inject_fault(delay_ms=60_000)
    with pytest.raises(errors.TimeoutError):
        once.with_options(timeout_ms=20).datasets.list()
    mistral_local.inject_fault(reset_after_bytes=0)
    with pytest.raises(errors.ConnectionError):
        once.datasets.list()
    mistral_local.inject_fault(drip=(1_000, 1))
    assert once.datasets.list().datasets.count == 0
    # The response is an error, but the request is carried out, as with a gateway timeout.
    mistral_local.inject_fault(status=504, carry_out=True)
    with pytest.raises(errors.MistralError) as caught:
        once.datasets.create(name="Refund requests", description="")
    assert caught.value.ambiguous
    assert once.datasets.list().datasets.count == 1


def test_tasks_that_fail_or_never_finish(mistral_local: LocalWorkspace) -> None:
    datasets = mistral_local.client.datasets
    dataset = datasets.create(name="Refund requests", description="")
    (event,) = mistral_local.insert_events([{"request_messages": [], "response_messages": []}])
    mistral_local.inject_fault(task_fails="disk full", operation="import_from_explorer")
    mistral_local.inject_fault(task_stuck=True)
    mistral_local.inject_fault(task_delay_ms=300)
    with pytest.raises(errors.TaskFailedError, match="disk full"):
        datasets.import_from_explorer(dataset_id=dataset.id, completion_event_ids=[event], wait=True)
    stuck = datasets.import_from_explorer(dataset_id=dataset.id, completion_event_ids=[event])
    delayed = datasets.import_from_explorer(dataset_id=dataset.id, completion_event_ids=[event])
    assert delayed.status == "RUNNING"
    delayed.wait()
    assert stuck.refresh().status == "RUNNING"


def test_invalid_rules_are_rejected(mistral_local: LocalWorkspace) -> None:
    with pytest.raises(errors.ValidationError, match="operation: unknown operation"):
        mistral_local.inject_fault(status=503, operation="createRecord")
    with pytest.raises(errors.ValidationError, match="the rule has no effect"):
        mistral_local.inject_fault()
    assert mistral_local.faults() == []


def test_fixtures_can_be_imported(mistral_local: LocalWorkspace) -> None:
    messages = [{"role": "user", "content": "Where is my money?"}]
    answers = [{"role": "assistant", "content": "On its way."}]
    events = mistral_local.insert_events([{"request_messages": messages, "response_messages": answers}])
    campaign = mistral_local.insert_campaign("Refunds", events)
    conversations = mistral_local.insert_conversations([{"conversation_id": "c-1", "messages": messages}])
    assert conversations == ["c-1"]
    datasets = mistral_local.client.datasets
    dataset = datasets.create(name="Refund requests", description="")
    datasets.import_from_campaign(dataset_id=dataset.id, campaign_id=campaign, wait=True)
    datasets.import_from_playground(dataset_id=dataset.id, conversation_ids=conversations, wait=True)
    assert datasets.list_records(dataset_id=dataset.id).records.count == 2


def test_reset_empties_the_workspace(mistral_local: LocalWorkspace) -> None:
    mistral_local.client.datasets.create(name="Refund requests", description="")
    mistral_local.inject_fault(status=503, times=None)
    mistral_local.reset()
    assert (mistral_local.requests(), mistral_local.faults()) == ([], [])
    assert mistral_local.client.datasets.list().datasets.count == 0


def test_other_clients_can_use_the_workspace(mistral_local: LocalWorkspace) -> None:
    with Mistral(mistral_local.api_key, server_url=mistral_local.url) as other:
        other.datasets.create(name="Refund requests", description="")
    request = urllib.request.Request(
        f"{mistral_local.url}/v1/observability/datasets", headers={"authorization": f"Bearer {mistral_local.api_key}"}
    )
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as response:
        assert b"Refund requests" in response.read()


def test_request_log_outlives_the_client(mistral_local: LocalWorkspace) -> None:
    mistral_local.client.datasets.list()
    mistral_local.client.close()
    assert len(mistral_local.requests()) == 1


def test_server_with_data_directory(tmp_path: Path) -> None:
    with LocalServer(tmp_path, generation="g3") as server, server.workspace("the key") as local:
        dataset = local.client.datasets.create(name="Free payloads", description="")
        local.client.datasets.create_record(dataset_id=dataset.id, payload={"anything": 1}, properties={})
        # The third generation has no campaigns.
        with pytest.raises(errors.NotFoundError):
            local.client.campaigns.list()
    server.stop()
    with LocalServer(tmp_path) as server, server.workspace("the key") as local:
        assert local.client.datasets.list().datasets.count == 1
        assert local.client.campaigns.list().campaigns.count == 0
        assert repr(server) == f"LocalServer(url={local.url!r})"
    with pytest.raises(errors.ConnectionError):
        local.requests()
    with pytest.raises(ValueError, match="generation: expected"):
        LocalServer(generation="g4")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    with pytest.raises(errors.ConfigurationError, match="the judge URL is invalid"):
        LocalServer(judge_url="no URL")


def test_proxy_is_bypassed() -> None:
    result = script(
        """
        import os
        os.environ.update(HTTP_PROXY="http://127.0.0.1:9", NO_PROXY="")
        from mistral_datasets.testing import LocalServer
        with LocalServer() as server, server.workspace() as local:
            local.client.datasets.list()
            print(len(local.requests()))
        """
    )
    assert result.stdout == "1\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="requires os.fork")
def test_forked_child_can_use_the_parents_server() -> None:
    result = script(
        """
        import os
        from mistral_datasets.testing import LocalServer
        with LocalServer() as server, server.workspace() as local:
            local.client.datasets.list()
            child = os.fork()
            if child == 0:
                local.client.datasets.create(name="Refund requests", description="")
                assert len(local.requests()) == 2
                server.stop()
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
            print(local.client.datasets.list().datasets.count, [request.operation for request in local.requests()])
        """
    )
    assert result.stdout == "1 ['list_datasets', 'create_dataset', 'list_datasets']\n"
