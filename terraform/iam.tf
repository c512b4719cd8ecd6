# The permissions of the program, call by call (check/iam.py compares them with the source), and what else the
# function or the task needs.

data "aws_iam_policy_document" "sluice" {
  statement {
    sid = "ReadStream"
    actions = [
      "kinesis:DescribeStreamSummary",
      "kinesis:GetRecords",
      "kinesis:GetShardIterator",
      "kinesis:ListShards",
    ]
    resources = [aws_kinesis_stream.events.arn]
  }

  # A replay recognizes its own objects by HeadObject, for which IAM requires GetObject.
  statement {
    sid       = "ReadAndWriteLake"
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = ["${aws_s3_bucket.lake.arn}/${var.lake_prefix}/*"]
  }

  # Without it, S3 returns 403 instead of 404 for a ledger or an active.json that does not exist yet. A condition on
  # the prefix cannot be used: the request for an object has none.
  statement {
    sid       = "KnowWhatIsNotThere"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.lake.arn, aws_s3_bucket.registry.arn]
  }

  statement {
    sid     = "ReadRegistry"
    actions = ["s3:GetObject"]

    resources = [
      "${local.registry_arn}/cases/*",
      "${local.registry_arn}/components/*",
      "${local.registry_arn}/releases/*",
      "${local.registry_arn}/active.json",
    ]
  }

  statement {
    sid       = "ReadSchema"
    actions   = ["s3:GetObject"]
    resources = [local.schema_arn]
  }

  # Automatic rollback: by compare-and-swap, and only to a published release.
  statement {
    sid       = "RollBack"
    actions   = ["s3:PutObject"]
    resources = ["${local.registry_arn}/active.json"]

    condition {
      test     = "Null"
      variable = "s3:if-match"
      values   = ["false"]
    }
  }

  # For SendMessageBatch, IAM requires SendMessage.
  statement {
    sid       = "SendToBus"
    actions   = ["sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:SendMessage"]
    resources = [aws_sqs_queue.bus.arn]
  }

  statement {
    sid       = "KeyOfStream"
    actions   = ["kms:Decrypt"]
    resources = [aws_kms_key.stream.arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["kinesis.${var.region}.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "kms:EncryptionContext:aws:kinesis:arn"
      values   = [aws_kinesis_stream.events.arn]
    }
  }

  # With a bucket key, the encryption context is the bucket, not the object.
  statement {
    sid       = "KeyOfLake"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [aws_kms_key.lake.arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["s3.${var.region}.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "kms:EncryptionContext:aws:s3:arn"
      values   = [aws_s3_bucket.lake.arn]
    }
  }

  statement {
    sid       = "KeyOfRegistry"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [aws_kms_key.registry.arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["s3.${var.region}.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "kms:EncryptionContext:aws:s3:arn"
      values   = [aws_s3_bucket.registry.arn]
    }
  }

  statement {
    sid       = "KeyOfBus"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [aws_kms_key.bus.arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["sqs.${var.region}.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "write_logs" {
  statement {
    sid       = "WriteLogs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.sluice.arn}:*"]
  }
}

# The policy for producers; attach it to their roles.
data "aws_iam_policy_document" "producer" {
  statement {
    sid       = "WriteStream"
    actions   = ["kinesis:PutRecord", "kinesis:PutRecords"]
    resources = [aws_kinesis_stream.events.arn]
  }

  statement {
    sid       = "KeyOfStream"
    actions   = ["kms:GenerateDataKey"]
    resources = [aws_kms_key.stream.arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["kinesis.${var.region}.amazonaws.com"]
    }
  }
}

resource "aws_iam_policy" "producer" {
  name        = "${var.name}-producer"
  description = "Puts records into the stream ${var.name}"
  policy      = data.aws_iam_policy_document.producer.json
}
