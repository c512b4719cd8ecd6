# The registry of releases, which `sluice transform publish` writes and the program reads:
# components/<sha256>.wasm, cases/<sha256>.json (golden cases), releases/<id>.json, releases/<id>.sig (signatures),
# and active.json, which names the active release. It is empty at first, which SLUICE_ALLOW_EMPTY_REGISTRY permits.
# Until a release is activated, the program uses the transform that it was started with.

locals {
  registry_prefix = "rules"
  registry        = "s3://${aws_s3_bucket.registry.bucket}/${local.registry_prefix}"
  registry_arn    = "${aws_s3_bucket.registry.arn}/${local.registry_prefix}"

  # The schema of Parquet is next to the registry, not in it.
  schema_key = "schema.json"
  schema_arn = "${aws_s3_bucket.registry.arn}/${local.schema_key}"

  # The objects that change: active.json, and the signature of a release that is signed again.
  registry_changing = ["${local.registry_arn}/active.json", "${local.registry_arn}/releases/*.sig"]
}

resource "aws_s3_bucket" "registry" {
  # checkov:skip=CKV_AWS_144: a release can be published again from its build
  # checkov:skip=CKV2_AWS_62: the program polls active.json, so no notification is needed
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

# The versions of active.json record who activated what, and when.
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

  # Published objects never change. The others change by compare-and-swap only, except for the schema: Terraform puts it
  # without a condition.
  statement {
    sid           = "CreateOnly"
    effect        = "Deny"
    actions       = ["s3:PutObject"]
    not_resources = concat(local.registry_changing, [local.schema_arn])

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

# The schema of Parquet that Sluice reads when it starts. Sluice keeps its own copy in the lake, so this one can change.
resource "aws_s3_object" "schema" {
  count = var.schema == null ? 0 : 1

  bucket             = aws_s3_bucket.registry.bucket
  key                = local.schema_key
  source             = var.schema
  source_hash        = filesha256(var.schema)
  content_type       = "application/json"
  kms_key_id         = aws_kms_key.registry.arn
  bucket_key_enabled = true

  depends_on = [aws_s3_bucket_policy.registry, aws_s3_bucket_versioning.registry]
}
