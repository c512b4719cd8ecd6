# Permissions of people for the Iceberg table: managing it, and reading it with Athena. Attach the policies to their roles.

# For sluice table create, status, evolve, rebuild and drop, and sluice audit --table: what a builder may do, and the
# catalog.
data "aws_iam_policy_document" "table_manager" {
  count = local.has_table ? 1 : 0

  source_policy_documents = compact([
    data.aws_iam_policy_document.table_builder[0].json,
    data.aws_iam_policy_document.table_purge[0].json,
    one(data.aws_iam_policy_document.table_manager_glue[*].json),
    one(data.aws_iam_policy_document.table_builder_s3tables[*].json),
    one(data.aws_iam_policy_document.table_manager_s3tables[*].json),
  ])
}

# For sluice table drop --purge, and to remove files of attempts that were given up.
data "aws_iam_policy_document" "table_purge" {
  count = local.has_table ? 1 : 0

  statement {
    sid       = "RemoveFiles"
    actions   = ["s3:DeleteObject"]
    resources = ["${aws_s3_bucket.warehouse[0].arn}/${local.warehouse_prefix}/*"]
  }
}

# `create` and `rebuild` ask for the database, which exists.
data "aws_iam_policy_document" "table_manager_glue" {
  count = local.on_glue ? 1 : 0

  statement {
    sid = "ManageTables"
    actions = [
      "glue:CreateDatabase",
      "glue:CreateTable",
      "glue:DeleteTable",
      "glue:GetDatabase",
      "glue:GetTable",
      "glue:GetTables",
      "glue:UpdateTable",
    ]

    resources = [
      local.glue_catalog_arn,
      aws_glue_catalog_database.table[0].arn,
      "${local.glue_tables_arn}/*",
    ]
  }
}

# In addition to what a builder may do. `create` and `rebuild` ask for the namespace, which exists.
data "aws_iam_policy_document" "table_manager_s3tables" {
  count = local.on_s3tables ? 1 : 0

  statement {
    sid = "ManageTables"
    actions = [
      "s3tables:CreateNamespace",
      "s3tables:CreateTable",
      "s3tables:DeleteTable",
      "s3tables:GetNamespace",
      "s3tables:ListTables",
      "s3tables:RenameTable",
    ]

    resources = [
      aws_s3tables_table_bucket.table[0].arn,
      "${aws_s3tables_table_bucket.table[0].arn}/table/*",
    ]
  }
}

resource "aws_iam_policy" "table_manager" {
  count = local.has_table ? 1 : 0

  name        = "${var.name}-table-manager"
  description = "Creates, changes and audits the Iceberg table of ${var.name}"
  policy      = data.aws_iam_policy_document.table_manager[0].json
}

# For queries with Athena in the workgroup of the lake. Readers of the table need nothing of the lake.
data "aws_iam_policy_document" "table_reader" {
  count = local.has_table ? 1 : 0

  source_policy_documents = compact([
    data.aws_iam_policy_document.query[0].json,
    one(data.aws_iam_policy_document.table_reader_glue[*].json),
    one(data.aws_iam_policy_document.table_reader_s3tables[*].json),
  ])
}

data "aws_iam_policy_document" "query" {
  count = local.has_table ? 1 : 0

  statement {
    sid = "Query"
    actions = [
      "athena:GetQueryExecution",
      "athena:GetQueryResults",
      "athena:GetWorkGroup",
      "athena:StartQueryExecution",
      "athena:StopQueryExecution",
    ]
    resources = [aws_athena_workgroup.lake.arn]
  }

  statement {
    sid       = "Results"
    actions   = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"]
    resources = ["${aws_s3_bucket.athena_results.arn}/results/*"]
  }

  statement {
    sid       = "FindResults"
    actions   = ["s3:GetBucketLocation", "s3:ListBucket"]
    resources = [aws_s3_bucket.athena_results.arn]
  }

  statement {
    sid       = "KeyOfResults"
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
      values   = [aws_s3_bucket.athena_results.arn]
    }
  }
}

data "aws_iam_policy_document" "table_reader_glue" {
  count = local.on_glue ? 1 : 0

  # Athena looks at the database `default`, too.
  statement {
    sid     = "FindTables"
    actions = ["glue:GetDatabase", "glue:GetTable", "glue:GetTables"]

    resources = [
      local.glue_catalog_arn,
      "${local.glue_arn}:database/default",
      aws_glue_catalog_database.table[0].arn,
      "${local.glue_tables_arn}/*",
    ]
  }

  # Files of tables, without Sluice's own documents.
  statement {
    sid       = "ReadTables"
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.warehouse[0].arn}/${local.warehouse_prefix}/${local.table_namespace}/*"]
  }

  statement {
    sid       = "ListWarehouse"
    actions   = ["s3:GetBucketLocation", "s3:ListBucket"]
    resources = [aws_s3_bucket.warehouse[0].arn]
  }

  statement {
    sid       = "KeyOfWarehouse"
    actions   = ["kms:Decrypt"]
    resources = [aws_kms_key.table[0].arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["s3.${var.region}.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "kms:EncryptionContext:aws:s3:arn"
      values   = [aws_s3_bucket.warehouse[0].arn]
    }
  }
}

# Athena finds tables of S3 Tables through the federated catalog s3tablescatalog, of which an account has one in each region.
data "aws_iam_policy_document" "table_reader_s3tables" {
  count = local.on_s3tables ? 1 : 0

  statement {
    sid     = "FindTables"
    actions = ["glue:GetCatalog", "glue:GetDatabase", "glue:GetTable", "glue:GetTables"]

    resources = [
      local.glue_catalog_arn,
      "${local.glue_catalog_arn}/s3tablescatalog",
      "${local.glue_catalog_arn}/s3tablescatalog/${local.table_bucket}",
      "${local.glue_arn}:database/s3tablescatalog/${local.table_bucket}/${local.table_namespace}",
      "${local.glue_arn}:table/s3tablescatalog/${local.table_bucket}/${local.table_namespace}/*",
    ]
  }

  statement {
    sid = "ReadTables"
    actions = [
      "s3tables:GetNamespace",
      "s3tables:GetTable",
      "s3tables:GetTableBucket",
      "s3tables:GetTableData",
      "s3tables:GetTableMetadataLocation",
      "s3tables:ListNamespaces",
      "s3tables:ListTables",
    ]

    resources = [
      aws_s3tables_table_bucket.table[0].arn,
      "${aws_s3tables_table_bucket.table[0].arn}/table/*",
    ]
  }

  statement {
    sid       = "KeyOfTables"
    actions   = ["kms:Decrypt"]
    resources = [aws_kms_key.table[0].arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["s3.${var.region}.amazonaws.com", "s3tables.${var.region}.amazonaws.com"]
    }

    condition {
      test     = "StringLike"
      variable = "kms:EncryptionContext:aws:s3:arn"
      values   = ["${aws_s3tables_table_bucket.table[0].arn}/*"]
    }
  }
}

resource "aws_iam_policy" "table_reader" {
  count = local.has_table ? 1 : 0

  name        = "${var.name}-table-reader"
  description = "Reads the Iceberg table of ${var.name} with Athena"
  policy      = data.aws_iam_policy_document.table_reader[0].json
}
