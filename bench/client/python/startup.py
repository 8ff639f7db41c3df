"""Measures how long a new process takes to import a client and create it.

    python startup.py baseline | official | plain | ours  SERVER_URL API_KEY

Nothing else is imported before the measurement starts.
"""

import sys
import time

client, server_url, api_key = sys.argv[1:]
wall, cpu = time.perf_counter(), time.process_time()
if client == "official":
    from mistralai.client import Mistral

    call = Mistral(api_key=api_key, server_url=server_url).beta.observability.datasets.list
elif client == "ours":
    from mistral_datasets import Mistral

    call = Mistral(api_key=api_key, server_url=server_url).beta.observability.datasets.list
elif client == "plain":
    import httpx

    http = httpx.Client(base_url=server_url, headers={"authorization": f"Bearer {api_key}"})

    def call():
        return http.get("/v1/observability/datasets").json()
else:

    def call():
        return None


measured = {"wall_seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}
# The client must work; this call is not measured.
call()


def report() -> None:
    """Prints the measurements. Its imports must not count."""
    import json

    from measure import memory

    print(json.dumps({"records": 0, **measured, **memory()}))


report()
