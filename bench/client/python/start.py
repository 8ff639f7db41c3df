"""Measures the time from process start until the first call can be made, and until its response arrives.

    python start.py bare | official | plain | ours  SERVER_URL API_KEY

`bare` makes no call and measures the interpreter alone. Everything else is imported after the clock starts.
"""

import sys
import time

package, server_url, api_key = sys.argv[1:]
wall, cpu = time.perf_counter(), time.process_time()
if package == "official":
    from mistralai.client import Mistral

    call = Mistral(api_key=api_key, server_url=server_url).beta.observability.datasets.list
elif package == "ours":
    from mistral_datasets import Mistral

    call = Mistral(api_key=api_key, server_url=server_url).beta.observability.datasets.list
elif package == "plain":
    import httpx

    client = httpx.Client(base_url=server_url, headers={"authorization": f"Bearer {api_key}"})

    def call():
        return client.get("/v1/observability/datasets").json()
else:

    def call():
        return None


measured = {"wall_seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}
call()
measured["response_seconds"] = time.perf_counter() - wall


def report() -> None:
    """Prints the measurements. Its imports run after the clock has stopped."""
    import json

    from measure import memory

    print(json.dumps({"records": 0, **measured, **memory()}))


report()
