locals {
  log_group       = local.on_lambda ? "/aws/lambda/${var.name}" : "/ecs/${var.name}"
  table_log_group = local.table_on_lambda ? "/aws/lambda/${local.table_builder}" : "/ecs/${local.table_builder}"
}

resource "aws_cloudwatch_log_group" "sluice" {
  name              = local.log_group
  retention_in_days = var.log_retention_days
  kms_key_id        = one(aws_kms_key.logs[*].arn)
}

resource "aws_cloudwatch_log_group" "table" {
  count = local.has_table ? 1 : 0

  name              = local.table_log_group
  retention_in_days = var.log_retention_days
  kms_key_id        = one(aws_kms_key.logs[*].arn)
}

# Workers, and a builder on Fargate, count for Prometheus. What must not go unseen where nobody scrapes them is taken from
# their log, which is JSON (container.tf, table_container.tf). The events are in docs/operate.md. A function logs the same
# events, but needs no filters: it writes metrics.

locals {
  log_namespace = "Sluice/${var.name}"
  log_events = {
    StoppedShards          = "shard_stopped"
    ContentMismatch        = "content_mismatch"
    ReleaseAdmissionErrors = "release_admission_error"
    ReleaseRollbacks       = "release_rollback"
    RegistryFailures       = "registry_failure"
    SchemaDrift            = "schema_drift"
  }
  table_log_events = {
    TableStopped = "table_stopped"
  }
}

resource "aws_cloudwatch_log_metric_filter" "event" {
  for_each = local.on_container ? local.log_events : {}

  name           = "${var.name}-${each.key}"
  log_group_name = aws_cloudwatch_log_group.sluice.name
  pattern        = "{ $.event = \"${each.value}\" }"

  metric_transformation {
    namespace = local.log_namespace
    name      = each.key
    value     = "1"
  }
}

resource "aws_cloudwatch_log_metric_filter" "table_event" {
  for_each = local.table_on_container ? local.table_log_events : {}

  name           = "${var.name}-${each.key}"
  log_group_name = aws_cloudwatch_log_group.table[0].name
  pattern        = "{ $.event = \"${each.value}\" }"

  metric_transformation {
    namespace = local.log_namespace
    name      = each.key
    value     = "1"
  }
}
