resource "aws_kinesis_stream" "events" {
  name             = var.name
  retention_period = var.stream_retention_hours
  shard_count      = var.stream_shards > 0 ? var.stream_shards : null

  encryption_type = "KMS"
  kms_key_id      = aws_kms_key.stream.arn

  stream_mode_details {
    stream_mode = var.stream_shards > 0 ? "PROVISIONED" : "ON_DEMAND"
  }
}
