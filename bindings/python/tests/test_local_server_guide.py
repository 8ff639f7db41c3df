"""Runs the Python example of the local server guide."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from mistral_datasets.testing import LocalServer

GUIDE = Path(__file__).parents[3] / "docs" / "local-server.md"
URL = "http://127.0.0.1:7700"


def test_example_runs() -> None:
    [block] = re.findall(r"```python\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    assert URL in block
    with LocalServer() as server:
        # In the guide, this conversation comes from the seed file.
        server.workspace("my-python-test").insert_conversations([{"conversation_id": "conversation-1", "messages": []}])
        result = subprocess.run(
            [sys.executable, "-c", block.replace(URL, server.url)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert result.returncode == 0, result.stderr
