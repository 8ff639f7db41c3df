"""What type checkers make of the package."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mistral_datasets import models

HERE = Path(__file__).resolve().parent
PACKAGE = HERE.parent / "python" / "mistral_datasets"
SNIPPET = HERE / "typed_program.py"
WRONG = HERE / "typed_program_wrong.txt"


def mypy(program: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", str(program)]
    return subprocess.run(command, cwd=HERE.parent, capture_output=True, text=True, check=False)


def pyright(program: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pyright", "--pythonpath", sys.executable, str(program)]
    return subprocess.run(command, cwd=HERE.parent, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("checker", [mypy, pyright])
def test_a_typed_program_passes(checker: Callable[[Path], subprocess.CompletedProcess[str]]) -> None:
    done = checker(SNIPPET)
    assert done.returncode == 0, done.stdout


def test_every_mistake_is_found(tmp_path: Path) -> None:
    """Each line of the wrong program that is marked as such, and no other, is refused by mypy."""
    program = tmp_path / "wrong.py"
    program.write_text(WRONG.read_text("utf-8"), "utf-8")
    marked = {number for number, line in enumerate(program.read_text("utf-8").splitlines(), 1) if "# wrong" in line}
    found = {int(number) for number in re.findall(r"wrong\.py:(\d+): error", mypy(program).stdout)}
    assert marked
    assert found == marked


def test_the_surface_has_no_any() -> None:
    for name in (
        "models.pyi",
        "resources.pyi",
        "_client.py",
        "_bulk.py",
        "_pager.py",
        "_raw.py",
        "_reports.py",
        "_download.py",
        "errors.py",
    ):
        assert not re.search(r"\bAny\b", (PACKAGE / name).read_text("utf-8")), name
    # JSON alone is what nobody can know beforehand.
    assert re.findall(r"^(\w+): TypeAlias = Any$", (PACKAGE / "types.py").read_text("utf-8"), re.M) == ["JSON"]


def test_everything_is_documented() -> None:
    for name in ("models.pyi", "resources.pyi"):
        stub = (PACKAGE / name).read_text("utf-8")
        bodies = re.findall(r"\) -> [^\n]*:\n *(\S{3})", stub)
        assert len(bodies) > 50
        assert set(bodies) == {'"""'}
    for name in models.__all__:
        model: type = getattr(models, name)
        for member, value in vars(model).items():
            assert member.startswith("_") or value.__doc__, f"{name}.{member}"


def test_the_package_says_that_it_is_typed() -> None:
    assert (PACKAGE / "py.typed").exists()
