locals {
  # The maximum retention of SQS, so that there is time to repair a consumer.
  message_retention_seconds = 1209600
}

resource "aws_sqs_queue" "bus" {
  name                       = "${var.name}-bus"
  max_message_size           = var.bus_queue_message_bytes
  visibility_timeout_seconds = var.bus_visibility_seconds
  message_retention_seconds  = local.message_retention_seconds
  receive_wait_time_seconds  = 20

  kms_master_key_id                 = aws_kms_key.bus.arn
  kms_data_key_reuse_period_seconds = 300

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letters.arn
    maxReceiveCount     = var.bus_max_receives
  })
}

resource "aws_sqs_queue" "dead_letters" {
  name                      = "${var.name}-dead-letters"
  max_message_size          = var.bus_queue_message_bytes
  message_retention_seconds = local.message_retention_seconds

  kms_master_key_id                 = aws_kms_key.bus.arn
  kms_data_key_reuse_period_seconds = 300
}

resource "aws_sqs_queue_redrive_allow_policy" "dead_letters" {
  queue_url = aws_sqs_queue.dead_letters.id

  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.bus.arn]
  })
}

# The event source mapping reports discarded records here. They are still in the stream, and Sluice lands them with
# the next batch of their shard.
resource "aws_sqs_queue" "records_discarded" {
  count = local.on_lambda ? 1 : 0

  name                      = "${var.name}-records-discarded"
  message_retention_seconds = local.message_retention_seconds

  kms_master_key_id                 = aws_kms_key.bus.arn
  kms_data_key_reuse_period_seconds = 300
}

data "aws_iam_policy_document" "queue" {
  for_each = merge(
    {
      bus          = aws_sqs_queue.bus
      dead_letters = aws_sqs_queue.dead_letters
    },
    { for queue in aws_sqs_queue.records_discarded : "records_discarded" => queue },
  )

  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["sqs:*"]
    resources = [each.value.arn]

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_sqs_queue_policy" "bus" {
  queue_url = aws_sqs_queue.bus.id
  policy    = data.aws_iam_policy_document.queue["bus"].json
}

resource "aws_sqs_queue_policy" "dead_letters" {
  queue_url = aws_sqs_queue.dead_letters.id
  policy    = data.aws_iam_policy_document.queue["dead_letters"].json
}

resource "aws_sqs_queue_policy" "records_discarded" {
  count = local.on_lambda ? 1 : 0

  queue_url = aws_sqs_queue.records_discarded[0].id
  policy    = data.aws_iam_policy_document.queue["records_discarded"].json
}
