"""Runs the example of the testing guide that uses the official SDK."""

import re
from pathlib import Path

GUIDE = Path(__file__).parents[3] / "docs" / "testing.md"


def test_guide_example(mistral_local):
    examples = re.findall(r"```python\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    (example,) = [example for example in examples if "mistralai.client" in example]
    names = {}
    exec(example, names)
    names["test_with_the_official_sdk"](mistral_local)
