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
}

resource "aws_glue_catalog_database" "lake" {
  name        = replace(var.name, "-", "_")
  description = "What Sluice has landed"
}

resource "aws_glue_catalog_table" "events" {
  database_name = aws_glue_catalog_database.lake.name
  name          = "events"
  description   = "Events of the lake: newline-delimited JSON, zstd"
  table_type    = "EXTERNAL_TABLE"

  parameters = merge({ EXTERNAL = "TRUE", classification = "json" }, local.projection)

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
    input_format  = "org.apache.hadoop.mapred.TextInputFormat"
    output_format = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"

    ser_de_info {
      name                  = "openx"
      serialization_library = "org.openx.data.jsonserde.JsonSerDe"
    }

    columns {
      name    = "event_uuid"
      type    = "string"
      comment = "As the producer gave it"
    }

    columns {
      name    = "event_name"
      type    = "string"
      comment = "Parts with colons between them"
    }

    columns {
      name    = "created_at"
      type    = "double"
      comment = "Seconds since the Unix epoch"
    }

    columns {
      name    = "created_datetime"
      type    = "string"
      comment = "The same, ISO 8601 in UTC: from_iso8601_timestamp(created_datetime)"
    }

    columns {
      name    = "event_subtype"
      type    = "string"
      comment = "The second part of the name"
    }

    dynamic "columns" {
      for_each = var.extra_columns

      content {
        name = columns.value.name
        type = columns.value.type
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
  query       = "SELECT event_name, event_subtype, created_datetime FROM events WHERE event_type = 'lesson' LIMIT 10"
}
