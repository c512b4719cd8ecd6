#!/usr/bin/env python3
"""Holds the policies against the calls that the program makes: each is allowed, and nothing else.

The calls are found in the source. One that is not in the table below, that is nowhere made any more, or
that is made in a module that the table does not name, is a fault too: who makes it, then, and where to?
Those to the catalog of a table are in catalogs.py. Ends with 0 or 1.
"""

import re
import sys

import catalogs
from module import FOLDER, Module

HOST = FOLDER.parent / "host"

# Who makes calls: the function and the workers, who audits, who publishes rules, who produces events; the builder of a
# table, and what is more for those who manage it; who redrives, and who replays; and what is more for an archive.
PROGRAM, AUDITOR, PUBLISHER, PRODUCER = "sluice", "auditor", "publisher", "producer"
BUILDER, PURGE = "table_builder", "table_purge"
REDRIVER, BACKFILL = "redriver", "backfill"
ARCHIVER, ARCHIVE_READER = "archive_writer", "archive_reader"

# The calls by the name that the SDK gives them: in which modules, which actions of IAM they need, and by
# whose policy they are made. A redrive and a replay make the program's calls with policies of their own: a redrive reads no
# stream, and a replay sends no messages.
CALLS = {
    "get_object": (
        {"storage/s3"},
        {"s3:GetObject"},
        {PROGRAM, AUDITOR, PUBLISHER, BUILDER, REDRIVER, BACKFILL, ARCHIVER, ARCHIVE_READER},
    ),
    "head_object": ({"storage/s3"}, {"s3:GetObject"}, {PROGRAM, BUILDER, REDRIVER, BACKFILL, ARCHIVER}),
    "put_object": ({"storage/s3"}, {"s3:PutObject"}, {PROGRAM, PUBLISHER, BUILDER, REDRIVER, BACKFILL, ARCHIVER}),
    "delete_object": ({"storage/s3"}, {"s3:DeleteObject"}, {PUBLISHER, PURGE}),
    "list_objects_v2": (
        {"storage/s3"},
        {"s3:ListBucket"},
        {AUDITOR, PUBLISHER, BUILDER, REDRIVER, BACKFILL, ARCHIVE_READER},
    ),
    "get_queue_url": ({"sink/bus"}, {"sqs:GetQueueUrl"}, {PROGRAM, AUDITOR, REDRIVER}),
    "get_queue_attributes": ({"sink/bus"}, {"sqs:GetQueueAttributes"}, {PROGRAM, AUDITOR, REDRIVER}),
    "send_message_batch": ({"sink/bus"}, {"sqs:SendMessage"}, {PROGRAM, REDRIVER}),
    "describe_stream_summary": ({"source/kinesis"}, {"kinesis:DescribeStreamSummary"}, {PROGRAM, BACKFILL}),
    "list_shards": ({"source/kinesis"}, {"kinesis:ListShards"}, {PROGRAM, AUDITOR, BACKFILL}),
    "get_shard_iterator": ({"source/kinesis"}, {"kinesis:GetShardIterator"}, {PROGRAM, AUDITOR, BACKFILL}),
    "get_records": ({"source/kinesis"}, {"kinesis:GetRecords"}, {PROGRAM, AUDITOR, BACKFILL}),
    "put_records": ({"source/kinesis"}, {"kinesis:PutRecords"}, {PRODUCER}),
}

# What is needed beside a call of its own: keys; the right to hear 404 for an object that is not there
# (S3 says 403 to those who may not list); and what producers other than `sluice generate` call.
BESIDE = {
    PROGRAM: {"kms:Decrypt", "kms:GenerateDataKey", "s3:ListBucket"},
    AUDITOR: {"kms:Decrypt"},
    PUBLISHER: {"kms:Decrypt", "kms:GenerateDataKey"},
    PRODUCER: {"kinesis:PutRecord", "kms:GenerateDataKey"},
    BUILDER: {"kms:Decrypt", "kms:GenerateDataKey"},
    PURGE: set(),
    REDRIVER: {"kms:Decrypt", "kms:GenerateDataKey"},
    BACKFILL: {"kms:Decrypt", "kms:GenerateDataKey"},
    ARCHIVER: {"kms:Decrypt", "kms:GenerateDataKey", "s3:ListBucket"},
    ARCHIVE_READER: {"kms:Decrypt"},
}

# Which actions each policy has, and no other.
POLICIES = {
    who: beside.union(*(actions for _, actions, by in CALLS.values() if who in by))
    for who, beside in BESIDE.items()
} | {
    "mapping": {"kinesis:DescribeStream", "kinesis:DescribeStreamSummary", "sqs:SendMessage"},
    "write_logs": {"logs:CreateLogStream", "logs:PutLogEvents"},
    "pull_image": {
        "ecr:BatchCheckLayerAvailability",
        "ecr:BatchGetImage",
        "ecr:GetAuthorizationToken",
        "ecr:GetDownloadUrlForLayer",
    },
    "write_table_logs": {"logs:CreateLogStream", "logs:PutLogEvents"},
    "table_schedule": {"lambda:InvokeFunction"},
    # What Athena needs of those who query: for the workgroup and its results, and for a table in each catalog.
    "query": {
        "athena:GetQueryExecution",
        "athena:GetQueryResults",
        "athena:GetWorkGroup",
        "athena:StartQueryExecution",
        "athena:StopQueryExecution",
        "kms:Decrypt",
        "kms:GenerateDataKey",
        "s3:AbortMultipartUpload",
        "s3:GetBucketLocation",
        "s3:GetObject",
        "s3:ListBucket",
        "s3:ListMultipartUploadParts",
        "s3:PutObject",
    },
    "table_reader_glue": {
        "glue:GetDatabase",
        "glue:GetTable",
        "glue:GetTables",
        "kms:Decrypt",
        "s3:GetBucketLocation",
        "s3:GetObject",
        "s3:ListBucket",
    },
    "table_reader_s3tables": {
        "glue:GetCatalog",
        "glue:GetDatabase",
        "glue:GetTable",
        "glue:GetTables",
        "kms:Decrypt",
        "s3tables:GetNamespace",
        "s3tables:GetTable",
        "s3tables:GetTableBucket",
        "s3tables:GetTableData",
        "s3tables:GetTableMetadataLocation",
        "s3tables:ListNamespaces",
        "s3tables:ListTables",
    },
} | catalogs.policies()

# Policies that others make up together.
TOGETHER = {
    "table_manager": {BUILDER, PURGE, "table_manager_glue", "table_builder_s3tables", "table_manager_s3tables"},
    "table_reader": {"query", "table_reader_glue", "table_reader_s3tables"},
    "backfiller": {BACKFILL, ARCHIVE_READER},
}

# Where the lake and the archive are.
OF_LAKE = "${aws_s3_bucket.lake.arn}/${var.lake_prefix}/"
OF_ARCHIVE = "${aws_s3_bucket.archive[0].arn}/${local.archive_prefix}/"

# Who may do what to which objects of the registry, and to the schema next to it.
SCHEMA = "${local.schema_arn}"
PUBLISHED = {"cases/*", "components/*", "releases/*"}
REGISTRY = {
    PROGRAM: {
        "s3:GetObject": {*PUBLISHED, "active.json", SCHEMA},
        "s3:PutObject": {"active.json"},
    },
    PUBLISHER: {
        "s3:GetObject": {*PUBLISHED, "active.json"},
        "s3:PutObject": {*PUBLISHED, "active.json"},
        "s3:DeleteObject": PUBLISHED,
    },
    REDRIVER: {"s3:GetObject": {*PUBLISHED, "active.json", SCHEMA}},
    BACKFILL: {"s3:GetObject": {*PUBLISHED, "active.json", SCHEMA}},
}

# The same of the lake: below its prefix, the program reads and creates everything, schemas in `_sluice/schemas/` too. A
# builder reads what is committed. A redrive reads and creates everything, and changes its own ledgers. A replay reads the
# releases of the lake, and writes to lakes of its own.
LAKE = {
    PROGRAM: {"s3:GetObject": {"*"}, "s3:PutObject": {"*"}},
    AUDITOR: {"s3:GetObject": {"*"}},
    BUILDER: {"s3:GetObject": {"_sluice/chunks/*", "_sluice/ledger/*", "_sluice/schemas/*", "event_type=*"}},
    REDRIVER: {"s3:GetObject": {"*"}, "s3:PutObject": {"*", "_sluice/ledger/redrive-*"}},
    BACKFILL: {"s3:GetObject": {"_sluice/cases/*", "_sluice/components/*", "_sluice/releases/*"}},
}
BACKFILLS = {BACKFILL: {"s3:GetObject": {"*"}, "s3:PutObject": {"*"}}}
ARCHIVE = {
    ARCHIVER: {"s3:GetObject": {"*"}, "s3:PutObject": {"*"}},
    ARCHIVE_READER: {"s3:GetObject": {"*"}},
}

# Puts that a policy allows only with a condition in the request, whatever the policy of the bucket says: to create, or to
# change what was read.
CREATE, SWAP = "s3:if-none-match", "s3:if-match"
PUTS = {
    REDRIVER: {OF_LAKE + "*": CREATE, OF_LAKE + "_sluice/ledger/redrive-*": SWAP},
    ARCHIVER: {OF_ARCHIVE + "*": CREATE},
}

# The same of the warehouse: readers see files of tables, and not Sluice's own documents.
WAREHOUSE = {
    BUILDER: {"s3:GetObject": {"*"}, "s3:PutObject": {"*"}},
    PURGE: {"s3:DeleteObject": {"*"}},
    "table_reader_glue": {"s3:GetObject": {"${local.table_namespace}/*"}},
}
BUCKETS = {
    "registry": ("${local.registry_arn}/", REGISTRY),
    "lake": (OF_LAKE, LAKE),
    "lakes of replays": ("${aws_s3_bucket.lake.arn}/${var.backfill_prefix}/", BACKFILLS),
    "archive": (OF_ARCHIVE, ARCHIVE),
    "warehouse": ("${aws_s3_bucket.warehouse[0].arn}/${local.warehouse_prefix}/", WAREHOUSE),
    "tables of Glue": ("${local.glue_tables_arn}/", catalogs.glue_tables(POLICIES)),
}

# Which modules change objects. The policies of the buckets allow that for ledgers, active.json and signatures only, so
# all others create objects, such as schemas.
# The module `table/lease` changes a document of a warehouse, which is in no bucket of these.
SWAPS = {"ledger/document", "ledger/groups", "modes/connection_check", "release/registry", "table/lease"}

# The only action that has no resource.
WITHOUT_RESOURCE = {"ecr:GetAuthorizationToken"}

DOCUMENT = re.compile(r"data\.aws_iam_policy_document\.(\w+)")
CALL = re.compile(r"\bclient(?:\(\))?\s*\.\s*([a-z0-9_]+)\(\)")


def sources():
    """Each file's text, and its module: the first two names of its path, where a layer that is a crate is one. Files for
    tests alone, such as `test_store.rs` and `tests.rs`, are left out."""
    layers = {"storage": HOST / "crates/storage/src", "release": HOST / "crates/release/src"}
    for folder, above in [(HOST / "src", ()), *((layers[name], (name,)) for name in layers)]:
        for path in sorted(folder.rglob("*.rs")):
            if path.stem.startswith("test_") or "tests" in path.relative_to(folder).with_suffix("").parts:
                continue
            parts = (*above, *path.relative_to(folder).with_suffix("").parts)
            yield "/".join(parts[:2]), path.read_text()


def calls_in_source():
    """Which modules make which call."""
    found = {}
    for module, text in sources():
        for name in CALL.findall(text):
            if name != "clone":
                found.setdefault(name, set()).add(module)
    return found


def check_calls():
    found = calls_in_source()
    for name, places in list(found.items()):
        places.discard(catalogs.CLIENT)
        if not places:
            del found[name]
    for name in sorted(CALLS.keys() | found.keys()):
        expected = CALLS[name][0] if name in CALLS else set()
        if expected != found.get(name, set()):
            places = ", ".join(sorted(found.get(name, ()))) or "nowhere"
            yield f"{name} is called in: {places}; the table in check/iam.py says something else"


def check_sends():
    """A request that is sent in a module without a call that the table knows of was built another way."""
    known = {catalogs.CLIENT}.union(*(places for places, _, _ in CALLS.values()))
    for module, text in sources():
        if re.search(r"\.send\(\)\s*\.await", text) and module not in known:
            yield f"{module} sends a request, and the table in check/iam.py has no call in it"


def check_swaps():
    """Who changes objects is known."""
    found = {module for module, text in sources() if re.search(r"\.compare_and_swap\(", text)}
    for module in sorted(SWAPS ^ {module for module in found if not module.startswith("storage/")}):
        yield f"{module} changes objects, or does so no longer; compare check/iam.py and the policies of the buckets"


def plain(values):
    return [value.strip('"') for value in values]


def add(table, actions, pattern):
    for action in actions:
        table.setdefault(action, set()).add(pattern)


def has_condition(statement, header):
    """Whether a statement allows only requests with a header."""
    wanted = {"test": "Null", "variable": header, "values": ["false"]}
    found = [{key: plain([c[key]])[0] if key != "values" else plain(c[key]) for key in wanted} for c in statement.get("condition", [])]
    return found == [wanted]


def check_policy(name, body):
    allowed, objects = set(), {bucket: {} for bucket in BUCKETS}
    for statement in body["statement"]:
        actions, resources = plain(statement["actions"]), plain(statement["resources"])
        allowed.update(actions)
        sid = statement["sid"].strip('"')
        if "*" in "".join(actions):
            yield f"{name}/{sid}: an action with a wildcard"
        if "*" in resources and not WITHOUT_RESOURCE.issuperset(actions):
            yield f"{name}/{sid}: every resource"
        keys = {c["variable"].strip('"') for c in statement.get("condition", [])}
        if any(action.startswith("kms:") for action in actions) and "kms:ViaService" not in keys:
            yield f"{name}/{sid}: a key without kms:ViaService"
        if "s3:PutObject" in actions:
            for resource in resources:
                required = PUTS.get(name, {}).get(resource)
                if required and not has_condition(statement, required):
                    yield f"{name}/{sid}: puts of {resource} without {required}"
        for resource in resources:
            if resource == SCHEMA:
                add(objects["registry"], actions, resource)
            for bucket, (prefix, _) in BUCKETS.items():
                if resource.startswith(prefix):
                    add(objects[bucket], actions, resource.removeprefix(prefix))
    for bucket, (_, table) in BUCKETS.items():
        if objects[bucket] != table.get(name, {}):
            yield f"{name}: what it may do to the {bucket} is not what check/iam.py says: {objects[bucket]}"
    for action in sorted(POLICIES[name] - allowed):
        yield f"{name}: {action} is not allowed"
    for action in sorted(allowed - POLICIES[name]):
        yield f"{name}: {action} is allowed, and nothing needs it"


def check_roles(module):
    """Each policy of a role is one of those that are checked."""
    for (kind, name), (_, body) in module.resources.items():
        if kind in ("aws_iam_role_policy", "aws_iam_policy"):
            named = DOCUMENT.match(body["policy"].removeprefix("${"))
            if not named or named.group(1) not in POLICIES | TOGETHER:
                yield f"{kind}.{name}: a policy that is not checked"
        if kind in ("aws_iam_role_policy_attachment", "aws_iam_user", "aws_iam_policy_attachment"):
            yield f"{kind}.{name}: policies of a role are written here, not attached"


def check_together(module):
    """Policies that are made of others have these, and no statement of their own."""
    for name, parts in TOGETHER.items():
        _, body = module.data["aws_iam_policy_document", name]
        found = set(DOCUMENT.findall(str(body["source_policy_documents"])))
        if found != parts or "statement" in body:
            yield f"{name}: is made of {sorted(found)}, and check/iam.py says {sorted(parts)}"


def main():
    module = Module()
    faults = [*check_calls(), *check_sends(), *check_swaps(), *check_roles(module), *check_together(module)]
    faults += catalogs.check(sources())
    for name in POLICIES:
        faults += check_policy(name, module.data["aws_iam_policy_document", name][1])
    for fault in faults:
        print(f"iam: {fault}", file=sys.stderr)
    if not faults:
        print(f"iam: {len(CALLS)} calls, {len(catalogs.used(sources()).keys() - {catalogs.CLIENT})} of catalogs, {len(POLICIES)} policies: fine")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
