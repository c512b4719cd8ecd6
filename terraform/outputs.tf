output "stream_name" {
  description = "Where producers put events."
  value       = aws_kinesis_stream.events.name
}

output "producer_policy_arn" {
  description = "The policy that lets a role put events into the stream."
  value       = aws_iam_policy.producer.arn
}

output "lake" {
  description = "Where events land, as --lake takes it."
  value       = "s3://${aws_s3_bucket.lake.bucket}/${var.lake_prefix}"
}

output "registry" {
  description = "Where releases of the rules are, as SLUICE_REGISTRY takes it."
  value       = local.registry
}

output "publisher_policy_arn" {
  description = "The policy that lets a role publish and activate rules."
  value       = aws_iam_policy.publisher.arn
}

output "publisher_role_arn" {
  description = "The role that publishes and activates rules, where publisher_principal_arns names who may take it."
  value       = one(aws_iam_role.publisher[*].arn)
}

output "auditor_role_arn" {
  description = "The role that runs sluice audit, where auditor_principal_arns names who may take it."
  value       = one(aws_iam_role.auditor[*].arn)
}

output "bus_url" {
  description = "The queue with messages about events or objects."
  value       = aws_sqs_queue.bus.url
}

output "dead_letters_url" {
  description = "The queue with messages that consumers have failed on."
  value       = aws_sqs_queue.dead_letters.url
}

output "bus_key_arn" {
  description = "The key of the queues; a consumer needs kms:Decrypt by it."
  value       = aws_kms_key.bus.arn
}

output "lake_key_arn" {
  description = "The key of the lake; who reads it needs kms:Decrypt by it."
  value       = aws_kms_key.lake.arn
}

output "log_group" {
  description = "Where Sluice logs."
  value       = aws_cloudwatch_log_group.sluice.name
}

output "dashboard" {
  description = "The dashboard in the console."
  value       = "https://${var.region}.console.aws.amazon.com/cloudwatch/home?region=${var.region}#dashboards/dashboard/${var.name}"
}

output "athena_workgroup" {
  description = "The workgroup that queries of the lake run in."
  value       = aws_athena_workgroup.lake.name
}

output "table" {
  description = "The table of the lake, for FROM."
  value       = "${aws_glue_catalog_database.lake.name}.${aws_glue_catalog_table.events.name}"
}
