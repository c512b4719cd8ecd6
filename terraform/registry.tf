# Where releases of the rules are, for `sluice transform publish` to write and for the program to read:
# components/<sha256>.wasm, cases/<sha256>.json (golden cases), releases/<id>.json with its signature beside
# it, and active.json, which says which release serves. It begins empty; until something is activated, the
# program serves the component that it carries.

locals {
  registry_prefix = "rules"
  registry        = "s3://${aws_s3_bucket.registry.bucket}/${local.registry_prefix}"
  registry_arn    = "${aws_s3_bucket.registry.arn}/${local.registry_prefix}"

  # What changes there: which release serves, and the signature of a release that is signed again.
  registry_changing = ["${local.registry_arn}/active.json", "${local.registry_arn}/releases/*.sig"]
}

resource "aws_s3_bucket" "registry" {
  # checkov:skip=CKV_AWS_144: what is published can be published again, from where it was built
  # checkov:skip=CKV2_AWS_62: the program looks at active.json itself, nobody has to be told
  bucket        = "${var.name}-registry-${local.suffix}"
  force_destroy = var.force_destroy
}

resource "aws_s3_bucket_ownership_controls" "registry" {
  bucket = aws_s3_bucket.registry.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "registry" {
  bucket = aws_s3_bucket.registry.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "registry" {
  bucket = aws_s3_bucket.registry.id

  rule {
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.registry.arn
    }
  }
}

# Who has activated what, and when, is in the versions of active.json.
resource "aws_s3_bucket_versioning" "registry" {
  bucket = aws_s3_bucket.registry.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_logging" "registry" {
  bucket        = aws_s3_bucket.registry.id
  target_bucket = aws_s3_bucket.access_logs.id
  target_prefix = "registry/"
}

resource "aws_s3_bucket_lifecycle_configuration" "registry" {
  bucket = aws_s3_bucket.registry.id

  rule {
    id     = "leftovers"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }

    noncurrent_version_expiration {
      noncurrent_days = var.registry_noncurrent_days
    }

    expiration {
      expired_object_delete_marker = true
    }
  }

  depends_on = [aws_s3_bucket_versioning.registry]
}

resource "aws_s3_bucket_policy" "registry" {
  bucket = aws_s3_bucket.registry.id
  policy = data.aws_iam_policy_document.registry_bucket.json

  depends_on = [aws_s3_bucket_public_access_block.registry]
}

data "aws_iam_policy_document" "registry_bucket" {
  source_policy_documents = [data.aws_iam_policy_document.tls_only["registry"].json]

  # What was published stays what it is; what changes does so by compare-and-swap only.
  statement {
    sid           = "CreateOnly"
    effect        = "Deny"
    actions       = ["s3:PutObject"]
    not_resources = local.registry_changing

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
      test     = "Bool"
      variable = "s3:ObjectCreationOperation"
      values   = ["true"]
    }
  }

  statement {
    sid       = "CompareAndSwap"
    effect    = "Deny"
    actions   = ["s3:PutObject"]
    resources = local.registry_changing

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
