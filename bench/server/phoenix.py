"""Uploads records to Phoenix as a dataset and reads them back; prints both durations as a line of JSON."""

import json
import sys
import time
from pathlib import Path

import httpx

url, path = sys.argv[1:]
with Path(path).open(encoding="utf-8") as file:
    conversations = [json.loads(line)["payload"]["messages"] for line in file]

with httpx.Client(base_url=url, timeout=600) as client:
    started = time.perf_counter()
    upload = {
        "action": "create",
        "name": "benchmark",
        "inputs": [{"messages": messages[:-1]} for messages in conversations],
        "outputs": [{"message": messages[-1]} for messages in conversations],
    }
    response = client.post("/v1/datasets/upload", params={"sync": "true"}, json=upload).raise_for_status()
    import_seconds = time.perf_counter() - started

    started = time.perf_counter()
    dataset_id = response.json()["data"]["dataset_id"]
    read = client.get(f"/v1/datasets/{dataset_id}/examples").raise_for_status()
    read_seconds = time.perf_counter() - started
    records = len(read.json()["data"]["examples"])

print(json.dumps({"records": records, "import_seconds": import_seconds, "read_seconds": read_seconds}))
