#!/usr/bin/env python3
"""Evaluates what the variables of the bus, of the table and of the archive make: which resources in which set-up, with which values.

Usage: table.py TERRAFORM. Ends with 0 or 1.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from evaluate import ARCHIVE, ARCHIVE_MORE, BASE, CONTAINER, FOLDER, GLUE, PACKED, PACKED_MORE, S3TABLES, TABLE_MORE, TASK, scratch_module
from module import Module

# The resources that a set-up has none of if it has no table, no table of that kind, or no such builder.
ALWAYS = {
    "aws_s3_bucket_warehouse",
    "aws_s3_bucket_public_access_block_warehouse",
    "aws_s3_bucket_server_side_encryption_configuration_warehouse",
    "aws_s3_bucket_versioning_warehouse",
    "aws_s3_bucket_logging_warehouse",
    "aws_s3_bucket_lifecycle_configuration_warehouse",
    "aws_s3_bucket_ownership_controls_warehouse",
    "aws_s3_bucket_policy_warehouse",
    "aws_kms_key_table",
    "aws_kms_alias_table",
    "aws_cloudwatch_log_group_table",
    "aws_cloudwatch_metric_alarm_table_builder",
    "aws_iam_role_table_builder",
    "aws_iam_role_policy_table_builder",
    "aws_iam_policy_table_manager",
    "aws_iam_policy_table_reader",
}
IN_GLUE = {"aws_glue_catalog_database_table", "aws_iam_role_policy_table_builder_glue"}
IN_S3TABLES = {
    "aws_s3tables_table_bucket_table",
    "aws_s3tables_table_bucket_policy_table",
    "aws_s3tables_namespace_table",
    "aws_iam_role_policy_table_builder_s3tables",
}
BY_FUNCTION = {
    "aws_lambda_function_table",
    "aws_lambda_function_event_invoke_config_table",
    "aws_scheduler_schedule_table",
    "aws_iam_role_table_schedule",
    "aws_iam_role_policy_table_schedule",
    "aws_iam_role_policy_table_builder_logs",
}
BY_TASK = {
    "aws_ecs_task_definition_table",
    "aws_ecs_service_table",
    "aws_cloudwatch_log_metric_filter_table_event",
    "aws_iam_role_policy_execution_table_logs",
}
# Workers have these too.
OF_TASKS = {"aws_ecs_cluster_sluice", "aws_security_group_sluice", "aws_iam_role_execution", "aws_iam_role_policy_execution_pull"}
ARCHIVED = {
    "aws_s3_bucket_archive",
    "aws_s3_bucket_public_access_block_archive",
    "aws_s3_bucket_server_side_encryption_configuration_archive",
    "aws_s3_bucket_versioning_archive",
    "aws_s3_bucket_logging_archive",
    "aws_s3_bucket_lifecycle_configuration_archive",
    "aws_s3_bucket_ownership_controls_archive",
    "aws_s3_bucket_policy_archive",
    "aws_kms_key_archive",
    "aws_kms_alias_archive",
}
ARCHIVED_BY_FUNCTION, ARCHIVED_BY_TASK = {"aws_iam_role_policy_lambda_archive"}, {"aws_iam_role_policy_task_archive"}
EVERY = ALWAYS | IN_GLUE | IN_S3TABLES | BY_FUNCTION | BY_TASK | OF_TASKS | ARCHIVED | ARCHIVED_BY_FUNCTION | ARCHIVED_BY_TASK

# Alarms of the builder, and the namespaces of their metrics.
FUNCTION_ALARMS = {
    "table-lag": "Sluice",
    "table-stopped": "Sluice",
    "table-errors": "AWS/Lambda",
    "table-throttles": "AWS/Lambda",
}
TASK_ALARMS = {"table-stopped": "Sluice/sluice"}

# A set-up: its variables, its resources of EVERY, the alarms of its builder, and values at paths. A path names an output,
# or parts of a resource, without the numbers that the evaluation adds.
SET_UPS = {
    "no table": (BASE, set(), {}, {"table": None, "table_catalog": None, "table_settings": ""}),
    "no table, workers": (BASE + CONTAINER, OF_TASKS, {}, {}),
    "messages about events": (
        BASE,
        set(),
        {},
        {
            "aws_lambda_function_sluice.environment.variables.SLUICE_BUS_MESSAGES": "events",
            "aws_lambda_function_sluice.environment.variables.SLUICE_BUS_MESSAGE_BYTES": None,
            "aws_sqs_queue_bus.max_message_size": 1048576,
        },
    ),
    "packed messages": (
        BASE + PACKED,
        set(),
        {},
        {
            "aws_lambda_function_sluice.environment.variables.SLUICE_BUS_MESSAGES": "packed",
            "aws_lambda_function_sluice.environment.variables.SLUICE_BUS_MESSAGE_BYTES": None,
        },
    ),
    "packed messages, more": (
        BASE + PACKED_MORE,
        set(),
        {},
        {
            "aws_lambda_function_sluice.environment.variables.SLUICE_BUS_MESSAGE_BYTES": "65536",
            "aws_sqs_queue_bus.max_message_size": 262144,
            "aws_sqs_queue_dead_letters.max_message_size": 262144,
        },
    ),
    "no archive": (BASE, set(), {}, {"archive": None, "aws_lambda_function_sluice.environment.variables.SLUICE_ARCHIVE": None}),
    "an archive": (
        BASE + ARCHIVE_MORE,
        ARCHIVED | ARCHIVED_BY_FUNCTION,
        {},
        {
            "archive": "s3://text/records",
            "aws_lambda_function_sluice.environment.variables.SLUICE_ARCHIVE": "s3://text/records",
        },
    ),
    "an archive, workers": (BASE + CONTAINER + ARCHIVE, ARCHIVED | ARCHIVED_BY_TASK | OF_TASKS, {}, {"backfill": "s3://text/backfill"}),
    "Glue": (
        BASE + GLUE,
        ALWAYS | IN_GLUE | BY_FUNCTION,
        FUNCTION_ALARMS,
        {
            "table": "sluice_iceberg.events",
            "table_settings": "export AWS_REGION='us-east-1'\n"
            "export SLUICE_LAKE='s3://text/events'\n"
            "export SLUICE_TABLE_CATALOG='glue'\n"
            "export SLUICE_TABLE_NAME='sluice_iceberg.events'\n"
            "export SLUICE_TABLE_WAREHOUSE='s3://text/tables'",
            "aws_lambda_function_table.handler": "table",
            "aws_lambda_function_table.timeout": 900,
            "aws_lambda_function_table.reserved_concurrent_executions": 1,
            "aws_lambda_function_table.ephemeral_storage.size": 5120,
            "aws_lambda_function_table.environment.variables.SLUICE_TABLE_CATALOG": "glue",
            "aws_lambda_function_table.environment.variables.SLUICE_TABLE_NAME": "sluice_iceberg.events",
            "aws_lambda_function_table.environment.variables.SLUICE_TABLE_WAREHOUSE": "s3://text/tables",
            "aws_lambda_function_table.environment.variables.SLUICE_LAKE": "s3://text/events",
            "aws_lambda_function_table.environment.variables.SLUICE_TABLE_MEMORY": "512MiB",
            "aws_lambda_function_table.environment.variables.SLUICE_TABLE_MAX_AGE": "0s",
            "aws_lambda_function_event_invoke_config_table.maximum_retry_attempts": 0,
            "aws_scheduler_schedule_table.schedule_expression": "rate(15 minutes)",
            "aws_scheduler_schedule_table.target.retry_policy.maximum_retry_attempts": 0,
        },
    ),
    "Glue, more": (
        BASE + GLUE + TABLE_MORE,
        ALWAYS | IN_GLUE | BY_FUNCTION,
        FUNCTION_ALARMS,
        {
            "aws_lambda_function_table.reserved_concurrent_executions": -1,
            "aws_lambda_function_table.environment.variables.SLUICE_TABLE_FILE_SIZE": "64MiB",
            "aws_lambda_function_table.environment.variables.SLUICE_TABLE_NAME": "sluice_iceberg.lessons",
            "aws_scheduler_schedule_table.schedule_expression": "rate(1 minute)",
        },
    ),
    "S3 Tables": (
        BASE + S3TABLES,
        ALWAYS | IN_S3TABLES | BY_FUNCTION,
        FUNCTION_ALARMS,
        {
            "table": '"s3tablescatalog/sluice-tables-text-us-east-1"."sluice_iceberg"."events"',
            "aws_lambda_function_table.environment.variables.SLUICE_TABLE_CATALOG": "s3tables:text",
        },
    ),
    "Glue, workers": (
        BASE + CONTAINER + GLUE,
        ALWAYS | IN_GLUE | BY_TASK | OF_TASKS,
        TASK_ALARMS,
        {"aws_ecs_service_table.desired_count": 1, "aws_ecs_service_table.deployment_maximum_percent": 100},
    ),
    "S3 Tables, a function and a task": (
        BASE + TASK + S3TABLES,
        ALWAYS | IN_S3TABLES | BY_TASK | OF_TASKS,
        TASK_ALARMS,
        {"aws_ecs_service_table.desired_count": 1},
    ),
    "Glue, workers and a function": (
        BASE + CONTAINER + GLUE + 'table_builder = "lambda"\n',
        ALWAYS | IN_GLUE | BY_FUNCTION | OF_TASKS,
        FUNCTION_ALARMS,
        {},
    ),
}


def evaluate(terraform, folder, values):
    """All outputs of the scratch module."""
    (folder / "terraform.tfvars").write_text(values)
    command = [terraform, "apply", "-auto-approve", "-input=false", "-no-color"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"table: {values}: {done.stdout}{done.stderr}")
    printed = subprocess.run([terraform, "output", "-json"], cwd=folder, capture_output=True, text=True, check=True)
    return {name.removeprefix("resource_"): output["value"] for name, output in json.loads(printed.stdout).items()}


def at(value, path):
    """What is at a path, where each name may have a number behind it."""
    for part in path:
        value = value[0] if isinstance(value, list) else value
        value = next((inner for key, inner in value.items() if key == part or key.rpartition("_")[0] == part), None)
        if value is None:
            return None
    return value


def differences(found, resources, alarms, values):
    made = {name for name in EVERY if found[name]}
    for name in sorted(made ^ resources):
        yield f"{name} is {'made' if name in made else 'not made'}"
    every = found["aws_cloudwatch_metric_alarm_one_metric"]
    every = {at(alarm, ["alarm_name"]).removeprefix("sluice-"): at(alarm, ["namespace"]) for alarm in every}
    given = {name: namespace for name, namespace in every.items() if name.startswith("table-")}
    if given != alarms:
        yield f"the alarms of the builder are {given}"
    for path, expected in values.items():
        name, *parts = path.split(".")
        if at(found.get(name), parts) != expected:
            yield f"{path} is {at(found.get(name), parts)!r}, expected {expected!r}"
    if found["aws_ecs_task_definition_table"]:
        yield from task_differences(json.loads(at(found["aws_ecs_task_definition_table"], ["container_definitions"]))[0])


def task_differences(container):
    """The builder as a task follows the lake, and writes to its volume only."""
    if container["command"][:3] != ["table", "sync", "--follow"]:
        yield f"the command of the task is {container['command']}"
    if not container["readonlyRootFilesystem"] or [each["containerPath"] for each in container["mountPoints"]] != ["/tmp"]:
        yield "the task can write elsewhere than to /tmp, or not there"


def main():
    terraform, wrong = sys.argv[1], 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file in FOLDER.glob("variables*.tf"):
            (folder / file.name).write_text(file.read_text())
        (folder / "main.tf").write_text(scratch_module(Module()))
        for what, (variables, resources, alarms, values) in SET_UPS.items():
            for difference in differences(evaluate(terraform, folder, variables), resources, alarms, values):
                wrong += 1
                print(f"table: {what}: {difference}", file=sys.stderr)
    if not wrong:
        print(f"table: {len(SET_UPS)} set-ups have {len(EVERY)} resources as they should: fine")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
