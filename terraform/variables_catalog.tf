# Variables of the Athena table over the objects of the lake, and of queries. event_types and partition_by_date are in variables.tf.

variable "first_date" {
  description = "First date of the table's partitions, if the lake is partitioned by date."
  type        = string
  default     = "2026-01-01"

  validation {
    condition     = can(regex("^[0-9]{4}-[0-9]{2}-[0-9]{2}$", var.first_date))
    error_message = "Give a date such as 2026-01-01."
  }
}

variable "extra_columns" {
  description = "Additional columns of a table over lines, in order: the fields of your events with their Hive types. Those of Parquet come from the schema."
  type        = list(object({ name = string, type = string }))
  default     = []

  validation {
    condition     = alltrue([for column in var.extra_columns : can(regex("^[a-z_][a-z0-9_]*$", column.name))])
    error_message = "Give column names of lowercase letters, digits and underscores."
  }

  validation {
    condition     = var.format == "ndjson" || length(var.extra_columns) == 0
    error_message = "Leave extra_columns out and give the fields of your events in a schema (variable schema): those of Parquet are columns of the objects."
  }
}

variable "athena_scan_limit_bytes" {
  description = "Limit of the data that one query reads, bytes. Athena stops a query that reaches it."
  type        = number
  default     = 107374182400

  validation {
    condition     = var.athena_scan_limit_bytes >= 10485760
    error_message = "Give at least 10485760 bytes (10 MiB), the minimum of Athena."
  }
}

variable "athena_result_days" {
  description = "Retention of query results, days."
  type        = number
  default     = 7

  validation {
    condition     = var.athena_result_days >= 1
    error_message = "Give at least one day."
  }
}
