locals {
  lambda_zip = coalesce(var.lambda_zip, "${path.module}/../out/lambda-${var.architecture}.zip")
}

resource "aws_lambda_function" "sluice" {
  # checkov:skip=CKV_AWS_50: the program writes no traces; lag, counts and times are metrics
  # checkov:skip=CKV_AWS_115: reserved concurrency is optional (lambda_concurrency); each shard has one execution at most
  # checkov:skip=CKV_AWS_116: a mapping invokes synchronously and has an on-failure queue of its own
  # checkov:skip=CKV_AWS_117: it calls endpoints of AWS only, with TLS and a role; a VPC would only add a network to protect
  # checkov:skip=CKV_AWS_173: the environment holds names, no secrets, and is encrypted by Lambda
  # checkov:skip=CKV_AWS_272: signing needs a profile of the account; source_code_hash pins the package
  count = local.on_lambda ? 1 : 0

  function_name    = var.name
  description      = "Sluice: from the stream through the transform into the lake and onto the bus"
  role             = aws_iam_role.lambda[0].arn
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = [var.architecture]
  filename         = local.lambda_zip
  source_code_hash = filebase64sha256(local.lambda_zip)

  memory_size                    = var.lambda_memory_mb
  timeout                        = var.lambda_timeout_seconds
  reserved_concurrent_executions = var.lambda_concurrency

  environment {
    variables = local.sluice_environment
  }

  # The program writes JSON itself. If Lambda wrapped its lines, CloudWatch would not find the metrics in them.
  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.sluice.name
  }

  depends_on = [
    aws_iam_role_policy.lambda_sluice,
    aws_iam_role_policy.lambda_mapping,
    aws_iam_role_policy.lambda_logs,
    aws_iam_role_policy.lambda_archive,
  ]
}

# No filter, no bisecting, one batch of a shard at a time: see "The event source mapping" in docs/lambda.md.
resource "aws_lambda_event_source_mapping" "stream" {
  count = local.on_lambda ? 1 : 0

  event_source_arn  = aws_kinesis_stream.events.arn
  function_name     = aws_lambda_function.sluice[0].arn
  starting_position = var.lambda_starting_position

  batch_size                         = var.lambda_batch_size
  maximum_batching_window_in_seconds = var.lambda_batching_seconds
  parallelization_factor             = 1
  bisect_batch_on_function_error     = false
  function_response_types            = ["ReportBatchItemFailures"]
  maximum_retry_attempts             = -1
  maximum_record_age_in_seconds      = var.lambda_record_age_seconds

  destination_config {
    on_failure {
      destination_arn = aws_sqs_queue.records_discarded[0].arn
    }
  }

  depends_on = [aws_iam_role_policy.lambda_mapping]
}
