locals {
  lake_location = "s3://${aws_s3_bucket.lake.bucket}/${var.lake_prefix}"

  # Partition projection: partitions are computed from the query, so a new event type needs no registration.
  projection = merge(
    {
      "projection.enabled"         = "true"
      "projection.event_type.type" = length(var.event_types) > 0 ? "enum" : "injected"
    },
    length(var.event_types) > 0 ? {
      "projection.event_type.values" = join(",", var.event_types)
    } : {},
    var.partition_by_date ? {
      "projection.date.type"          = "date"
      "projection.date.format"        = "yyyy-MM-dd"
      "projection.date.range"         = "${var.first_date},NOW+1DAYS"
      "projection.date.interval"      = "1"
      "projection.date.interval.unit" = "DAYS"
    } : {},
    {
      "storage.location.template" = join("/", concat(
        [local.lake_location, "event_type=$${event_type}"],
        var.partition_by_date ? ["date=$${date}"] : [],
        [""],
      ))
    },
  )

  table_format = {
    ndjson = {
      description    = "Events of the lake: newline-delimited JSON, zstd"
      classification = "json"
      input          = "org.apache.hadoop.mapred.TextInputFormat"
      output         = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"
      serde_name     = "openx"
      serde          = "org.openx.data.jsonserde.JsonSerDe"
    }
    parquet = {
      description    = "Events of the lake: Parquet"
      classification = "parquet"
      input          = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat"
      output         = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"
      serde_name     = "parquet"
      serde          = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
    }
  }[var.format]
}

resource "aws_glue_catalog_database" "lake" {
  name        = replace(var.name, "-", "_")
  description = "What Sluice has landed"
}

resource "aws_glue_catalog_table" "events" {
  database_name = aws_glue_catalog_database.lake.name
  name          = "events"
  description   = local.table_format.description
  table_type    = "EXTERNAL_TABLE"

  parameters = merge({ EXTERNAL = "TRUE", classification = local.table_format.classification }, local.projection)

  partition_keys {
    name = "event_type"
    type = "string"
  }

  dynamic "partition_keys" {
    for_each = var.partition_by_date ? ["date"] : []

    content {
      name = partition_keys.value
      type = "string"
    }
  }

  storage_descriptor {
    location      = "${local.lake_location}/"
    input_format  = local.table_format.input
    output_format = local.table_format.output

    ser_de_info {
      name                  = local.table_format.serde_name
      serialization_library = local.table_format.serde
    }

    dynamic "columns" {
      for_each = local.table_columns

      content {
        name    = columns.value.name
        type    = columns.value.type
        comment = columns.value.comment
      }
    }
  }
}

resource "aws_athena_workgroup" "lake" {
  name          = var.name
  description   = "Queries of the lake"
  force_destroy = var.force_destroy

  configuration {
    enforce_workgroup_configuration    = true
    publish_cloudwatch_metrics_enabled = true
    bytes_scanned_cutoff_per_query     = var.athena_scan_limit_bytes

    engine_version {
      selected_engine_version = "Athena engine version 3"
    }

    result_configuration {
      output_location       = "s3://${aws_s3_bucket.athena_results.bucket}/results/"
      expected_bucket_owner = local.account

      encryption_configuration {
        encryption_option = "SSE_KMS"
        kms_key_arn       = aws_kms_key.lake.arn
      }
    }
  }
}

resource "aws_athena_named_query" "first_look" {
  name        = "${var.name}-first-look"
  description = "Events of one type"
  workgroup   = aws_athena_workgroup.lake.id
  database    = aws_glue_catalog_database.lake.name
  query       = "SELECT ${var.schema == null ? "event_name, event_subtype, created_datetime" : "*"} FROM events WHERE event_type = 'lesson' LIMIT 10"
}
