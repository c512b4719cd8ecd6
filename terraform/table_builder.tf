# The builder as a function on a schedule. It is the package of the pipeline's function, with the handler `table`.

locals {
  table_builder = "${var.name}-table"

  # The settings of the builder, as a function and as a task.
  table_settings = merge(local.table_location, { SLUICE_TABLE_MEMORY = "${floor(var.table_memory_mb / 4)}MiB" })
}

resource "aws_lambda_function" "table" {
  # checkov:skip=CKV_AWS_50: the program writes no traces; lag, counts and times are metrics
  # checkov:skip=CKV_AWS_115: one execution is reserved by default (table_reserve_concurrency)
  # checkov:skip=CKV_AWS_116: a run has no input; the next one does what a failed one has left
  # checkov:skip=CKV_AWS_117: it calls endpoints of AWS only, with TLS and a role; a VPC would only add a network to protect
  # checkov:skip=CKV_AWS_173: the environment holds names, no secrets, and is encrypted by Lambda
  # checkov:skip=CKV_AWS_272: signing needs a profile of the account; source_code_hash pins the package
  count = local.table_on_lambda ? 1 : 0

  function_name    = local.table_builder
  description      = "Sluice: from committed chunks of the lake into the Iceberg table"
  role             = aws_iam_role.table_builder[0].arn
  runtime          = "provided.al2023"
  handler          = "table"
  architectures    = [var.architecture]
  filename         = local.lambda_zip
  source_code_hash = filebase64sha256(local.lambda_zip)

  memory_size                    = var.table_memory_mb
  timeout                        = 900
  reserved_concurrent_executions = var.table_reserve_concurrency ? 1 : -1

  ephemeral_storage {
    size = var.table_scratch_mb
  }

  environment {
    # The schedule says how long events wait, so each run takes all that wait.
    variables = merge(local.table_settings, { SLUICE_TABLE_MAX_AGE = "0s" }, var.table_environment)
  }

  # The program writes JSON itself. If Lambda wrapped its lines, CloudWatch would not find the metrics in them.
  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.table[0].name
  }

  depends_on = [
    aws_iam_role_policy.table_builder,
    aws_iam_role_policy.table_builder_glue,
    aws_iam_role_policy.table_builder_s3tables,
    aws_iam_role_policy.table_builder_logs,
  ]
}

# A run that failed, or for which the execution was still busy, is not tried again: the next one comes anyway.
resource "aws_lambda_function_event_invoke_config" "table" {
  count = local.table_on_lambda ? 1 : 0

  function_name                = aws_lambda_function.table[0].function_name
  maximum_retry_attempts       = 0
  maximum_event_age_in_seconds = 60
}

resource "aws_scheduler_schedule" "table" {
  # checkov:skip=CKV_AWS_297: a schedule holds the ARN of the function and no data; AWS encrypts it with a key of its own
  count = local.table_on_lambda ? 1 : 0

  name                = local.table_builder
  description         = "Runs the builder of the Iceberg table"
  schedule_expression = var.table_minutes == 1 ? "rate(1 minute)" : "rate(${var.table_minutes} minutes)"

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = aws_lambda_function.table[0].arn
    role_arn = aws_iam_role.table_schedule[0].arn

    retry_policy {
      maximum_retry_attempts = 0
    }
  }

  depends_on = [aws_iam_role_policy.table_schedule]
}
