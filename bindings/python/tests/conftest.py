"""Fixtures, and how tests that are coroutines are run: once in each style of calling."""

from __future__ import annotations

import inspect
import signal
from collections.abc import Iterator

import pytest

from harness import COUNT, Api, Canned, Silent, Workspace, run
from mistral_datasets import Mistral
from mistral_datasets.testing import LocalWorkspace

# The tests of our own plugin run pytest.
pytest_plugins = ["pytester"]


# What a shell runs in the background ignores Ctrl-C, which tests press.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(params=["blocking", "asyncio"])
def style(request: pytest.FixtureRequest) -> str:
    """How calls are made."""
    return str(request.param)


@pytest.fixture
def api(style: str) -> Iterator[Api]:
    """A client of a server in this process."""
    with Mistral.local() as mistral:
        yield Api(style, mistral)


@pytest.fixture
def workspace(style: str, mistral_local: LocalWorkspace) -> Workspace:
    """A client of a workspace of its own, whose faults and journal are at hand."""
    return Workspace(style, mistral_local)


@pytest.fixture
def silent() -> Iterator[Silent]:
    server = Silent()
    yield server
    server.stop()


@pytest.fixture
def canned() -> Iterator[Canned]:
    with Canned(200, COUNT) as server:
        yield server


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Runs a test that is a coroutine in the style that its parameter says."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    case = pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names})
    run(str(pyfuncitem.callspec.params["style"]), case)
    return True
