"""Gives the messages of a queue to a Lambda function as its event source mapping does, and prints the events that the function
has kept.

usage: function.py QUEUE_URL RID

The function fails at its first attempt at the event of the record RID. What it reports is made visible again; all else is deleted.
"""

import json
import sys

import boto3
import consumer


def record(message):
    """A message as the event of a function has it."""
    attributes = message.get("MessageAttributes", {})
    lower = {
        name: {"stringValue": value["StringValue"], "dataType": value["DataType"]} for name, value in attributes.items()
    }
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": lower,
        "eventSource": "aws:sqs",
    }


def main():
    queue_url, failing = sys.argv[1:]
    lake, seen = consumer.Lake(), consumer.Seen("function.sqlite")
    seen.database.execute("CREATE TABLE events (rid TEXT, event INTEGER, partition TEXT, release TEXT, body TEXT)")
    attempts = 0

    def keep(database, event):
        nonlocal attempts
        consumer.keep(database, event)
        if event.rid == failing:
            attempts += 1
            if attempts == 1:
                raise ValueError("at its first attempt")

    def handle(message):
        seen.handle_once(consumer.events(message, lake), keep)

    sqs = boto3.client("sqs")
    while True:
        received = sqs.receive_message(
            QueueUrl=queue_url,
            MaxNumberOfMessages=10,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
            VisibilityTimeout=600,
        ).get("Messages", [])
        if not received:
            break
        response = consumer.batch_failures({"Records": [record(message) for message in received]}, handle)
        failed = {failure["itemIdentifier"] for failure in response["batchItemFailures"]}
        consumer.delete(sqs, queue_url, [message for message in received if message["MessageId"] not in failed])
        for message in received:
            if message["MessageId"] in failed:
                sqs.change_message_visibility(
                    QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
                )
    assert attempts == 2, attempts
    for row in seen.database.execute("SELECT * FROM events ORDER BY rowid"):
        print(json.dumps(consumer.Event(*row)._asdict()))


main()
