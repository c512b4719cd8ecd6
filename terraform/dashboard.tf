locals {
  stream_name = aws_kinesis_stream.events.name

  # A title, the statistic, and metrics in the format of CloudWatch's "Dashboard body structure and syntax".
  stream_charts = [
    { title = "Into the stream, bytes", stat = "Sum", metrics = [["AWS/Kinesis", "IncomingBytes", "StreamName", local.stream_name]] },
    { title = "Into the stream, records", stat = "Sum", metrics = [["AWS/Kinesis", "IncomingRecords", "StreamName", local.stream_name]] },
    { title = "Throttled by the stream", stat = "Sum", metrics = [
      ["AWS/Kinesis", "WriteProvisionedThroughputExceeded", "StreamName", local.stream_name],
      ["AWS/Kinesis", "ReadProvisionedThroughputExceeded", "StreamName", local.stream_name],
    ] },
    { title = "Behind the stream, ms", stat = "Maximum", metrics = [
      ["AWS/Kinesis", "GetRecords.IteratorAgeMilliseconds", "StreamName", local.stream_name],
    ] },
  ]

  sluice_metric = { for name in ["Records", "Events", "Quarantined", "Dropped", "Uncommitted", "ContentMismatch", "Objects", "Messages", "Duration", "BatchAge", "ReleaseSwaps", "ReleaseAdmissionErrors", "ReleaseRollbacks"] :
    name => ["Sluice", name, "Function", var.name, "Stream", local.stream_name]
  }

  lambda_charts = [
    { title = "Records and events", stat = "Sum", metrics = [local.sluice_metric["Records"], local.sluice_metric["Events"]] },
    { title = "Quarantined and dropped", stat = "Sum", metrics = [local.sluice_metric["Quarantined"], local.sluice_metric["Dropped"]] },
    { title = "Not landed", stat = "Sum", metrics = [local.sluice_metric["Uncommitted"], local.sluice_metric["ContentMismatch"]] },
    { title = "Releases", stat = "Sum", metrics = [local.sluice_metric["ReleaseSwaps"], local.sluice_metric["ReleaseAdmissionErrors"], local.sluice_metric["ReleaseRollbacks"]] },
    { title = "Objects and messages", stat = "Sum", metrics = [local.sluice_metric["Objects"], local.sluice_metric["Messages"]] },
    { title = "A batch: time and age, ms", stat = "p99", metrics = [local.sluice_metric["Duration"], local.sluice_metric["BatchAge"]] },
    { title = "The function", stat = "Sum", metrics = [
      ["AWS/Lambda", "Invocations", "FunctionName", var.name],
      ["AWS/Lambda", "Errors", "FunctionName", var.name],
      ["AWS/Lambda", "Throttles", "FunctionName", var.name],
    ] },
  ]

  container_charts = [
    { title = "Workers", stat = "Minimum", metrics = [
      ["ECS/ContainerInsights", "RunningTaskCount", "ClusterName", var.name, "ServiceName", var.name],
    ] },
    { title = "Shards that stopped, content that differed", stat = "Sum", metrics = [
      [local.log_namespace, "StoppedShards"],
      [local.log_namespace, "ContentMismatch"],
    ] },
    { title = "Processor and memory, percent", stat = "Maximum", metrics = [
      ["AWS/ECS", "CPUUtilization", "ClusterName", var.name, "ServiceName", var.name],
      ["AWS/ECS", "MemoryUtilization", "ClusterName", var.name, "ServiceName", var.name],
    ] },
  ]

  queue_charts = [
    { title = "On the bus", stat = "Maximum", metrics = [
      ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", aws_sqs_queue.bus.name],
      ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", aws_sqs_queue.dead_letters.name],
    ] },
    { title = "The oldest message on the bus, s", stat = "Maximum", metrics = [
      ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", aws_sqs_queue.bus.name],
    ] },
  ]

  table_metric = { for name in ["TableOldestWaitingSeconds", "TableEvents", "TableFiles", "TableDuration", "TableStopped"] :
    name => ["Sluice", name, "Function", local.table_builder, "Table", local.table_dimensions.Table]
  }

  table_lambda_charts = [
    { title = "Waiting for the table, s", stat = "Maximum", metrics = [local.table_metric["TableOldestWaitingSeconds"]] },
    { title = "The function of the table", stat = "Sum", metrics = [
      ["AWS/Lambda", "Invocations", "FunctionName", local.table_builder],
      ["AWS/Lambda", "Errors", "FunctionName", local.table_builder],
      ["AWS/Lambda", "Throttles", "FunctionName", local.table_builder],
      local.table_metric["TableStopped"],
    ] },
    { title = "Events into the table", stat = "Sum", metrics = [local.table_metric["TableEvents"]] },
    { title = "Files of the table", stat = "Sum", metrics = [local.table_metric["TableFiles"]] },
    { title = "A run for the table, ms", stat = "Maximum", metrics = [local.table_metric["TableDuration"]] },
  ]

  table_container_charts = [
    { title = "The builder of the table", stat = "Minimum", metrics = [
      ["ECS/ContainerInsights", "RunningTaskCount", "ClusterName", var.name, "ServiceName", local.table_builder],
    ] },
    { title = "The table cannot be built", stat = "Sum", metrics = [[local.log_namespace, "TableStopped"]] },
    { title = "The builder: processor and memory, percent", stat = "Maximum", metrics = [
      ["AWS/ECS", "CPUUtilization", "ClusterName", var.name, "ServiceName", local.table_builder],
      ["AWS/ECS", "MemoryUtilization", "ClusterName", var.name, "ServiceName", local.table_builder],
    ] },
  ]

  charts = concat(
    local.stream_charts,
    [for chart in local.lambda_charts : chart if local.on_lambda],
    [for chart in local.container_charts : chart if local.on_container],
    local.queue_charts,
    [for chart in local.table_lambda_charts : chart if local.table_on_lambda],
    [for chart in local.table_container_charts : chart if local.table_on_container],
  )
}

resource "aws_cloudwatch_dashboard" "sluice" {
  dashboard_name = var.name

  dashboard_body = jsonencode({
    widgets = [for index, chart in local.charts : {
      type   = "metric"
      x      = 8 * (index % 3)
      y      = 6 * floor(index / 3)
      width  = 8
      height = 6
      properties = {
        title   = chart.title
        region  = var.region
        period  = 300
        stat    = chart.stat
        metrics = chart.metrics
      }
    }]
  })
}
