output "stream_name" {
  description = "Stream for producers' events."
  value       = aws_kinesis_stream.events.name
}

output "producer_policy_arn" {
  description = "Policy that allows putting events into the stream."
  value       = aws_iam_policy.producer.arn
}

output "lake" {
  description = "Lake, in the notation of --lake."
  value       = "s3://${aws_s3_bucket.lake.bucket}/${var.lake_prefix}"
}

output "registry" {
  description = "Registry of releases, in the notation of SLUICE_REGISTRY."
  value       = local.registry
}

output "publisher_policy_arn" {
  description = "Policy that allows publishing and activating rules."
  value       = aws_iam_policy.publisher.arn
}

output "publisher_role_arn" {
  description = "Role for publishing and activating rules; null if publisher_principal_arns is empty."
  value       = one(aws_iam_role.publisher[*].arn)
}

output "auditor_role_arn" {
  description = "Role for sluice audit; null if auditor_principal_arns is empty."
  value       = one(aws_iam_role.auditor[*].arn)
}

output "bus_url" {
  description = "Queue of messages about events or objects."
  value       = aws_sqs_queue.bus.url
}

output "dead_letters_url" {
  description = "Queue of messages on which consumers have failed."
  value       = aws_sqs_queue.dead_letters.url
}

output "bus_key_arn" {
  description = "Key of the queues; consumers need kms:Decrypt with it."
  value       = aws_kms_key.bus.arn
}

output "lake_key_arn" {
  description = "Key of the lake; readers need kms:Decrypt with it."
  value       = aws_kms_key.lake.arn
}

output "log_group" {
  description = "Log group of Sluice."
  value       = aws_cloudwatch_log_group.sluice.name
}

output "dashboard" {
  description = "Dashboard in the console."
  value       = "https://${var.region}.console.aws.amazon.com/cloudwatch/home?region=${var.region}#dashboards/dashboard/${var.name}"
}

output "athena_workgroup" {
  description = "Athena workgroup for queries of the lake."
  value       = aws_athena_workgroup.lake.name
}

output "table" {
  description = "Athena table of the lake."
  value       = "${aws_glue_catalog_database.lake.name}.${aws_glue_catalog_table.events.name}"
}
