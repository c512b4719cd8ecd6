# Permissions of people and CI pipelines: publishing rules, auditing the lake.

# For sluice transform publish, activate, rollback, list and gc.
data "aws_iam_policy_document" "publisher" {
  statement {
    sid     = "Publish"
    actions = ["s3:GetObject", "s3:PutObject"]

    resources = [
      "${local.registry_arn}/cases/*",
      "${local.registry_arn}/components/*",
      "${local.registry_arn}/releases/*",
      "${local.registry_arn}/active.json",
    ]
  }

  # active.json cannot be deleted, only changed.
  statement {
    sid     = "CollectGarbage"
    actions = ["s3:DeleteObject"]

    resources = [
      "${local.registry_arn}/cases/*",
      "${local.registry_arn}/components/*",
      "${local.registry_arn}/releases/*",
    ]
  }

  # To list the registry, and to get 404 for objects that do not exist, which a condition on the prefix would prevent.
  statement {
    sid       = "ListRegistry"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.registry.arn]
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
}

# For an existing role, such as that of a CI pipeline.
resource "aws_iam_policy" "publisher" {
  name        = "${var.name}-publisher"
  description = "Publishes and activates rules of ${var.name}"
  policy      = data.aws_iam_policy_document.publisher.json
}

resource "aws_iam_role" "publisher" {
  count = length(var.publisher_principal_arns) > 0 ? 1 : 0

  name               = "${var.name}-publisher"
  assume_role_policy = data.aws_iam_policy_document.person_trust["publisher"].json
}

resource "aws_iam_role_policy" "publisher" {
  count = length(var.publisher_principal_arns) > 0 ? 1 : 0

  name   = "publish"
  role   = aws_iam_role.publisher[0].name
  policy = data.aws_iam_policy_document.publisher.json
}

# For sluice audit, which reads everything and writes nothing.
data "aws_iam_policy_document" "auditor" {
  statement {
    sid       = "ReadStream"
    actions   = ["kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards"]
    resources = [aws_kinesis_stream.events.arn]
  }

  statement {
    sid       = "ReadLake"
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.lake.arn}/${var.lake_prefix}/*"]
  }

  # No condition on the prefix, so that S3 returns 404 for a ledger that does not exist.
  statement {
    sid       = "ListLake"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.lake.arn]
  }

  # If the settings name a bus, an audit reads the size limit of its messages.
  statement {
    sid       = "LookAtBus"
    actions   = ["sqs:GetQueueAttributes", "sqs:GetQueueUrl"]
    resources = [aws_sqs_queue.bus.arn]
  }

  statement {
    sid       = "Keys"
    actions   = ["kms:Decrypt"]
    resources = [aws_kms_key.stream.arn, aws_kms_key.lake.arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["kinesis.${var.region}.amazonaws.com", "s3.${var.region}.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "auditor" {
  count = length(var.auditor_principal_arns) > 0 ? 1 : 0

  name               = "${var.name}-auditor"
  assume_role_policy = data.aws_iam_policy_document.person_trust["auditor"].json
}

resource "aws_iam_role_policy" "auditor" {
  count = length(var.auditor_principal_arns) > 0 ? 1 : 0

  name   = "audit"
  role   = aws_iam_role.auditor[0].name
  policy = data.aws_iam_policy_document.auditor.json
}

# An audit also reads the objects of the archive that chunk manifests name.
resource "aws_iam_role_policy" "auditor_archive" {
  count = var.archive && length(var.auditor_principal_arns) > 0 ? 1 : 0

  name   = "archive"
  role   = aws_iam_role.auditor[0].name
  policy = data.aws_iam_policy_document.archive_reader[0].json
}

data "aws_iam_policy_document" "person_trust" {
  for_each = {
    for role, arns in {
      publisher = var.publisher_principal_arns
      auditor   = var.auditor_principal_arns
      redriver  = var.redriver_principal_arns
    } : role => arns if length(arns) > 0
  }

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "AWS"
      identifiers = each.value
    }
  }
}
