"""The example of the manual of testing that uses the official SDK."""

import re
from pathlib import Path

MANUAL = Path(__file__).parents[3] / "docs" / "testing.md"


def test_the_example_runs(mistral_local):
    examples = re.findall(r"```python\n(.*?)```", MANUAL.read_text("utf-8"), re.DOTALL)
    (example,) = [example for example in examples if "mistralai.client" in example]
    names = {}
    exec(example, names)
    names["test_with_the_official_sdk"](mistral_local)
