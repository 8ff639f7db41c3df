"""Type checking of the package and of programs that use it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from mistral_datasets import models

HERE = Path(__file__).resolve().parent
PACKAGE = HERE.parent / "python" / "mistral_datasets"
PROGRAM = HERE / "typed_program.py"
WRONG_PROGRAM = HERE / "typed_program_wrong.txt"


def mypy(program: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", str(program)]
    return subprocess.run(command, cwd=HERE.parent, capture_output=True, text=True, check=False)


def pyright(program: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pyright", "--pythonpath", sys.executable, str(program)]
    return subprocess.run(command, cwd=HERE.parent, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("checker", [mypy, pyright])
def test_typed_program_passes(checker: Callable[[Path], subprocess.CompletedProcess[str]]) -> None:
    result = checker(PROGRAM)
    assert result.returncode == 0, result.stdout


def test_every_type_error_is_found(tmp_path: Path) -> None:
    """mypy reports exactly the marked lines."""
    program = tmp_path / "wrong.py"
    program.write_text(WRONG_PROGRAM.read_text("utf-8"), "utf-8")
    marked = {number for number, line in enumerate(program.read_text("utf-8").splitlines(), 1) if "# wrong" in line}
    found = {int(number) for number in re.findall(r"wrong\.py:(\d+): error", mypy(program).stdout)}
    assert marked
    assert found == marked


def test_public_types_do_not_use_any() -> None:
    for name in (
        "models.pyi",
        "resources.py",
        "_client.py",
        "_task.py",
        "_bulk.py",
        "_pager.py",
        "_raw.py",
        "_reports.py",
        "_download.py",
        "errors.py",
    ):
        code = re.sub(r'""".*?"""', "", (PACKAGE / name).read_text("utf-8"), flags=re.DOTALL)
        assert not re.search(r"\bAny\b", code), name
    # `JSON` is the only alias of `Any`.
    assert re.findall(r"^(\w+): TypeAlias = Any$", (PACKAGE / "types.py").read_text("utf-8"), re.M) == ["JSON"]


def test_public_api_is_documented() -> None:
    stub = (PACKAGE / "models.pyi").read_text("utf-8")
    bodies = re.findall(r"\) -> [^\n]*:\n *(\S{3})", stub)
    assert len(bodies) > 50
    assert set(bodies) == {'"""'}
    for name in models.__all__:
        model: type = getattr(models, name)
        if not isinstance(cast("object", model), type):
            # The alias of a union.
            continue
        for attribute, value in vars(model).items():
            assert attribute.startswith("_") or value.__doc__, f"{name}.{attribute}"


def test_package_has_a_py_typed_marker() -> None:
    assert (PACKAGE / "py.typed").exists()
