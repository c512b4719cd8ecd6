# The archive: records as they came, one object for each chunk. A bucket of its own, with a key of its own, because records
# before the rules can hold what the lake must not.

locals {
  archive_prefix = "records"
  archive        = var.archive ? "s3://${aws_s3_bucket.archive[0].bucket}/${local.archive_prefix}" : null
}

resource "aws_s3_bucket" "archive" {
  # checkov:skip=CKV_AWS_144: a copy in another region is a decision about data and cost, not a default
  # checkov:skip=CKV2_AWS_62: nobody waits for archived records
  count = var.archive ? 1 : 0

  bucket        = "${var.name}-archive-${local.suffix}"
  force_destroy = var.force_destroy
}

resource "aws_s3_bucket_ownership_controls" "archive" {
  count = var.archive ? 1 : 0

  bucket = aws_s3_bucket.archive[0].id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "archive" {
  count = var.archive ? 1 : 0

  bucket = aws_s3_bucket.archive[0].id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "archive" {
  count = var.archive ? 1 : 0

  bucket = aws_s3_bucket.archive[0].id

  rule {
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.archive[0].arn
    }
  }
}

resource "aws_s3_bucket_versioning" "archive" {
  # checkov:skip=CKV_AWS_21: optional, and on by default (lake_versioning)
  count = var.archive ? 1 : 0

  bucket = aws_s3_bucket.archive[0].id

  versioning_configuration {
    status = var.lake_versioning ? "Enabled" : "Suspended"
  }
}

resource "aws_s3_bucket_logging" "archive" {
  count = var.archive ? 1 : 0

  bucket        = aws_s3_bucket.archive[0].id
  target_bucket = aws_s3_bucket.access_logs.id
  target_prefix = "archive/"
}

resource "aws_s3_bucket_lifecycle_configuration" "archive" {
  count = var.archive ? 1 : 0

  bucket = aws_s3_bucket.archive[0].id

  rule {
    id     = "leftovers"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }

    noncurrent_version_expiration {
      noncurrent_days = var.lake_noncurrent_days
    }

    expiration {
      expired_object_delete_marker = true
    }
  }

  # Not a class that must be restored before it is read: a replay reads all that it needs, at once.
  dynamic "rule" {
    for_each = var.archive_instant_days == null ? [] : [var.archive_instant_days]

    content {
      id     = "tiering"
      status = "Enabled"

      filter {
        prefix = "${local.archive_prefix}/"
      }

      transition {
        days          = rule.value
        storage_class = "GLACIER_IR"
      }
    }
  }

  dynamic "rule" {
    for_each = var.archive_expire_days == null ? [] : [var.archive_expire_days]

    content {
      id     = "records"
      status = "Enabled"

      filter {
        prefix = "${local.archive_prefix}/"
      }

      expiration {
        days = rule.value
      }
    }
  }

  depends_on = [aws_s3_bucket_versioning.archive]
}

resource "aws_s3_bucket_policy" "archive" {
  count = var.archive ? 1 : 0

  bucket = aws_s3_bucket.archive[0].id
  policy = data.aws_iam_policy_document.archive_bucket[0].json

  depends_on = [aws_s3_bucket_public_access_block.archive]
}

data "aws_iam_policy_document" "archive_bucket" {
  count = var.archive ? 1 : 0

  source_policy_documents = [data.aws_iam_policy_document.tls_only["archive"].json]

  # Nobody can overwrite an object. Nothing in the archive changes, so no put with If-Match is allowed either.
  statement {
    sid       = "CreateOnly"
    effect    = "Deny"
    actions   = ["s3:PutObject"]
    resources = ["${aws_s3_bucket.archive[0].arn}/*"]

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }

    condition {
      test     = "Null"
      variable = "s3:if-none-match"
      values   = ["true"]
    }

    # Parts of a multipart upload have no such header; its completion has.
    condition {
      test     = "Bool"
      variable = "s3:ObjectCreationOperation"
      values   = ["true"]
    }
  }
}
