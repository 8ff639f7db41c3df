"""Runs the Python examples and the commands of the testing guide."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from harness import ROOT
from mistral_datasets.testing import LocalServer

GUIDE = (ROOT / "docs" / "testing.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    """Returns the code blocks in a language."""
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)


# Examples with the official SDK run in `tests/official`.
EXAMPLES = [block for block in blocks("python") if "mistralai" not in block]


def test_guide_has_examples() -> None:
    assert len(EXAMPLES) >= 4


@pytest.mark.parametrize("block", EXAMPLES)
def test_example_runs(block: str, pytester: pytest.Pytester) -> None:
    tests = len(re.findall(r"^def test_", block, re.MULTILINE))
    if not tests:
        assert pytester.runpython(pytester.makepyfile(block)).ret == 0
        return
    pytester.makepyfile(block)
    pytester.runpytest_subprocess("-p", "no:asyncio").assert_outcomes(passed=tests)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_commands_run(mistral_local_server: LocalServer) -> None:
    (commands,) = blocks("sh")
    host = "http://127.0.0.1:7700"
    assert host in commands
    script = commands.replace(host, mistral_local_server.url)
    result = subprocess.run(["sh", "-ec", script], capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stderr
    assert '"operation":"create_dataset"' in result.stdout
