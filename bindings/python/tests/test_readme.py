"""Runs the Python code blocks of the READMEs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

BLOCKS = [
    pytest.param(block, id=f"{readme}-{number}")
    for readme in ("README.md", "bindings/python/README.md")
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", (ROOT / readme).read_text("utf-8"), re.DOTALL))
]


def test_readmes_have_code_blocks() -> None:
    assert len(BLOCKS) >= 2


@pytest.mark.parametrize("block", BLOCKS)
def test_code_block_runs(block: str, tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", block], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip(), "the block prints nothing"
