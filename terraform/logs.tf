locals {
  log_group = local.on_lambda ? "/aws/lambda/${var.name}" : "/ecs/${var.name}"
}

resource "aws_cloudwatch_log_group" "sluice" {
  name              = local.log_group
  retention_in_days = var.log_retention_days
  kms_key_id        = one(aws_kms_key.logs[*].arn)
}
