#!/usr/bin/env python3
"""Holds the policies against the calls that the program makes: each is allowed, and nothing else.

The calls are found in the source. One that is not in the table below, or that is nowhere made any
more, is a fault too. Ends with 0 or 1.
"""

import re
import sys

from module import FOLDER, Module

SOURCE = FOLDER.parent / "host" / "src"

# The calls by the name that the SDK gives them: in which files, and which actions of IAM they need.
CALLS = {
    "get_object": ({"sink/s3.rs", "ledger/s3.rs"}, {"s3:GetObject"}),
    "head_object": ({"sink/s3.rs"}, {"s3:GetObject"}),
    "put_object": ({"sink/s3.rs", "ledger/s3.rs"}, {"s3:PutObject"}),
    "get_queue_url": ({"sink/sqs.rs"}, {"sqs:GetQueueUrl"}),
    "get_queue_attributes": ({"sink/sqs.rs"}, {"sqs:GetQueueAttributes"}),
    "send_message_batch": ({"sink/sqs.rs"}, {"sqs:SendMessage"}),
    "list_shards": ({"source/kinesis/api.rs"}, {"kinesis:ListShards"}),
    "get_shard_iterator": ({"source/kinesis/api.rs"}, {"kinesis:GetShardIterator"}),
    "get_records": ({"source/kinesis/api.rs"}, {"kinesis:GetRecords"}),
}

# `sluice generate` only, which runs with a producer's role.
PRODUCER_CALLS = {"put_records": ({"source/kinesis/api.rs"}, {"kinesis:PutRecords"})}

# What is needed beside a call of its own: keys, and the right to hear 404 for an object that is not
# there (S3 says 403 to those who may not list).
BESIDE = {"kms:Decrypt", "kms:GenerateDataKey", "s3:ListBucket"}

# Which actions each policy has, and no other.
POLICIES = {
    "sluice": set().union(BESIDE, *(actions for _, actions in CALLS.values())),
    "producer": {"kinesis:PutRecord", "kinesis:PutRecords", "kms:GenerateDataKey"},
    "mapping": {"kinesis:DescribeStream", "kinesis:DescribeStreamSummary", "sqs:SendMessage"},
    "write_logs": {"logs:CreateLogStream", "logs:PutLogEvents"},
    "pull_image": {
        "ecr:BatchCheckLayerAvailability",
        "ecr:BatchGetImage",
        "ecr:GetAuthorizationToken",
        "ecr:GetDownloadUrlForLayer",
    },
}

# The only action that has no resource.
WITHOUT_RESOURCE = {"ecr:GetAuthorizationToken"}

CALL = re.compile(r"\bclient(?:\(\))?\s*\.\s*([a-z_]+)\(\)")


def calls_in_source():
    """Which files make which call."""
    found = {}
    for path in sorted(SOURCE.rglob("*.rs")):
        for name in CALL.findall(path.read_text()):
            if name != "clone":
                found.setdefault(name, set()).add(path.relative_to(SOURCE).as_posix())
    return found


def check_calls():
    table, found = CALLS | PRODUCER_CALLS, calls_in_source()
    for name in sorted(table.keys() | found.keys()):
        expected = table.get(name, (set(), set()))[0]
        if expected != found.get(name, set()):
            files = ", ".join(sorted(found.get(name, ()))) or "nowhere"
            yield f"{name} is called in: {files}; the table in check/iam.py says something else"


def plain(values):
    return [value.strip('"') for value in values]


def check_policy(name, body):
    allowed = set()
    for statement in body["statement"]:
        actions = plain(statement["actions"])
        allowed.update(actions)
        sid = statement["sid"].strip('"')
        if "*" in "".join(actions):
            yield f"{name}/{sid}: an action with a wildcard"
        if "*" in plain(statement["resources"]) and not WITHOUT_RESOURCE.issuperset(actions):
            yield f"{name}/{sid}: every resource"
        keys = {c["variable"].strip('"') for c in statement.get("condition", [])}
        if any(action.startswith("kms:") for action in actions) and "kms:ViaService" not in keys:
            yield f"{name}/{sid}: a key without kms:ViaService"
    for action in sorted(POLICIES[name] - allowed):
        yield f"{name}: {action} is not allowed"
    for action in sorted(allowed - POLICIES[name]):
        yield f"{name}: {action} is allowed, and nothing needs it"


def check_roles(module):
    """Each policy of a role is one of those that are checked."""
    for (kind, name), (_, body) in module.resources.items():
        if kind in ("aws_iam_role_policy", "aws_iam_policy"):
            named = re.match(r"\$\{data\.aws_iam_policy_document\.(\w+)", body["policy"])
            if not named or named.group(1) not in POLICIES:
                yield f"{kind}.{name}: a policy that is not checked"
        if kind in ("aws_iam_role_policy_attachment", "aws_iam_user", "aws_iam_policy_attachment"):
            yield f"{kind}.{name}: policies of a role are written here, not attached"


def main():
    module = Module()
    faults = list(check_calls()) + list(check_roles(module))
    for name in POLICIES:
        faults += check_policy(name, module.data["aws_iam_policy_document", name][1])
    for fault in faults:
        print(f"iam: {fault}", file=sys.stderr)
    if not faults:
        print(f"iam: {len(CALLS) + len(PRODUCER_CALLS)} calls, {len(POLICIES)} policies: fine")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
