# The permissions of the builder of the Iceberg table, call by call (check/iam.py compares them with the source), and what
# else its function needs. The builder has a role of its own: it needs neither the stream, nor the bus, nor the rules.

resource "aws_iam_role" "table_builder" {
  count = local.has_table ? 1 : 0

  name               = "${var.name}-table-builder"
  assume_role_policy = local.table_on_lambda ? data.aws_iam_policy_document.lambda_trust.json : data.aws_iam_policy_document.task_trust.json
}

# The lake and the warehouse, for builders and for who manages the table. Nothing of the lake can be changed, and
# quarantine and releases cannot be read.
data "aws_iam_policy_document" "table_builder" {
  count = local.has_table ? 1 : 0

  statement {
    sid     = "ReadLake"
    actions = ["s3:GetObject"]

    resources = [
      "${aws_s3_bucket.lake.arn}/${var.lake_prefix}/_sluice/chunks/*",
      "${aws_s3_bucket.lake.arn}/${var.lake_prefix}/_sluice/ledger/*",
      "${aws_s3_bucket.lake.arn}/${var.lake_prefix}/_sluice/schemas/*",
      "${aws_s3_bucket.lake.arn}/${var.lake_prefix}/event_type=*",
    ]
  }

  # To list ledgers and chunk manifests, and to get 404 for an object that has expired. A condition on the prefix would
  # prevent that: the request for an object has none.
  statement {
    sid       = "ListLake"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.lake.arn]
  }

  statement {
    sid       = "WriteWarehouse"
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = ["${aws_s3_bucket.warehouse[0].arn}/${local.warehouse_prefix}/*"]
  }

  # For 404, too.
  statement {
    sid       = "ListWarehouse"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.warehouse[0].arn]
  }

  statement {
    sid       = "KeyOfLake"
    actions   = ["kms:Decrypt"]
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
    sid       = "KeyOfWarehouse"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
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

data "aws_iam_policy_document" "table_builder_glue" {
  count = local.on_glue ? 1 : 0

  statement {
    sid     = "CommitToTable"
    actions = ["glue:GetTable", "glue:UpdateTable"]

    resources = [
      local.glue_catalog_arn,
      aws_glue_catalog_database.table[0].arn,
      "${local.glue_tables_arn}/${var.table_name}",
    ]
  }
}

# The ARN of a table has an id that S3 Tables chooses, and the bucket has no other tables.
data "aws_iam_policy_document" "table_builder_s3tables" {
  count = local.on_s3tables ? 1 : 0

  statement {
    sid = "CommitToTable"
    actions = [
      "s3tables:GetTable",
      "s3tables:GetTableData",
      "s3tables:PutTableData",
      "s3tables:UpdateTableMetadataLocation",
    ]
    resources = ["${aws_s3tables_table_bucket.table[0].arn}/table/*"]
  }

  statement {
    sid       = "KeyOfTables"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
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

data "aws_iam_policy_document" "write_table_logs" {
  count = local.has_table ? 1 : 0

  statement {
    sid       = "WriteLogs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.table[0].arn}:*"]
  }
}

locals {
  glue_arn         = "arn:${local.partition}:glue:${var.region}:${local.account}"
  glue_catalog_arn = "${local.glue_arn}:catalog"
  glue_tables_arn  = "${local.glue_arn}:table/${local.table_namespace}"
}

resource "aws_iam_role_policy" "table_builder" {
  count = local.has_table ? 1 : 0

  name   = "build"
  role   = aws_iam_role.table_builder[0].name
  policy = data.aws_iam_policy_document.table_builder[0].json
}

resource "aws_iam_role_policy" "table_builder_glue" {
  count = local.on_glue ? 1 : 0

  name   = "catalog"
  role   = aws_iam_role.table_builder[0].name
  policy = data.aws_iam_policy_document.table_builder_glue[0].json
}

resource "aws_iam_role_policy" "table_builder_s3tables" {
  count = local.on_s3tables ? 1 : 0

  name   = "catalog"
  role   = aws_iam_role.table_builder[0].name
  policy = data.aws_iam_policy_document.table_builder_s3tables[0].json
}

# A function writes its logs itself; for a task, ECS does.
resource "aws_iam_role_policy" "table_builder_logs" {
  count = local.table_on_lambda ? 1 : 0

  name   = "logs"
  role   = aws_iam_role.table_builder[0].name
  policy = data.aws_iam_policy_document.write_table_logs[0].json
}

resource "aws_iam_role_policy" "execution_table_logs" {
  count = local.table_on_container ? 1 : 0

  name   = "table-logs"
  role   = aws_iam_role.execution[0].name
  policy = data.aws_iam_policy_document.write_table_logs[0].json
}

# The role with which the schedule invokes the function.

data "aws_iam_policy_document" "schedule_trust" {
  count = local.table_on_lambda ? 1 : 0

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["scheduler.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = ["arn:${local.partition}:scheduler:${var.region}:${local.account}:schedule-group/default"]
    }
  }
}

data "aws_iam_policy_document" "table_schedule" {
  count = local.table_on_lambda ? 1 : 0

  statement {
    sid       = "Invoke"
    actions   = ["lambda:InvokeFunction"]
    resources = [aws_lambda_function.table[0].arn]
  }
}

resource "aws_iam_role" "table_schedule" {
  count = local.table_on_lambda ? 1 : 0

  name               = "${var.name}-table-schedule"
  assume_role_policy = data.aws_iam_policy_document.schedule_trust[0].json
}

resource "aws_iam_role_policy" "table_schedule" {
  count = local.table_on_lambda ? 1 : 0

  name   = "invoke"
  role   = aws_iam_role.table_schedule[0].name
  policy = data.aws_iam_policy_document.table_schedule[0].json
}
