"""Reads the bus of Sluice: all kinds of messages, in SQS or in a folder, each event once.

    consumer.py sqs QUEUE_URL [--database FILE] [--exit-when-empty] [--forget-after-days DAYS]
    consumer.py folder DIR [--database FILE] [--forget-after-days DAYS]
    consumer.py print [--database FILE]

`sqs` and `folder` add each event to the table `events` of an SQLite file. `print` writes that table as lines of JSON.

As a library: `events(message, lake)` reads the events of a message. `Seen` drops repeats. `consume` is the loop over a queue,
and `batch_failures` is what a Lambda function returns. docs/consumers.md explains why.

It needs `boto3`, and `zstandard` for objects of the lake that are compressed with zstd.
"""

import argparse
import gzip
import json
import logging
import pathlib
import re
import sqlite3
import time
from typing import NamedTuple

LOG = logging.getLogger("consumer")

# The longest that SQS waits for messages, and the shortest that asks all of its servers, in seconds.
LONG_POLL, SHORT_POLL = 20, 1

# Numbers stay text: Python does not convert integers of thousands of digits.
JSON = json.JSONDecoder(parse_int=str, parse_float=str)
SPACE = re.compile(r"[ \t\r\n]*")


class Event(NamedTuple):
    """An event, with what identifies it: `rid` and `event`."""

    rid: str  # the id of its record; of an event in an object, the URL of the object
    event: int  # its number among the events of the record; of an event in an object, its line
    partition: str  # of a message about one event in SQS, only the part `event_type=…`, if there is one
    release: str
    body: str  # its JSON as it stands in the lake, with all digits of its numbers


def events(message, lake):
    """The events of a message: one of `receive_message`, one of a Lambda event, or a line of a bus in a folder."""
    if isinstance(message, str):
        yield from _of_line(message, lake)
        return
    body = message["Body"] if "Body" in message else message["body"]
    if _attribute(message, "packed") == "true":
        yield from _of_pack(body)
        return
    rid = _attribute(message, "rid")
    if rid is None:
        yield from _of_object(body, lake)
        return
    event_type = _attribute(message, "event_type")
    partition = "" if event_type is None else f"event_type={_as_in_the_lake(event_type)}"
    if _attribute(message, "pointer") == "true":
        pointer = json.loads(body)
        body = lake.lines(pointer["object"])[pointer["line"]]
    yield Event(rid, int(_attribute(message, "event")), partition, _attribute(message, "release"), body)


def _as_in_the_lake(event_type):
    """The attribute `event_type` as the lake's path has it.

    SQS rejects U+FFFE and U+FFFF, so the attribute has their bytes instead. A `%` of the event itself is `%25` in both.
    """
    return event_type.replace("%EF%BF%BE", "\ufffe").replace("%EF%BF%BF", "\uffff")


def _attribute(message, name):
    """Of a message of `receive_message` or of a Lambda event: the second has lower initials."""
    attributes = message.get("MessageAttributes") or message.get("messageAttributes") or {}
    attribute = attributes.get(name, {})
    return attribute.get("StringValue", attribute.get("stringValue"))


def _of_line(line, lake):
    members = {name: line[start:end] for name, start, end in _values(line, 0)}
    if "events" in members:
        yield from _of_pack(line)
    elif "rid" in members:
        text = {name: json.loads(members[name]) for name in ("rid", "event", "partition", "release")}
        yield Event(**text, body=members["body"])
    else:
        yield from _of_object(line, lake)


def _of_pack(body):
    members = {name: (start, end) for name, start, end in _values(body, 0)}
    partition, release, count = (json.loads(body[slice(*members[name])]) for name in ("partition", "release", "count"))
    found = 0
    for _, start, _ in _values(body, members["events"][0]):
        entry = {name: body[first:last] for name, first, last in _values(body, start)}
        yield Event(json.loads(entry["rid"]), int(entry["event"]), partition, release, entry["body"])
        found += 1
    if found != count:
        raise ValueError(f"a packed message of {count} events has {found}")


def _of_object(body, lake):
    """A message about an object has no ids of records. An object never changes, so its URL and a line identify an event."""
    message = json.loads(body)
    bucket, key = message.get("bucket"), message["key"]
    url = f"file:{key}" if bucket is None else f"s3://{bucket}/{key}"
    for number, line in enumerate(lake.lines(url)):
        yield Event(url, number, message["partition"], message["release"], line)


def _values(text, start):
    """Where the values of the object or the array at `start` are in the text: (name, start, end), without a name in an array.

    So an event keeps its digits, the order of its members and its white space.
    """
    is_object = text[start] == "{"
    at = SPACE.match(text, start + 1).end()
    while text[at] not in "}]":
        name = None
        if is_object:
            name, at = JSON.raw_decode(text, at)
            at = SPACE.match(text, SPACE.match(text, at).end() + 1).end()
        _, end = JSON.raw_decode(text, at)
        yield name, at, end
        at = SPACE.match(text, end).end()
        if text[at] == ",":
            at = SPACE.match(text, at + 1).end()


class Lake:
    """Reads objects of the lake, in S3 or in a folder. The last one is kept, because pointers to one object follow each other."""

    def __init__(self, s3=None):
        self.s3 = s3
        self.last = (None, [])

    def lines(self, url):
        """The events of an object, `s3://BUCKET/KEY` or `file:PATH`, as text."""
        if self.last[0] != url:
            text = self._decode(url, self._read(url)).decode()
            self.last = (url, text.removesuffix("\n").split("\n"))
        return self.last[1]

    def _read(self, url):
        if url.startswith("file:"):
            return pathlib.Path(url.removeprefix("file:")).read_bytes()
        bucket, key = url.removeprefix("s3://").split("/", 1)
        if self.s3 is None:
            import boto3  # only here: a folder needs no package

            self.s3 = boto3.client("s3")
        return self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    @staticmethod
    def _decode(url, content):
        if url.endswith(".ndjson"):
            return content
        if url.endswith(".ndjson.gz"):
            return gzip.decompress(content)
        if url.endswith(".ndjson.zst"):
            import zstandard  # only here: other objects need no package

            return zstandard.ZstdDecompressor().stream_reader(content, read_across_frames=True).read()
        raise ValueError(f"{url} has no lines: docs/consumers.md says how to read an event from a row of Parquet")


class Seen:
    """The events that were handled, in a file of SQLite.

    An event is noted in the same transaction in which it is handled. So what `handle` writes to this database is written once,
    even if the process is killed.
    """

    def __init__(self, file):
        self.database = sqlite3.connect(file, timeout=60, isolation_level=None)
        self.database.execute("PRAGMA journal_mode = WAL")
        self.database.execute(
            "CREATE TABLE IF NOT EXISTS seen "
            "(rid TEXT, event INTEGER, at INTEGER NOT NULL, PRIMARY KEY (rid, event)) WITHOUT ROWID"
        )

    def handle_once(self, events, handle):
        """Calls `handle(database, event)` for each event that was not seen: for all of them, or for none if one fails.

        Returns how many events were new, and how many were repeats.
        """
        new = repeats = 0
        self.database.execute("BEGIN IMMEDIATE")
        try:
            for event in events:
                row = (event.rid, event.event, int(time.time()))
                if self.database.execute("INSERT OR IGNORE INTO seen VALUES (?, ?, ?)", row).rowcount == 1:
                    handle(self.database, event)
                    new += 1
                else:
                    repeats += 1
        except BaseException:
            self.database.execute("ROLLBACK")
            raise
        self.database.execute("COMMIT")
        return new, repeats

    def forget(self, older_than):
        """Forgets what was seen more than this many seconds ago. Returns how many events that were."""
        before = int(time.time() - older_than)
        return self.database.execute("DELETE FROM seen WHERE at < ?", (before,)).rowcount


def handle_messages(messages, handle):
    """Calls `handle(message)` for each message, and returns those that it handled and the others.

    If it fails, later messages of the same group are not tried: they must not overtake the one that failed.
    """
    handled, others, failed_groups = [], [], set()
    for message in messages:
        attributes = message.get("Attributes") or message.get("attributes") or {}
        group = attributes.get("MessageGroupId")
        if group in failed_groups:
            others.append(message)
            continue
        try:
            handle(message)
        except Exception:  # noqa: BLE001: it comes again, and then goes to the dead-letter queue
            LOG.exception("message %s was not handled", message.get("MessageId") or message.get("messageId"))
            others.append(message)
            if group is not None:
                failed_groups.add(group)
        else:
            handled.append(message)
    return handled, others


def consume(sqs, queue_url, lake, seen, handle, exit_when_empty=False):
    """Receives messages, handles their events once, and deletes the messages. What is not handled comes again.

    Returns the numbers of new events, repeats, and messages that were not handled. Without `exit_when_empty` it does not end.
    """
    new = repeats = failed = 0

    def handle_message(message):
        nonlocal new, repeats
        counts = seen.handle_once(events(message, lake), handle)
        new, repeats = new + counts[0], repeats + counts[1]

    while True:
        received = sqs.receive_message(
            QueueUrl=queue_url,
            MaxNumberOfMessages=10,
            WaitTimeSeconds=SHORT_POLL if exit_when_empty else LONG_POLL,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["MessageGroupId"],
        ).get("Messages", [])
        if exit_when_empty and not received:
            return new, repeats, failed
        handled, others = handle_messages(received, handle_message)
        failed += len(others)
        delete(sqs, queue_url, handled)


def delete(sqs, queue_url, messages):
    """Deletes up to ten messages. One that is not deleted comes again, and its events are dropped as repeats."""
    if not messages:
        return
    entries = [{"Id": str(n), "ReceiptHandle": message["ReceiptHandle"]} for n, message in enumerate(messages)]
    for failure in sqs.delete_message_batch(QueueUrl=queue_url, Entries=entries).get("Failed", []):
        LOG.warning("message %s was not deleted: %s", messages[int(failure["Id"])]["MessageId"], failure.get("Message"))


def batch_failures(event, handle):
    """What a Lambda function returns whose mapping has `ReportBatchItemFailures`: only failed messages come again."""
    _, others = handle_messages(event["Records"], handle)
    return {"batchItemFailures": [{"itemIdentifier": message["messageId"]} for message in others]}


def keep(database, event):
    """Adds an event to the table `events`: put here what you do with an event."""
    database.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?)", event)


def read_folder(folder, lake, seen, handle):
    """Handles all that is in a folder. A file is complete and never changes, so it is handled as a unit."""
    new = repeats = 0
    for file in sorted(pathlib.Path(folder).glob("*.ndjson")):
        lines = file.read_text(encoding="utf-8").removesuffix("\n").split("\n")
        of_file = (event for line in lines if line for event in events(line, lake))
        counts = seen.handle_once(of_file, handle)
        new, repeats = new + counts[0], repeats + counts[1]
    return new, repeats, 0


def main():
    parser = argparse.ArgumentParser(description="Read the bus of Sluice, each event once.")
    parser.add_argument("action", choices=("sqs", "folder", "print"))
    parser.add_argument("bus", nargs="?", help="the URL of the queue, or the folder")
    parser.add_argument("--database", default="consumer.sqlite", help="the file of SQLite; default: consumer.sqlite")
    parser.add_argument("--exit-when-empty", action="store_true", help="end when the queue has no message")
    parser.add_argument("--forget-after-days", type=float, default=30, help="days to remember an event; default: 30")
    args = parser.parse_args()
    if (args.bus is None) != (args.action == "print"):
        parser.error("give the URL of a queue after `sqs`, a folder after `folder`, and nothing after `print`")
    logging.basicConfig()
    seen = Seen(args.database)
    columns = "rid TEXT, event INTEGER, partition TEXT, release TEXT, body TEXT"
    seen.database.execute(f"CREATE TABLE IF NOT EXISTS events ({columns})")
    if args.action == "print":
        for row in seen.database.execute("SELECT * FROM events ORDER BY rowid"):
            print(json.dumps(Event(*row)._asdict()))
        return
    seen.forget(args.forget_after_days * 24 * 60 * 60)
    if args.action == "folder":
        counts = read_folder(args.bus, Lake(), seen, keep)
    else:
        import boto3

        counts = consume(boto3.client("sqs"), args.bus, Lake(), seen, keep, args.exit_when_empty)
    print("{} new events, {} repeats, {} messages not handled".format(*counts))
    if counts[2]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
