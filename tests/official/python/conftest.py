import asyncio
import uuid

import pytest
from mistralai.client import Mistral

from workspace import SERVER_URL, STYLES, Workspace


def pytest_configure():
    if not SERVER_URL:
        raise pytest.UsageError("set MISTRAL_SERVER_URL to the URL of `mistral-datasets serve`")


@pytest.fixture(params=STYLES)
def api(request):
    """A workspace with its own API key, in each style."""
    key = uuid.uuid4().hex
    client = Mistral(api_key=key, server_url=SERVER_URL)
    if request.param == "blocking":
        with client:
            yield Workspace(client, key, request.param, None)
    else:
        loop = asyncio.new_event_loop()
        run = loop.run_until_complete
        run(client.__aenter__())
        yield Workspace(client, key, request.param, run)
        run(client.__aexit__(None, None, None))
        loop.close()


@pytest.fixture
def dataset(api):
    return api.create_dataset()
