# Alarms of the builder of the Iceberg table; alarms.tf makes them.

locals {
  table_function_dimensions = { FunctionName = local.table_builder }
  table_dimensions          = { Function = local.table_builder, Table = "${local.table_namespace}.${var.table_name}" }

  # The function writes a metric once a run.
  table_period = max(300, 60 * var.table_minutes)

  table_alarms = merge(
    { for name, alarm in local.table_lambda_alarms : name => alarm if local.table_on_lambda },
    { for name, alarm in local.table_container_alarms : name => alarm if local.table_on_container },
  )

  table_lambda_alarms = {
    table-lag = {
      description = "Committed events wait too long for the table"
      namespace   = "Sluice"
      metric      = "TableOldestWaitingSeconds"
      dimensions  = local.table_dimensions
      statistic   = "Maximum"
      threshold   = var.table_lag_alarm_seconds
      periods     = 2
      period      = local.table_period
    }
    table-stopped = {
      description = "The builder cannot go on with the table"
      namespace   = "Sluice"
      metric      = "TableStopped"
      dimensions  = local.table_dimensions
      statistic   = "Sum"
      threshold   = 0
      periods     = 1
      period      = local.table_period
    }
    table-errors = {
      description = "The function that builds the table fails: it cannot start, runs into its timeout or out of memory, or says that it cannot go on"
      namespace   = "AWS/Lambda"
      metric      = "Errors"
      dimensions  = local.table_function_dimensions
      statistic   = "Sum"
      threshold   = 0
      periods     = 2
      period      = local.table_period
    }
    table-throttles = {
      description = "In each of three hours, a run of the builder was left out, because the one before was still busy or the account has no execution for it"
      namespace   = "AWS/Lambda"
      metric      = "Throttles"
      dimensions  = local.table_function_dimensions
      statistic   = "Sum"
      threshold   = 0
      periods     = 3
      period      = 3600
    }
  }

  table_container_alarms = {
    table-stopped = {
      description = "The builder cannot go on with the table"
      namespace   = local.log_namespace
      metric      = "TableStopped"
      dimensions  = {}
      statistic   = "Sum"
      threshold   = 0
      periods     = 1
      period      = 300
    }
  }

  # What there is less than one of if no builder runs.
  table_runs = {
    lambda = {
      namespace  = "AWS/Lambda"
      metric     = "Invocations"
      dimensions = local.table_function_dimensions
      statistic  = "Sum"
      period     = local.table_period
    }
    container = {
      namespace  = "ECS/ContainerInsights"
      metric     = "RunningTaskCount"
      dimensions = { ClusterName = var.name, ServiceName = local.table_builder }
      statistic  = "Minimum"
      period     = 300
    }
  }
}

# Missing data is the alarm: without a run or a task, there is no metric.
resource "aws_cloudwatch_metric_alarm" "table_builder" {
  for_each = { for runner, runs in local.table_runs : runner => runs if runner == local.table_runner }

  alarm_name        = "${var.name}-table-builder"
  alarm_description = "No builder of the table runs"

  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  period              = each.value.period
  evaluation_periods  = 3
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  treat_missing_data  = "breaching"

  alarm_actions = var.alarm_topic_arns
  ok_actions    = var.alarm_topic_arns
}
