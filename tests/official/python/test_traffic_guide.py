"""Runs the commands and programs of the guide `docs/from-traffic-to-dataset.md`, in order.

The chat calls go to an endpoint of the tests. Everything else is as the guide says.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from chat_server import chat_server
from workspace import VERSION

COMMAND = os.environ.get("MISTRAL_DATASETS_COMMAND")
GUIDE = (Path(__file__).parents[3] / "docs" / "from-traffic-to-dataset.md").read_text("utf-8")
URL = "http://127.0.0.1:7700"

pytestmark = [
    pytest.mark.skipif(VERSION == "2.5.1", reason="the guide is about the newest version of the SDK"),
    pytest.mark.skipif(COMMAND is None, reason="MISTRAL_DATASETS_COMMAND is not the path of the command"),
]


def blocks(language):
    """Returns the code blocks in a language."""
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)


def saved_files():
    """Returns the content of the files that the guide tells to save, by name."""
    return dict(re.findall(r"Save\s+this\s+as\s+`([\w.]+)`:\n\n```\w+\n(.*?)```", GUIDE, re.DOTALL))


@pytest.fixture
def environment():
    """The environment of the guide's terminals."""
    return {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(COMMAND).parent), str(Path(sys.executable).parent), os.environ["PATH"]]),
    }


def test_guide_runs(tmp_path, environment):
    exports, *commands = blocks("sh")
    [serve] = [line for block in blocks("console") for line in block.splitlines() if line.startswith("$ mistral")]
    for name, content in saved_files().items():
        (tmp_path / name).write_text(content.replace(URL, "$URL"), "utf-8")
    with chat_server() as chat_url:
        assert "https://api.mistral.ai" in exports
        exports = exports.replace("https://api.mistral.ai", chat_url)
        options = {"cwd": tmp_path, "env": environment, "stdout": subprocess.PIPE, "text": True}
        serve = serve.removeprefix("$ ") + " --listen 127.0.0.1:0"
        server = subprocess.Popen(["sh", "-ec", f"{exports}\nexec {serve}"], **options)
        try:
            url = server.stdout.readline().strip().removeprefix("listening on ")
            for path in tmp_path.glob("*.py"):
                path.write_text(path.read_text("utf-8").replace("$URL", url), "utf-8")
            script = "\n".join([exports, *commands]).replace(URL, url)
            result = subprocess.run(["sh", "-exc", script], **options, stderr=subprocess.PIPE, timeout=120, check=False)
        finally:
            server.terminate()
            server.wait()
    trace = f"{result.stdout}\n{result.stderr}"
    assert result.returncode == 0, trace

    # What the reader sees on the way.
    assert "It takes five days." in result.stdout
    assert re.search(r"my-own-model +1", result.stdout), trace
    assert "4 of 4 events" in result.stdout, trace
    assert re.search(r"clear +2", result.stdout), trace

    # The result: the judged conversations, in chat form.
    records = [json.loads(line) for line in (tmp_path / "refund-answers.jsonl").read_text("utf-8").splitlines()]
    assert len(records) == 5
    answers = {record["payload"]["messages"][-2]["content"]: record["properties"]["next_step"] for record in records}
    assert answers["How long does a refund take?"] == "clear"
    assert answers["Where is my refund?"] == "vague"
    assert answers["Can I get a refund after 30 days?"] == "clear"
    assert answers["When do you open?"] == "vague"
    assert any(key.startswith("__judge_") for key in records[0]["properties"])
    assert len((tmp_path / "answers.jsonl").read_text("utf-8").splitlines()) == 5


def test_the_table_of_contents_lists_every_section():
    for section in re.findall(r"^## (.+)$", GUIDE, re.MULTILINE):
        assert f"- [{section}](#{section.lower().replace(' ', '-')})" in GUIDE
