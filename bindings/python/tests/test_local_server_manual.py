"""The Python example of the local server's manual runs as it stands there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from mistral_datasets.testing import LocalServer

MANUAL = Path(__file__).parents[3] / "docs" / "local-server.md"
URL = "http://127.0.0.1:7700"


def test_the_example_does_what_it_says() -> None:
    [block] = re.findall(r"```python\n(.*?)```", MANUAL.read_text("utf-8"), re.DOTALL)
    assert URL in block
    with LocalServer() as server:
        # The manual's server has this of its seed.
        server.workspace("my-python-test").insert_conversations([{"conversation_id": "conversation-1", "messages": []}])
        done = subprocess.run(
            [sys.executable, "-c", block.replace(URL, server.url)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stderr
