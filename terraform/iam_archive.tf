# What a function or a worker needs in addition to archive records (check/iam.py compares it with the source).

data "aws_iam_policy_document" "archive_writer" {
  count = var.archive ? 1 : 0

  # A repetition recognizes its own object by HeadObject, for which IAM requires GetObject.
  statement {
    sid       = "FindArchived"
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.archive[0].arn}/${local.archive_prefix}/*"]
  }

  statement {
    sid       = "Archive"
    actions   = ["s3:PutObject"]
    resources = ["${aws_s3_bucket.archive[0].arn}/${local.archive_prefix}/*"]

    condition {
      test     = "Null"
      variable = "s3:if-none-match"
      values   = ["false"]
    }
  }

  # Without it, S3 returns 403 instead of 404 for an object that does not exist.
  statement {
    sid       = "KnowWhatIsNotThere"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.archive[0].arn]
  }

  statement {
    sid       = "KeyOfArchive"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
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

resource "aws_iam_role_policy" "lambda_archive" {
  count = var.archive && local.on_lambda ? 1 : 0

  name   = "archive"
  role   = aws_iam_role.lambda[0].name
  policy = data.aws_iam_policy_document.archive_writer[0].json
}

resource "aws_iam_role_policy" "task_archive" {
  count = var.archive && local.on_container ? 1 : 0

  name   = "archive"
  role   = aws_iam_role.task[0].name
  policy = data.aws_iam_policy_document.archive_writer[0].json
}
