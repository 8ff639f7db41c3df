"""Fixtures, and a hook that runs coroutine tests with blocking and with async calls."""

from __future__ import annotations

import inspect
import signal
from collections.abc import Iterator

import pytest

from harness import COUNT, Api, Canned, Silent, Workspace, run
from mistral_datasets import Mistral
from mistral_datasets.testing import LocalWorkspace

# For the tests of the pytest plugin, which run pytest.
pytest_plugins = ["pytester"]


# A shell starts background processes with SIGINT ignored, but some tests send it.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(params=["blocking", "asyncio"])
def style(request: pytest.FixtureRequest) -> str:
    """The calling style."""
    return str(request.param)


@pytest.fixture
def api(style: str) -> Iterator[Api]:
    """A client of a local server in this process."""
    with Mistral.local() as mistral:
        yield Api(style, mistral)


@pytest.fixture
def workspace(style: str, mistral_local: LocalWorkspace) -> Workspace:
    """A client of an empty workspace, with fault injection and a request log."""
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
    """Runs a coroutine test in the style of its parameter."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    coroutine = pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names})
    run(str(pyfuncitem.callspec.params["style"]), coroutine)
    return True
