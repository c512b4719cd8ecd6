# docs/operate.md explains each alarm and what to do.

locals {
  # One metric, one threshold. Missing data is not an alarm: a pipeline without events is healthy.
  alarms = merge(
    {
      dead-letters = {
        description = "A consumer of the bus has failed on a message again and again"
        namespace   = "AWS/SQS"
        metric      = "ApproximateNumberOfMessagesVisible"
        dimensions  = { QueueName = aws_sqs_queue.dead_letters.name }
        statistic   = "Maximum"
        threshold   = 0
        periods     = 1
      }
      stream-full = {
        description = "Producers are throttled: the stream has too few shards, or one key is too hot"
        namespace   = "AWS/Kinesis"
        metric      = "WriteProvisionedThroughputExceeded"
        dimensions  = { StreamName = aws_kinesis_stream.events.name }
        statistic   = "Sum"
        threshold   = 0
        periods     = 3
      }
    },
    { for name, alarm in local.lambda_alarms : name => alarm if local.on_lambda },
    { for name, alarm in local.container_alarms : name => alarm if local.on_container },
    local.table_alarms,
  )

  lambda_alarms = {
    lag = {
      description = "Batches are too old when they come to the function"
      namespace   = "AWS/Lambda"
      metric      = "IteratorAge"
      dimensions  = local.function_dimensions
      statistic   = "Maximum"
      threshold   = var.lag_alarm_seconds * 1000
      periods     = 2
    }
    errors = {
      description = "The function fails as a whole: it cannot start, or runs into its timeout or out of memory"
      namespace   = "AWS/Lambda"
      metric      = "Errors"
      dimensions  = local.function_dimensions
      statistic   = "Sum"
      threshold   = 0
      periods     = 2
    }
    throttles = {
      description = "There are fewer executions than shards"
      namespace   = "AWS/Lambda"
      metric      = "Throttles"
      dimensions  = local.function_dimensions
      statistic   = "Sum"
      threshold   = 0
      periods     = 3
    }
    records-discarded = {
      description = "The event source mapping has discarded records because of their age; Sluice reads them from the stream with the next batch of their shard"
      namespace   = "AWS/SQS"
      metric      = "ApproximateNumberOfMessagesVisible"
      dimensions  = { QueueName = "${var.name}-records-discarded" }
      statistic   = "Maximum"
      threshold   = 0
      periods     = 1
    }
    content-mismatch = {
      description = "An object already exists with different content: the shard stops until an operator resolves it"
      namespace   = "Sluice"
      metric      = "ContentMismatch"
      dimensions  = local.sluice_dimensions
      statistic   = "Sum"
      threshold   = 0
      periods     = 1
    }
    releases = {
      description = "A release in the registry failed admission; the active release stays"
      namespace   = "Sluice"
      metric      = "ReleaseAdmissionErrors"
      dimensions  = local.sluice_dimensions
      statistic   = "Sum"
      threshold   = 0
      periods     = 1
    }
    release-rolled-back = {
      description = "A release exceeded its rollback policy and was rolled back"
      namespace   = "Sluice"
      metric      = "ReleaseRollbacks"
      dimensions  = local.sluice_dimensions
      statistic   = "Sum"
      threshold   = 0
      periods     = 1
    }
    registry = {
      description = "The registry, or a release in it, cannot be read for 15 minutes; the active release stays"
      namespace   = "Sluice"
      metric      = "RegistryFailures"
      dimensions  = local.sluice_dimensions
      statistic   = "Sum"
      threshold   = 0
      periods     = 3
    }
    schema-drift = {
      description = "Events drift from the schema of Parquet: new members, other types, or columns that they no longer have"
      namespace   = "Sluice"
      metric      = "SchemaDrift"
      dimensions  = local.sluice_dimensions
      statistic   = "Sum"
      threshold   = 0
      periods     = 1
    }
    uncommitted = {
      description = "Batches end without being landed whole, for 15 minutes"
      namespace   = "Sluice"
      metric      = "Uncommitted"
      dimensions  = local.sluice_dimensions
      statistic   = "Sum"
      threshold   = 0
      periods     = 3
    }
  }

  container_alarms = {
    lag = {
      description = "What the workers read is too old"
      namespace   = "AWS/Kinesis"
      metric      = "GetRecords.IteratorAgeMilliseconds"
      dimensions  = { StreamName = aws_kinesis_stream.events.name }
      statistic   = "Maximum"
      threshold   = var.lag_alarm_seconds * 1000
      periods     = 2
    }
    content-mismatch = {
      description = "An object already exists with different content: the shard stops until an operator resolves it"
      namespace   = local.log_namespace
      metric      = "ContentMismatch"
      dimensions  = {}
      statistic   = "Sum"
      threshold   = 0
      periods     = 1
    }
    releases = {
      description = "A release in the registry failed admission; the active release stays"
      namespace   = local.log_namespace
      metric      = "ReleaseAdmissionErrors"
      dimensions  = {}
      statistic   = "Sum"
      threshold   = 0
      periods     = 1
    }
    release-rolled-back = {
      description = "A release exceeded its rollback policy and was rolled back"
      namespace   = local.log_namespace
      metric      = "ReleaseRollbacks"
      dimensions  = {}
      statistic   = "Sum"
      threshold   = 0
      periods     = 1
    }
    registry = {
      description = "The registry, or a release in it, cannot be read for 15 minutes; the active release stays"
      namespace   = local.log_namespace
      metric      = "RegistryFailures"
      dimensions  = {}
      statistic   = "Sum"
      threshold   = 0
      periods     = 3
    }
    schema-drift = {
      description = "Events drift from the schema of Parquet: new members, other types, or columns that they no longer have"
      namespace   = local.log_namespace
      metric      = "SchemaDrift"
      dimensions  = {}
      statistic   = "Sum"
      threshold   = 0
      periods     = 1
    }
    stopped-shards = {
      description = "A worker could not land a chunk; it retries after a backoff"
      namespace   = local.log_namespace
      metric      = "StoppedShards"
      dimensions  = {}
      statistic   = "Sum"
      threshold   = 0
      periods     = 1
    }
  }

  function_dimensions = { FunctionName = var.name }
  sluice_dimensions   = { Function = var.name, Stream = aws_kinesis_stream.events.name }
}

resource "aws_cloudwatch_metric_alarm" "one_metric" {
  for_each = local.alarms

  alarm_name        = "${var.name}-${each.key}"
  alarm_description = each.value.description

  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  period              = try(each.value.period, 300)
  evaluation_periods  = each.value.periods
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.threshold
  treat_missing_data  = "notBreaching"

  alarm_actions = var.alarm_topic_arns
  ok_actions    = var.alarm_topic_arns
}

resource "aws_cloudwatch_metric_alarm" "quarantine" {
  count = local.on_lambda ? 1 : 0

  alarm_name          = "${var.name}-quarantine"
  alarm_description   = "More than ${var.quarantine_alarm_percent} % of the records go to quarantine; see the runbook in docs/operate.md: bad rules were live for an hour, a producer sent garbage"
  evaluation_periods  = 3
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.quarantine_alarm_percent
  treat_missing_data  = "notBreaching"

  alarm_actions = var.alarm_topic_arns
  ok_actions    = var.alarm_topic_arns

  metric_query {
    id          = "share"
    label       = "Quarantined, percent"
    expression  = "IF(records > 0, 100 * quarantined / records, 0)"
    return_data = true
  }

  metric_query {
    id = "quarantined"

    metric {
      namespace   = "Sluice"
      metric_name = "Quarantined"
      dimensions  = local.sluice_dimensions
      period      = 300
      stat        = "Sum"
    }
  }

  metric_query {
    id = "records"

    metric {
      namespace   = "Sluice"
      metric_name = "Records"
      dimensions  = local.sluice_dimensions
      period      = 300
      stat        = "Sum"
    }
  }
}

# Missing data is the alarm: without tasks, there is no metric.
resource "aws_cloudwatch_metric_alarm" "workers" {
  count = local.on_container && var.container_workers > 0 ? 1 : 0

  alarm_name        = "${var.name}-workers"
  alarm_description = "Fewer workers run than should"

  namespace           = "ECS/ContainerInsights"
  metric_name         = "RunningTaskCount"
  dimensions          = { ClusterName = var.name, ServiceName = var.name }
  statistic           = "Minimum"
  period              = 300
  evaluation_periods  = 3
  comparison_operator = "LessThanThreshold"
  threshold           = var.container_workers
  treat_missing_data  = "breaching"

  alarm_actions = var.alarm_topic_arns
  ok_actions    = var.alarm_topic_arns
}
