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
  log_phrases = {
    StoppedShards          = "a shard has stopped"
    ContentMismatch        = "already exists with different content"
    ReleaseAdmissionErrors = "a release failed admission"
    ReleaseRollbacks       = "rolling back a release"
    RegistryFailures       = "cannot use the registry"
  }
}

resource "aws_cloudwatch_log_metric_filter" "phrase" {
  for_each = local.on_container ? local.log_phrases : {}

  name           = "${var.name}-${each.key}"
  log_group_name = aws_cloudwatch_log_group.sluice.name
  pattern        = "\"${each.value}\""

  metric_transformation {
    namespace = local.log_namespace
    name      = each.key
    value     = "1"
  }
}
