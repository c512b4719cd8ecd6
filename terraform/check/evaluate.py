#!/usr/bin/env python3
"""Evaluates every expression of the module with Terraform itself, in both modes, without the provider.

Outputs stay outputs. Each resource becomes a plain object in a scratch folder, and what it takes from other resources a text
in its place. So types of variables, validations, functions, conditions and loops are all tried.

Usage: evaluate.py TERRAFORM. Ends with 0 or 1.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from module import FOLDER, Module
from schema import META_ARGUMENTS, contents, is_block_body

REFERENCE = re.compile(r"(?<![\w.\"])(?:data\.)?aws_\w+\.\w+(\[[^\]]*\])?(\.\w+)?")
LOCALS = re.compile(r"^locals \{\n.*?^\}", re.M | re.S)

BASE = 'region = "us-east-1"\nlambda_zip = "main.tf"\n'
EXAMPLE = BASE + 'extra_columns = [{ name = "user_id", type = "string" }]\n'
CONTAINER = (
    'mode = "container"\ncontainer_image = "sluice"\nvpc_id = "vpc-1"\nsubnet_ids = ["subnet-1"]\n'
    'container_repository_arn = "arn:aws:ecr:us-east-1:123456789012:repository/sluice"\n'
)
MORE = (
    'partition_by_date = true\nevent_types = ["lesson", "payment"]\nlake_tiering = "infrequent"\n'
    "lake_expire_days = 400\nquarantine_expire_days = 90\nstream_shards = 4\nlog_encryption = false\n"
)
PACKED = 'bus_messages = "packed"\n'
PACKED_MORE = PACKED + "bus_message_bytes = 65536\nbus_queue_message_bytes = 262144\n"
PARQUET = 'format = "parquet"\n'
SCHEMA = PARQUET + 'schema = "schema.json"\n'
SCRAPED = 'scraper_security_group_ids = ["sg-1"]\n'
GLUE = 'table = "glue"\n'
S3TABLES = 'table = "s3tables"\n'
TASK = CONTAINER.replace('mode = "container"', 'table_builder = "container"')
TABLE_MORE = (
    'table_name = "lessons"\ntable_minutes = 1\ntable_memory_mb = 4096\ntable_scratch_mb = 10240\ntable_reserve_concurrency = false\n'
    'table_environment = { SLUICE_TABLE_FILE_SIZE = "64MiB" }\ntable_lag_alarm_seconds = 900\nlake_expire_days = 14\n'
)
ARCHIVE = "archive = true\n"
ARCHIVE_MORE = ARCHIVE + "archive_instant_days = 30\narchive_expire_days = 365\n"
PEOPLE = (
    'publisher_principal_arns = ["arn:aws:iam::123456789012:role/release"]\n'
    'auditor_principal_arns = ["arn:aws:iam::123456789012:user/ann"]\nredriver_principal_arns = ["arn:aws:iam::123456789012:user/ann"]\n'
    'release_public_key = "-----BEGIN PUBLIC KEY-----\\nMCow\\n-----END PUBLIC KEY-----"\n'
)

# Values that are accepted, and values that a validation must reject.
FINE = {
    "lambda": EXAMPLE,
    "lambda, more": EXAMPLE + MORE,
    "lambda, people": EXAMPLE + PEOPLE,
    "container": EXAMPLE + CONTAINER,
    "container, more": EXAMPLE + CONTAINER + MORE + SCRAPED,
    "packed messages": EXAMPLE + PACKED,
    "packed messages of workers, more": EXAMPLE + CONTAINER + PACKED_MORE,
    "an archive": EXAMPLE + ARCHIVE,
    "an archive of workers, more": EXAMPLE + CONTAINER + PEOPLE + ARCHIVE_MORE + 'backfill_prefix = "again/2026"\n',
    "Parquet": BASE + PARQUET,
    "container, Parquet with a schema": BASE + CONTAINER + MORE + SCHEMA,
    "a table in Glue": EXAMPLE + GLUE,
    "a table in Glue, more": EXAMPLE + PEOPLE + GLUE + TABLE_MORE,
    "a table in S3 Tables": EXAMPLE + MORE + S3TABLES,
    "a table in Glue, of workers": EXAMPLE + CONTAINER + SCRAPED + GLUE,
    "a table in S3 Tables, of a function and a task": EXAMPLE + TASK + S3TABLES,
    "a table in S3 Tables, of workers and a function": EXAMPLE + CONTAINER + S3TABLES + 'table_builder = "lambda"\n',
}
REJECTED = {
    "no region": "",
    "a mode that is none": EXAMPLE + 'mode = "vm"\n',
    "container without an image": EXAMPLE + 'mode = "container"\nvpc_id = "v"\nsubnet_ids = ["s"]\n',
    "record age beyond retention": EXAMPLE + "stream_retention_hours = 24\n",
    "events that expire before the stream": EXAMPLE + "lake_expire_days = 7\n",
    "anyone as publisher": EXAMPLE + 'publisher_principal_arns = ["*"]\n',
    "anyone to redrive": EXAMPLE + 'redriver_principal_arns = ["arn:aws:iam::123456789012:role/*"]\n',
    "an archive that expires before the stream": EXAMPLE + ARCHIVE + "archive_expire_days = 7\n",
    "an archive that expires soon after it has moved": EXAMPLE + ARCHIVE + "archive_instant_days = 30\narchive_expire_days = 100\n",
    "replays into the lake": EXAMPLE + 'backfill_prefix = "events"\n',
    "replays inside the lake": EXAMPLE + 'backfill_prefix = "events/again"\n',
    "replays around the lake": EXAMPLE + 'lake_prefix = "a/b"\nbackfill_prefix = "a"\n',
    "a key that is none": EXAMPLE + 'release_public_key = "MCow"\n',
    "a prefix that engines skip": EXAMPLE + 'lake_prefix = "_events"\n',
    "messages that are none": EXAMPLE + 'bus_messages = "records"\n',
    "a queue that the program refuses": EXAMPLE + "bus_queue_message_bytes = 2048\n",
    "packed messages that the program refuses": EXAMPLE + PACKED + "bus_message_bytes = 16383\n",
    "a queue that takes no packed messages": EXAMPLE + PACKED + "bus_queue_message_bytes = 8192\n",
    "packed messages of more than SQS takes": EXAMPLE + PACKED + "bus_message_bytes = 1048577\n",
    "packed messages of more than the queue takes": EXAMPLE + PACKED + "bus_message_bytes = 262145\nbus_queue_message_bytes = 262144\n",
    "a size of packed messages without them": EXAMPLE + "bus_message_bytes = 262144\n",
    "a format that is none": BASE + 'format = "csv"\n',
    "a format as a setting": BASE + 'environment = { SLUICE_FORMAT = "parquet" }\n',
    "a schema for lines": BASE + 'schema = "schema.json"\n',
    "a schema that does not exist": BASE + PARQUET + 'schema = "missing.json"\n',
    "a schema that is a folder": BASE + PARQUET + 'schema = "."\n',
    "a schema that is no JSON": BASE + PARQUET + 'schema = "main.tf"\n',
    "columns beside a schema": EXAMPLE + SCHEMA,
    "a table that is none": EXAMPLE + 'table = "hive"\n',
    "a name of a table with a hyphen": EXAMPLE + GLUE + 'table_name = "my-events"\n',
    "a name of a table with its namespace": EXAMPLE + GLUE + 'table_name = "sluice.events"\n',
    "a builder that is none": EXAMPLE + GLUE + 'table_builder = "vm"\n',
    "a task without an image": EXAMPLE + GLUE + 'table_builder = "container"\nvpc_id = "v"\nsubnet_ids = ["s"]\n',
    "runs at no time": EXAMPLE + GLUE + "table_minutes = 0\n",
    "an alarm before the next run": EXAMPLE + GLUE + "table_lag_alarm_seconds = 900\n",
    "a builder without memory": EXAMPLE + GLUE + "table_memory_mb = 512\n",
    "more scratch than Lambda has": EXAMPLE + GLUE + "table_scratch_mb = 20480\n",
    "another warehouse": EXAMPLE + GLUE + 'table_environment = { SLUICE_TABLE_WAREHOUSE = "s3://other" }\n',
    "settings of the builder for the function": EXAMPLE + GLUE + 'environment = { SLUICE_TABLE_MEMORY = "1GiB" }\n',
    "events that expire before a repair": EXAMPLE + GLUE + "stream_retention_hours = 24\nlambda_record_age_seconds = 3600\nlake_expire_days = 6\n",
    "events that expire before the alarm": EXAMPLE + GLUE + "table_lag_alarm_seconds = 86400\nlake_expire_days = 9\n",
    "a log without fields": EXAMPLE + CONTAINER + 'environment = { SLUICE_LOG_FORMAT = "human" }\n',
}

# The columns of a schema that is accepted, and of those that a validation must reject.
COLUMNS = '{"name": "Price", "type": {"list": {"struct": [{"name": "a", "path": ["b"], "type": "decimal(18, 2)"}]}}, "doc": "x"}'
REJECTED_COLUMNS = {
    "no name": '{"type": "long"}',
    "an empty name": '{"name": "", "type": "long"}',
    "no type": '{"name": "a"}',
    "a member that is none": '{"name": "a", "type": "long", "null": true}',
    "a name twice": '{"name": "a", "type": "long"}, {"name": "A", "path": ["b"], "type": "long"}',
    "a name of another column": '{"name": "_rest", "type": "string"}',
    "a type that is none": '{"name": "a", "type": "int"}',
    "a type in a struct that is none": '{"name": "a", "type": {"struct": [{"name": "b", "type": {"list": "Long"}}]}}',
    "a number as a type": '{"name": "a", "type": 3}',
    "a decimal of too many digits": '{"name": "a", "type": "decimal(39,0)"}',
    "a struct without columns": '{"name": "a", "type": {"struct": []}}',
    "a decimal without digits": '{"name": "a", "type": {"map": "decimal"}}',
}


def stand_in(match):
    """What stands for a reference: a text, an object of texts, or a list of one."""
    index, attribute = match.groups()
    if attribute is None:
        value = '{ arn = "arn", name = "name" }'
        return value if index else f"[{value}]" if "records_discarded" in match.group() else value
    return '["text"]' if index == "[*]" else '"text"'


def expression(value):
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "[" + ", ".join(map(expression, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k} = {expression(v)}" for k, v in value.items()) + "}"
    text = str(value)
    return text[2:-1] if text.startswith("${") and text.endswith("}") else text


def each_of(name, loop, inner):
    return f"[for {name} in [for key, value in {expression(loop)} : {{ key = key, value = value }}] : {inner}]"


def plain_object(body):
    """A block as an object: its arguments, and its blocks numbered."""
    parts = []
    for key, value in body.items():
        if key == "dynamic":
            for made in value:
                for label, inner in made.items():
                    if not label.startswith("__"):
                        name = label.strip('"')
                        content = plain_object(inner["content"][0])
                        parts.append(f"dynamic_{len(parts)} = {each_of(name, inner['for_each'], content)}")
    for key, value, _ in contents({k: v for k, v in body.items() if k != "dynamic"}):
        if key not in META_ARGUMENTS:
            inner = plain_object(value) if is_block_body(value) else expression(value)
            parts.append(f"{key}_{len(parts)} = {inner}")
    return "{" + ", ".join(parts) + "}"


def resource(body):
    if "for_each" in body:
        return each_of("each", body["for_each"], plain_object(body))
    if "count" in body:
        return f"[for number in range({expression(body['count'])}) : {plain_object(body)}]"
    return plain_object(body)


def scratch_module(module):
    texts = []
    for code in dict(module.code()).values():
        texts += [REFERENCE.sub(stand_in, block) for block in LOCALS.findall(code)]
    for kind, blocks in (("resource", module.resources), ("data", module.data)):
        for (what, name), (_, body) in blocks.items():
            value = REFERENCE.sub(stand_in, resource(body))
            texts.append(f'output "{kind}_{what}_{name}" {{\n  value = {value}\n}}')
    texts.append(REFERENCE.sub(stand_in, dict(module.code())["outputs.tf"]))
    return "\n\n".join(texts) + "\n"


def plan(terraform, folder, values):
    (folder / "terraform.tfvars").write_text(values)
    command = [terraform, "plan", "-input=false", "-no-color"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode == 0, done.stdout + done.stderr


def set_ups():
    """What is tried: values of variables, the document of a schema, and whether both are right."""
    right = document(COLUMNS)
    for what, values in (FINE | REJECTED).items():
        yield what, values, right, what in FINE
    for what, columns in REJECTED_COLUMNS.items():
        yield f"a schema with {what}", BASE + SCHEMA, document(columns), False
    yield "a schema of another version", BASE + SCHEMA, right.replace("1", "2", 1), False
    yield "a schema without columns", BASE + SCHEMA, '{"version": 1}', False


def document(columns):
    return f'{{"version": 1, "columns": [{columns}]}}'


def main():
    terraform, module, wrong = sys.argv[1], Module(), 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file in FOLDER.glob("variables*.tf"):
            (folder / file.name).write_text(file.read_text())
        (folder / "main.tf").write_text(scratch_module(module))
        for what, values, columns, is_fine in set_ups():
            (folder / "schema.json").write_text(columns)
            accepted, output = plan(terraform, folder, values)
            if accepted != is_fine:
                wrong += 1
                why = "is accepted" if accepted else output[output.find("Error") :]
                print(f"evaluate: {what}: {why}", file=sys.stderr)
    if not wrong:
        rejected = sum(not is_fine for *_, is_fine in set_ups())
        print(f"evaluate: {len(FINE)} set-ups evaluated, {rejected} wrong ones rejected: fine")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
