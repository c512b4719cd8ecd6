locals {
  log_group = local.on_lambda ? "/aws/lambda/${var.name}" : "/ecs/${var.name}"
}

resource "aws_cloudwatch_log_group" "sluice" {
  name              = local.log_group
  retention_in_days = var.log_retention_days
  kms_key_id        = one(aws_kms_key.logs[*].arn)
}

# Workers count for Prometheus. What must not go unseen where nobody scrapes them is taken from their log.

locals {
  log_namespace = "Sluice/${var.name}"
}

resource "aws_cloudwatch_log_metric_filter" "stopped_shards" {
  count = local.on_container ? 1 : 0

  name           = "${var.name}-stopped-shards"
  log_group_name = aws_cloudwatch_log_group.sluice.name
  pattern        = "\"a shard has stopped\""

  metric_transformation {
    namespace = local.log_namespace
    name      = "StoppedShards"
    value     = "1"
  }
}

resource "aws_cloudwatch_log_metric_filter" "content_mismatch" {
  count = local.on_container ? 1 : 0

  name           = "${var.name}-content-mismatch"
  log_group_name = aws_cloudwatch_log_group.sluice.name
  pattern        = "\"is there already with other content\""

  metric_transformation {
    namespace = local.log_namespace
    name      = "ContentMismatch"
    value     = "1"
  }
}
