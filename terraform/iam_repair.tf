# Permissions of people, CI pipelines and tasks that repair: sluice quarantine and sluice redrive, and replays into lakes of
# their own (check/iam.py compares them with the source). None of them can delete or overwrite anything.

data "aws_iam_policy_document" "redriver" {
  statement {
    sid       = "ReadLake"
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.lake.arn}/${var.lake_prefix}/*"]
  }

  # Objects, quarantine, chunk manifests, claims, releases and schemas are created and never changed.
  statement {
    sid       = "CreateInLake"
    actions   = ["s3:PutObject"]
    resources = ["${aws_s3_bucket.lake.arn}/${var.lake_prefix}/*"]

    condition {
      test     = "Null"
      variable = "s3:if-none-match"
      values   = ["false"]
    }
  }

  # The ledgers of redrives, by compare-and-swap. Those of shards and files belong to runs.
  statement {
    sid       = "ChangeOwnLedger"
    actions   = ["s3:PutObject"]
    resources = ["${aws_s3_bucket.lake.arn}/${var.lake_prefix}/_sluice/ledger/redrive-*"]

    condition {
      test     = "Null"
      variable = "s3:if-match"
      values   = ["false"]
    }
  }

  # To list ledgers, chunk manifests, redrives and claims, and to get 404 for what does not exist. No condition on the prefix:
  # the request for an object has none.
  statement {
    sid       = "ListLake"
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

  # For --bus. For SendMessageBatch, IAM requires SendMessage.
  statement {
    sid       = "SendToBus"
    actions   = ["sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:SendMessage"]
    resources = [aws_sqs_queue.bus.arn]
  }

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
    actions   = ["kms:Decrypt"]
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

# For an existing role, such as that of a CI pipeline.
resource "aws_iam_policy" "redriver" {
  name        = "${var.name}-redriver"
  description = "Reads quarantine and redrives records of ${var.name}"
  policy      = data.aws_iam_policy_document.redriver.json
}

resource "aws_iam_role" "redriver" {
  count = length(var.redriver_principal_arns) > 0 ? 1 : 0

  name               = "${var.name}-redriver"
  assume_role_policy = data.aws_iam_policy_document.person_trust["redriver"].json
}

resource "aws_iam_role_policy" "redriver" {
  count = length(var.redriver_principal_arns) > 0 ? 1 : 0

  name   = "redrive"
  role   = aws_iam_role.redriver[0].name
  policy = data.aws_iam_policy_document.redriver.json
}

# For sluice replay, as a whole or in parts: the role of a person, or of the jobs of AWS Batch.
data "aws_iam_policy_document" "backfill" {
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

  # Releases that have written to the lake, for --release ID --registry LAKE/_sluice.
  statement {
    sid     = "ReadReleasesOfLake"
    actions = ["s3:GetObject"]

    resources = [
      "${aws_s3_bucket.lake.arn}/${var.lake_prefix}/_sluice/cases/*",
      "${aws_s3_bucket.lake.arn}/${var.lake_prefix}/_sluice/components/*",
      "${aws_s3_bucket.lake.arn}/${var.lake_prefix}/_sluice/releases/*",
    ]
  }

  statement {
    sid       = "ReadOwnLakes"
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.lake.arn}/${var.backfill_prefix}/*"]
  }

  # The ledgers by compare-and-swap, all else create-only: the policy of the bucket sees to it.
  statement {
    sid       = "WriteOwnLakes"
    actions   = ["s3:PutObject"]
    resources = ["${aws_s3_bucket.lake.arn}/${var.backfill_prefix}/*"]
  }

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
    actions   = ["kms:Decrypt"]
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

# For --source archive:…, and for audits.
data "aws_iam_policy_document" "archive_reader" {
  count = var.archive ? 1 : 0

  statement {
    sid       = "ReadArchive"
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.archive[0].arn}/${local.archive_prefix}/*"]
  }

  statement {
    sid       = "ListArchive"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.archive[0].arn]
  }

  statement {
    sid       = "KeyOfArchive"
    actions   = ["kms:Decrypt"]
    resources = [aws_kms_key.archive[0].arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["s3.${var.region}.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "kms:EncryptionContext:aws:s3:arn"
      values   = [aws_s3_bucket.archive[0].arn]
    }
  }
}

data "aws_iam_policy_document" "backfiller" {
  source_policy_documents = compact([
    data.aws_iam_policy_document.backfill.json,
    one(data.aws_iam_policy_document.archive_reader[*].json),
  ])
}

resource "aws_iam_policy" "backfiller" {
  name        = "${var.name}-backfiller"
  description = "Replays the stream or the archive of ${var.name} into lakes of their own"
  policy      = data.aws_iam_policy_document.backfiller.json
}
