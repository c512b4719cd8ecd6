# One key per kind of data, so that permission to read the lake does not include the stream.

resource "aws_kms_key" "stream" {
  description             = "${var.name}: the stream"
  policy                  = data.aws_iam_policy_document.key.json
  enable_key_rotation     = true
  deletion_window_in_days = 30
}

resource "aws_kms_key" "lake" {
  description             = "${var.name}: the lake and what is asked of it"
  policy                  = data.aws_iam_policy_document.key.json
  enable_key_rotation     = true
  deletion_window_in_days = 30
}

resource "aws_kms_key" "registry" {
  description             = "${var.name}: releases of the rules"
  policy                  = data.aws_iam_policy_document.key.json
  enable_key_rotation     = true
  deletion_window_in_days = 30
}

resource "aws_kms_key" "bus" {
  description             = "${var.name}: the queues"
  policy                  = data.aws_iam_policy_document.key.json
  enable_key_rotation     = true
  deletion_window_in_days = 30
}

resource "aws_kms_key" "table" {
  count = local.has_table ? 1 : 0

  description             = "${var.name}: the Iceberg table"
  policy                  = data.aws_iam_policy_document.table_key[0].json
  enable_key_rotation     = true
  deletion_window_in_days = 30
}

resource "aws_kms_key" "archive" {
  count = var.archive ? 1 : 0

  description             = "${var.name}: records as they came"
  policy                  = data.aws_iam_policy_document.key.json
  enable_key_rotation     = true
  deletion_window_in_days = 30
}

resource "aws_kms_key" "logs" {
  count = var.log_encryption ? 1 : 0

  description             = "${var.name}: the logs"
  policy                  = data.aws_iam_policy_document.log_key.json
  enable_key_rotation     = true
  deletion_window_in_days = 30
}

resource "aws_kms_alias" "stream" {
  name          = "alias/${var.name}-stream"
  target_key_id = aws_kms_key.stream.key_id
}

resource "aws_kms_alias" "lake" {
  name          = "alias/${var.name}-lake"
  target_key_id = aws_kms_key.lake.key_id
}

resource "aws_kms_alias" "registry" {
  name          = "alias/${var.name}-registry"
  target_key_id = aws_kms_key.registry.key_id
}

resource "aws_kms_alias" "bus" {
  name          = "alias/${var.name}-bus"
  target_key_id = aws_kms_key.bus.key_id
}

resource "aws_kms_alias" "table" {
  count = local.has_table ? 1 : 0

  name          = "alias/${var.name}-table"
  target_key_id = aws_kms_key.table[0].key_id
}

resource "aws_kms_alias" "archive" {
  count = var.archive ? 1 : 0

  name          = "alias/${var.name}-archive"
  target_key_id = aws_kms_key.archive[0].key_id
}

resource "aws_kms_alias" "logs" {
  count = var.log_encryption ? 1 : 0

  name          = "alias/${var.name}-logs"
  target_key_id = aws_kms_key.logs[0].key_id
}

# IAM policies of the account decide who can use a key. In a key policy, "*" means that key.
data "aws_iam_policy_document" "key" {
  # checkov:skip=CKV_AWS_109: a key that the account cannot manage is lost; the resource is this key alone
  # checkov:skip=CKV_AWS_111: as above
  # checkov:skip=CKV_AWS_356: in the policy of a key "*" means this key
  statement {
    sid       = "Account"
    actions   = ["kms:*"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["arn:${local.partition}:iam::${local.account}:root"]
    }
  }
}

data "aws_iam_policy_document" "table_key" {
  # checkov:skip=CKV_AWS_109: a key that the account cannot manage is lost; the resource is this key alone
  # checkov:skip=CKV_AWS_111: as above
  # checkov:skip=CKV_AWS_356: in the policy of a key "*" means this key
  count = local.has_table ? 1 : 0

  source_policy_documents = [data.aws_iam_policy_document.key.json]

  # S3 Tables compacts tables and removes files; without this, it creates no table.
  dynamic "statement" {
    for_each = local.on_s3tables ? ["MaintenanceOfTables"] : []

    content {
      sid       = statement.value
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = ["*"]

      principals {
        type        = "Service"
        identifiers = ["maintenance.s3tables.amazonaws.com"]
      }

      condition {
        test     = "StringLike"
        variable = "kms:EncryptionContext:aws:s3:arn"
        values   = ["${local.table_bucket_arn}/*"]
      }
    }
  }
}

data "aws_iam_policy_document" "log_key" {
  # checkov:skip=CKV_AWS_109: a key that the account cannot manage is lost; the resource is this key alone
  # checkov:skip=CKV_AWS_111: as above
  # checkov:skip=CKV_AWS_356: in the policy of a key "*" means this key
  source_policy_documents = [data.aws_iam_policy_document.key.json]

  statement {
    sid = "LogGroupsOfThisPipeline"

    actions = [
      "kms:Decrypt",
      "kms:DescribeKey",
      "kms:Encrypt",
      "kms:GenerateDataKey*",
      "kms:ReEncrypt*",
    ]

    resources = ["*"]

    principals {
      type        = "Service"
      identifiers = ["logs.${var.region}.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "kms:EncryptionContext:aws:logs:arn"
      values = [
        for group in concat([local.log_group], local.has_table ? [local.table_log_group] : []) :
        "arn:${local.partition}:logs:${var.region}:${local.account}:log-group:${group}"
      ]
    }
  }
}
