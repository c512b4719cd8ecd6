# The Iceberg table of the lake's events: the warehouse and the catalog. `sluice table create` creates the table in them,
# because its columns and its layout are those of Sluice.

locals {
  has_table   = var.table != "none"
  on_glue     = var.table == "glue"
  on_s3tables = var.table == "s3tables"

  table_runner       = local.has_table ? coalesce(var.table_builder, var.mode) : "none"
  table_on_lambda    = local.table_runner == "lambda"
  table_on_container = local.table_runner == "container"

  table_namespace = "${replace(var.name, "-", "_")}_iceberg"
  table_bucket    = "${var.name}-tables-${local.suffix}"

  # By its name, because the key of the table bucket names it too.
  table_bucket_arn = "arn:${local.partition}:s3tables:${var.region}:${local.account}:bucket/${local.table_bucket}"

  # With S3 Tables, this prefix has documents of Sluice only: watermarks, schemas, the lease of the builder.
  warehouse_prefix = "tables"

  # What each command of a table has to know.
  table_location = local.has_table ? {
    SLUICE_LAKE            = local.lake_location
    SLUICE_TABLE_NAME      = "${local.table_namespace}.${var.table_name}"
    SLUICE_TABLE_CATALOG   = local.on_glue ? "glue" : "s3tables:${one(aws_s3tables_table_bucket.table[*].arn)}"
    SLUICE_TABLE_WAREHOUSE = "s3://${one(aws_s3_bucket.warehouse[*].bucket)}/${local.warehouse_prefix}"
  } : {}
}

resource "aws_s3_bucket" "warehouse" {
  # checkov:skip=CKV_AWS_144: the table can be built again from the lake
  # checkov:skip=CKV2_AWS_62: readers ask the catalog for the current snapshot
  count = local.has_table ? 1 : 0

  bucket        = "${var.name}-warehouse-${local.suffix}"
  force_destroy = var.force_destroy
}

resource "aws_s3_bucket_ownership_controls" "warehouse" {
  count = local.has_table ? 1 : 0

  bucket = aws_s3_bucket.warehouse[0].id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "warehouse" {
  count = local.has_table ? 1 : 0

  bucket = aws_s3_bucket.warehouse[0].id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "warehouse" {
  count = local.has_table ? 1 : 0

  bucket = aws_s3_bucket.warehouse[0].id

  rule {
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.table[0].arn
    }
  }
}

resource "aws_s3_bucket_versioning" "warehouse" {
  count = local.has_table ? 1 : 0

  bucket = aws_s3_bucket.warehouse[0].id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_logging" "warehouse" {
  count = local.has_table ? 1 : 0

  bucket        = aws_s3_bucket.warehouse[0].id
  target_bucket = aws_s3_bucket.access_logs.id
  target_prefix = "warehouse/"
}

# No file of a table expires by its age: snapshots decide which files are needed.
resource "aws_s3_bucket_lifecycle_configuration" "warehouse" {
  count = local.has_table ? 1 : 0

  bucket = aws_s3_bucket.warehouse[0].id

  rule {
    id     = "leftovers"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }

    noncurrent_version_expiration {
      noncurrent_days = var.table_noncurrent_days
    }

    expiration {
      expired_object_delete_marker = true
    }
  }

  depends_on = [aws_s3_bucket_versioning.warehouse]
}

# Puts need no condition, unlike those of the lake: other engines compact the table.
resource "aws_s3_bucket_policy" "warehouse" {
  count = local.has_table ? 1 : 0

  bucket = aws_s3_bucket.warehouse[0].id
  policy = data.aws_iam_policy_document.tls_only["warehouse"].json

  depends_on = [aws_s3_bucket_public_access_block.warehouse]
}

resource "aws_glue_catalog_database" "table" {
  count = local.on_glue ? 1 : 0

  name        = local.table_namespace
  description = "The Iceberg table of what Sluice has landed"
}

resource "aws_s3tables_table_bucket" "table" {
  count = local.on_s3tables ? 1 : 0

  name          = local.table_bucket
  force_destroy = var.force_destroy

  encryption_configuration = {
    sse_algorithm = "aws:kms"
    kms_key_arn   = aws_kms_key.table[0].arn
  }

  # Files of attempts that were given up. Each is older than any attempt that can still be committed.
  maintenance_configuration = {
    iceberg_unreferenced_file_removal = {
      status = "enabled"
      settings = {
        unreferenced_days = 3
        non_current_days  = var.table_noncurrent_days
      }
    }
  }
}

resource "aws_s3tables_table_bucket_policy" "table" {
  count = local.on_s3tables ? 1 : 0

  table_bucket_arn = aws_s3tables_table_bucket.table[0].arn
  resource_policy  = data.aws_iam_policy_document.table_bucket[0].json
}

data "aws_iam_policy_document" "table_bucket" {
  count = local.on_s3tables ? 1 : 0

  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["s3tables:*"]
    resources = [local.table_bucket_arn, "${local.table_bucket_arn}/*"]

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

resource "aws_s3tables_namespace" "table" {
  count = local.on_s3tables ? 1 : 0

  namespace        = local.table_namespace
  table_bucket_arn = aws_s3tables_table_bucket.table[0].arn
}
