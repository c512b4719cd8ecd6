"""The enrichment as a Lambda function in Python: records of Kinesis in, entries of PutRecords out.

    handler.py EVENTS

gives the events of a file to the handler, 1,000 a call, and prints what a record takes.
"""

import base64
import json
import sys
import time
from datetime import datetime, timezone

RECORDS = 1_000
ROUNDS = 5


def enrich(event):
    if not isinstance(event["event_uuid"], str):
        raise ValueError("event_uuid: expected a string")
    names = event["event_name"].split(":")
    created = datetime.fromtimestamp(event["created_at"], timezone.utc)
    event["created_datetime"] = created.isoformat().replace("+00:00", "Z")
    event["event_type"] = names[0]
    event["event_subtype"] = names[1] if len(names) > 1 else None
    return event


def handler(batch, _context):
    entries, failures = [], []
    for record in batch["Records"]:
        kinesis = record["kinesis"]
        try:
            event = enrich(json.loads(base64.b64decode(kinesis["data"])))
        except (KeyError, TypeError, ValueError):
            failures.append({"itemIdentifier": kinesis["sequenceNumber"]})
            continue
        data = json.dumps(event, separators=(",", ":")).encode()
        entries.append({"Data": data, "PartitionKey": event["event_type"]})
    return entries, {"batchItemFailures": failures}


def batches(lines):
    for first in range(0, len(lines), RECORDS):
        yield {
            "Records": [
                {
                    "eventSource": "aws:kinesis",
                    "kinesis": {
                        "partitionKey": str(number),
                        "sequenceNumber": str(number),
                        "data": base64.b64encode(line).decode(),
                    },
                }
                for number, line in enumerate(lines[first : first + RECORDS])
            ]
        }


def main(path):
    with open(path, "rb") as file:
        given = list(batches(file.read().splitlines()))
    times = []
    for _ in range(ROUNDS):
        begun, handled = time.perf_counter_ns(), 0
        for batch in given:
            entries, answer = handler(batch, None)
            assert not answer["batchItemFailures"]
            handled += len(entries)
        times.append((time.perf_counter_ns() - begun) / handled)
    print(json.dumps({"ns": sorted(times)[len(times) // 2]}))


if __name__ == "__main__":
    main(sys.argv[1])
