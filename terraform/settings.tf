# The settings of the program, as a function and as a worker.

locals {
  sluice_environment = merge(
    {
      SLUICE_LAKE         = local.lake_location
      SLUICE_BUS          = "sqs:${aws_sqs_queue.bus.name}"
      SLUICE_BUS_MESSAGES = var.bus_messages
      SLUICE_REGISTRY     = local.registry
      SLUICE_LOG_LEVEL    = var.log_level

      # The registry is empty until the first release, and its name comes from here, so it is not mistyped.
      SLUICE_ALLOW_EMPTY_REGISTRY = "true"
    },
    var.release_public_key == null ? {} : { SLUICE_PUBLIC_KEY = var.release_public_key },
    var.transform == null ? {} : { SLUICE_TRANSFORM = var.transform },
    var.jq == null ? {} : { SLUICE_JQ = var.jq },
    var.record_encoding == "none" ? {} : { SLUICE_RECORD_ENCODING = var.record_encoding },
    var.record_format == "json" ? {} : { SLUICE_RECORD_FORMAT = var.record_format },
    var.bus_message_bytes == null ? {} : { SLUICE_BUS_MESSAGE_BYTES = tostring(var.bus_message_bytes) },
    var.format == "ndjson" ? {} : { SLUICE_FORMAT = var.format },
    var.archive ? { SLUICE_ARCHIVE = local.archive } : {},
    var.schema == null ? {} : {
      SLUICE_SCHEMA = "s3://${aws_s3_bucket.registry.bucket}/${one(aws_s3_object.schema[*].key)}"

      # Not a setting: another schema starts the function or the workers again, which read it when they start.
      SCHEMA_SHA256 = filesha256(var.schema)
    },
    var.partition_by_date ? { SLUICE_TRANSFORM_CONFIG = jsonencode({ partition_by = ["date"] }) } : {},
    var.environment,
  )
}
