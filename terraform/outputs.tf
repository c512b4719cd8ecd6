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

output "redriver_policy_arn" {
  description = "Policy for sluice quarantine and sluice redrive."
  value       = aws_iam_policy.redriver.arn
}

output "redriver_role_arn" {
  description = "Role for sluice quarantine and sluice redrive; null if redriver_principal_arns is empty."
  value       = one(aws_iam_role.redriver[*].arn)
}

output "archive" {
  description = "Archive of records as they came, in the notation of --archive; null if there is none. --source takes it after \"archive:\"."
  value       = local.archive
}

output "backfill" {
  description = "Place for lakes of replays, to which backfiller_policy_arn can write: give --lake a name below it."
  value       = "s3://${aws_s3_bucket.lake.bucket}/${var.backfill_prefix}"
}

output "backfiller_policy_arn" {
  description = "Policy for replays of the stream or the archive into lakes of their own, such as for the jobs of AWS Batch."
  value       = aws_iam_policy.backfiller.arn
}

output "archive_key_arn" {
  description = "Key of the archive; null if there is none."
  value       = one(aws_kms_key.archive[*].arn)
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

output "lake_table" {
  description = "Athena table over the objects of the lake."
  value       = "${aws_glue_catalog_database.lake.name}.${aws_glue_catalog_table.events.name}"
}

output "table" {
  description = "Iceberg table as queries of Athena name it; null if there is none."
  value = {
    none     = null
    glue     = "${local.table_namespace}.${var.table_name}"
    s3tables = "\"s3tablescatalog/${local.table_bucket}\".\"${local.table_namespace}\".\"${var.table_name}\""
  }[var.table]
}

output "table_catalog" {
  description = "Catalog of the Iceberg table, in the notation of --catalog; null if there is none."
  value       = lookup(local.table_location, "SLUICE_TABLE_CATALOG", null)
}

output "table_warehouse" {
  description = "Warehouse of the Iceberg table, in the notation of --warehouse; null if there is none. With S3 Tables, it has Sluice's own documents only."
  value       = lookup(local.table_location, "SLUICE_TABLE_WAREHOUSE", null)
}

output "table_bucket_arn" {
  description = "Table bucket of S3 Tables; null if there is none."
  value       = one(aws_s3tables_table_bucket.table[*].arn)
}

output "table_key_arn" {
  description = "Key of the Iceberg table; other programs that read it need kms:Decrypt with it. null if there is none."
  value       = one(aws_kms_key.table[*].arn)
}

output "table_builder_role_arn" {
  description = "Role of the builder of the Iceberg table; null if there is none."
  value       = one(aws_iam_role.table_builder[*].arn)
}

output "table_manager_policy_arn" {
  description = "Policy for sluice table create, evolve, rebuild and drop, and sluice audit --table; null if there is no table."
  value       = one(aws_iam_policy.table_manager[*].arn)
}

output "table_reader_policy_arn" {
  description = "Policy for reading the Iceberg table with Athena; null if there is none."
  value       = one(aws_iam_policy.table_reader[*].arn)
}

output "table_settings" {
  description = "Lines for a shell that tell the commands of tables where the table is: eval \"$(terraform output -raw table_settings)\"."
  value       = join("\n", [for name, value in merge(local.table_location, local.has_table ? { AWS_REGION = var.region } : {}) : "export ${name}='${value}'"])
}
