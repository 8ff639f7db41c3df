"""Runs the Python examples of the API documentation with a changed import line and real IDs.

The documentation is not part of the repository. Without it, the tests are skipped.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from harness import ROOT
from mistral_datasets import models
from mistral_datasets.testing import LocalWorkspace

PAGE = ROOT.parent / "shared" / "seed" / "datasets-endpoints.txt"

IMPORT = "from mistralai.client import "

METHODS = [
    "list",
    "create",
    "fetch",
    "delete",
    "update",
    "list_records",
    "create_record",
    "import_from_campaign",
    "import_from_explorer",
    "import_from_file",
    "import_from_playground",
    "import_from_dataset_records",
    "export_to_jsonl",
    "fetch_task",
    "list_tasks",
]


def examples(page: str) -> dict[str, str]:
    """Returns the examples by method. Each occurs twice, without indentation, which this function restores."""
    found: dict[str, str] = {}
    for part in page.split(IMPORT)[1:]:
        text = IMPORT + part.split("\ncurl ", 1)[0]
        head, body = text.split(") as mistral:\n", 1)
        body = "".join(f"    {line}\n" for line in body.strip().splitlines())
        method = re.search(r"mistral\.beta\.observability\.datasets\.(\w+)\(", body)
        assert method is not None, text
        program = f"{head}) as mistral:\n{body}"
        assert found.setdefault(method[1], program) == program, "the copies differ"
    return found


@pytest.fixture(scope="module")
def programs() -> dict[str, str]:
    if not PAGE.exists():
        pytest.skip("the API's documentation is not available")
    return examples(PAGE.read_text("utf-8"))


class World:
    """A server with the objects that the examples use."""

    def __init__(self, local: LocalWorkspace) -> None:
        self.mistral = local.client
        self.environment = local.environment
        datasets = self.mistral.datasets
        message = [{"role": "user", "content": "hello"}]
        event: dict[str, Any] = {"request_messages": message, "response_messages": message}
        self.events = local.insert_events([event] * 3)
        self.campaign = local.insert_campaign("Week 1", self.events)
        self.dataset = datasets.create(name="Refund requests", description="Tickets about refunds").id
        self.records = [
            datasets.create_record(dataset_id=self.dataset, payload={"messages": message}, properties={}).id
            for _ in range(2)
        ]
        content = b'{"messages": []}\n'
        self.file = self.mistral.files.upload(file={"file_name": "a.jsonl", "content": content}).id
        task = datasets.import_from_file(dataset_id=self.dataset, file_id=self.file)
        self.task = task.id
        while task.status == "RUNNING":
            time.sleep(0.005)
            task = datasets.fetch_task(dataset_id=self.dataset, task_id=task.id)

    def adapt(self, program: str) -> str:
        """Fills in the IDs and replaces the import line."""
        program = program.replace(IMPORT, "from mistral_datasets import ")
        for name, value in [
            ("dataset_id", self.dataset),
            ("campaign_id", self.campaign),
            ("task_id", self.task),
            ("file_id", self.file),
        ]:
            program = re.sub(rf'{name}="[^"]*"', f'{name}="{value}"', program)
        if "completion_event_ids" in program:
            for number, event in enumerate(self.events, 1):
                program = program.replace(f"<value {number}>", event)
        if "dataset_record_ids" in program:
            records = iter(self.records)
            program = re.sub(r'^    "[0-9a-f-]{36}"', lambda _: f'    "{next(records)}"', program, flags=re.M)
        return program

    def run(self, program: str) -> str:
        """Runs a program, which must succeed without output on stderr, and returns its output."""
        result = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, **self.environment},
        )
        assert (result.returncode, result.stderr) == (0, ""), f"{program}\n{result.stderr}"
        return result.stdout.strip()


@pytest.fixture
def world(mistral_local: LocalWorkspace) -> World:
    return World(mistral_local)


def last_task(world: World) -> models.ImportTask:
    return world.mistral.datasets.list_tasks(dataset_id=world.dataset).tasks.results[0]


EXPECTED: dict[str, Callable[[World, str], bool]] = {
    "list": lambda world, printed: (
        printed.startswith("ListDatasetsResponse(") and f"id='{world.dataset}'" in printed and "count=1" in printed
    ),
    "create": lambda world, printed: (
        printed.startswith("Dataset(")
        and "name='<value>'" in printed
        and "description='citizen whoever sustenance necessary vibrant openly'" in printed
        and world.mistral.datasets.list(q="citizen").datasets.count == 1
    ),
    "fetch": lambda world, printed: printed == repr(world.mistral.datasets.fetch(dataset_id=world.dataset)),
    "delete": lambda world, printed: printed == "" and world.mistral.datasets.list().datasets.count == 0,
    "update": lambda world, printed: printed == repr(world.mistral.datasets.fetch(dataset_id=world.dataset)),
    "list_records": lambda world, printed: (
        printed.startswith("ListRecordsResponse(") and f"id='{world.records[1]}'" in printed and "count=3" in printed
    ),
    "create_record": lambda world, printed: (
        printed.startswith("DatasetRecord(")
        and "payload=ConversationPayload(2 messages), properties=<3 keys>" in printed
        and world.mistral.datasets.list_records(dataset_id=world.dataset).records.count == 4
    ),
    "export_to_jsonl": lambda world, printed: printed.startswith(
        f"ExportResponse(file_url='{world.mistral.server_url}/"
    ),
    "fetch_task": lambda world, printed: (
        printed == repr(world.mistral.datasets.fetch_task(dataset_id=world.dataset, task_id=world.task))
    ),
    "list_tasks": lambda world, printed: printed == repr(world.mistral.datasets.list_tasks(dataset_id=world.dataset)),
    **{
        method: lambda world, printed: (
            printed.startswith("ImportTask(") and f"id='{last_task(world).id}'" in printed and "'RUNNING'" in printed
        )
        for method in METHODS
        if method.startswith("import_")
    },
}


def test_every_method_has_an_example(programs: dict[str, str]) -> None:
    assert list(programs) == METHODS


@pytest.mark.parametrize("method", METHODS)
def test_example_runs(method: str, programs: dict[str, str], world: World) -> None:
    program = world.adapt(programs[method])
    assert program != programs[method]
    printed = world.run(program)
    assert EXPECTED[method](world, printed), printed
