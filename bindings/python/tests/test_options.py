"""Invalid options."""

from __future__ import annotations

import pytest

from harness import Workspace, error_of
from mistral_datasets import RetryPolicy, errors


async def test_invalid_options_are_rejected(workspace: Workspace) -> None:
    class RetryConfig:
        """A class of another package."""

    for wrong in (RetryConfig(), "5", 2.5, True):
        with pytest.raises(TypeError, match=r"retries: expected mistral_datasets\.RetryPolicy"):
            await workspace.datasets.list(retries=wrong)
    with pytest.raises(TypeError, match="http_headers"):
        await workspace.datasets.list(http_headers="X-Team: blue")
    for options in ({"timeout_ms": 0}, {"http_headers": {"authorization": "x"}}, {"server_url": "nowhere"}):
        assert isinstance(await error_of(workspace.datasets.list, **options), errors.ConfigurationError)
    with pytest.raises(ValueError, match="first_delay: expected a duration of at least 0 seconds, found -1"):
        RetryPolicy(first_delay=-1)
    assert await workspace.datasets.list(retries=None, timeout_ms=None) == await workspace.datasets.list()
