resource "aws_s3_bucket" "lake" {
  # checkov:skip=CKV_AWS_144: a copy in another region is a decision about data and cost, not a default
  # checkov:skip=CKV2_AWS_62: the bus notifies consumers; events of S3 would come before all objects of a chunk exist
  bucket        = "${var.name}-lake-${local.suffix}"
  force_destroy = var.force_destroy
}

resource "aws_s3_bucket_ownership_controls" "lake" {
  bucket = aws_s3_bucket.lake.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "lake" {
  bucket = aws_s3_bucket.lake.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "lake" {
  bucket = aws_s3_bucket.lake.id

  rule {
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.lake.arn
    }
  }
}

resource "aws_s3_bucket_versioning" "lake" {
  # checkov:skip=CKV_AWS_21: optional, and on by default (lake_versioning)
  bucket = aws_s3_bucket.lake.id

  versioning_configuration {
    status = var.lake_versioning ? "Enabled" : "Suspended"
  }
}

resource "aws_s3_bucket_logging" "lake" {
  bucket        = aws_s3_bucket.lake.id
  target_bucket = aws_s3_bucket.access_logs.id
  target_prefix = "lake/"
}

# Only events and quarantine expire or move. Ledgers and releases are small, and are always needed.
resource "aws_s3_bucket_lifecycle_configuration" "lake" {
  bucket = aws_s3_bucket.lake.id

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

  dynamic "rule" {
    for_each = var.lake_tiering == "none" ? [] : [var.lake_tiering]

    content {
      id     = "tiering"
      status = "Enabled"

      filter {
        prefix = "${var.lake_prefix}/event_type="
      }

      transition {
        days          = rule.value == "infrequent" ? var.lake_tiering_days : 0
        storage_class = rule.value == "infrequent" ? "STANDARD_IA" : "INTELLIGENT_TIERING"
      }
    }
  }

  dynamic "rule" {
    for_each = { for id, rule in local.lake_expiry : id => rule if rule.days != null }

    content {
      id     = rule.key
      status = "Enabled"

      filter {
        prefix = rule.value.prefix
      }

      expiration {
        days = rule.value.days
      }
    }
  }

  depends_on = [aws_s3_bucket_versioning.lake]
}

locals {
  # Also the ledgers of replays into other prefixes of this bucket.
  ledgers = "${aws_s3_bucket.lake.arn}/*/_sluice/ledger/*"

  lake_expiry = {
    events     = { prefix = "${var.lake_prefix}/event_type=", days = var.lake_expire_days }
    quarantine = { prefix = "${var.lake_prefix}/_sluice/quarantine/", days = var.quarantine_expire_days }
  }
}

resource "aws_s3_bucket_policy" "lake" {
  bucket = aws_s3_bucket.lake.id
  policy = data.aws_iam_policy_document.lake_bucket.json

  depends_on = [aws_s3_bucket_public_access_block.lake]
}

data "aws_iam_policy_document" "lake_bucket" {
  source_policy_documents = [data.aws_iam_policy_document.tls_only["lake"].json]

  # Nobody can overwrite an object: a put must create a new one.
  statement {
    sid           = "CreateOnly"
    effect        = "Deny"
    actions       = ["s3:PutObject"]
    not_resources = [local.ledgers]

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

  # A ledger changes by compare-and-swap only.
  statement {
    sid       = "CompareAndSwap"
    effect    = "Deny"
    actions   = ["s3:PutObject"]
    resources = [local.ledgers]

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }

    condition {
      test     = "Null"
      variable = "s3:if-none-match"
      values   = ["true"]
    }

    condition {
      test     = "Null"
      variable = "s3:if-match"
      values   = ["true"]
    }

    condition {
      test     = "Bool"
      variable = "s3:ObjectCreationOperation"
      values   = ["true"]
    }
  }
}

data "aws_iam_policy_document" "tls_only" {
  for_each = merge(
    {
      lake           = aws_s3_bucket.lake.arn
      registry       = aws_s3_bucket.registry.arn
      access_logs    = aws_s3_bucket.access_logs.arn
      athena_results = aws_s3_bucket.athena_results.arn
    },
    { for arn in aws_s3_bucket.warehouse[*].arn : "warehouse" => arn },
    { for arn in aws_s3_bucket.archive[*].arn : "archive" => arn },
  )

  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [each.value, "${each.value}/*"]

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
