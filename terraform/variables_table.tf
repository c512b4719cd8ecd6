# The Iceberg table that a builder makes of the lake. docs/deploy.md explains the choices.

variable "table" {
  description = "Iceberg table of the lake's events: \"none\", \"glue\" (files in a bucket, Glue as the catalog) or \"s3tables\" (a table bucket of S3 Tables). You create the table itself with `sluice table create`; the builder then keeps it up to date."
  type        = string
  default     = "none"

  validation {
    condition     = contains(["none", "glue", "s3tables"], var.table)
    error_message = "Give \"none\", \"glue\" or \"s3tables\"."
  }
}

variable "table_name" {
  description = "Name of the table in its database or namespace, which is called after the pipeline."
  type        = string
  default     = "events"

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9_]{0,59}$", var.table_name))
    error_message = "Give 1 to 60 lowercase letters, digits and underscores, not beginning with an underscore. `sluice table rebuild` makes longer names of it."
  }
}

variable "table_builder" {
  description = "What runs the builder: \"lambda\", a function on a schedule, or \"container\", one task on ECS Fargate, for large lakes. null takes the one of mode."
  type        = string
  default     = null

  validation {
    condition     = var.table_builder == null ? true : contains(["lambda", "container"], var.table_builder)
    error_message = "Give \"lambda\", \"container\" or null."
  }

  validation {
    condition     = var.table == "none" || var.table_builder != "container" || (var.container_image != null && var.vpc_id != null && length(var.subnet_ids) > 0)
    error_message = "Give container_image, vpc_id and subnet_ids too: a builder on Fargate requires them."
  }
}

variable "table_minutes" {
  description = "Time between two runs of the function that builds the table, minutes. A shorter time makes more and smaller files. Lambda only."
  type        = number
  default     = 15

  validation {
    condition     = var.table_minutes >= 1 && var.table_minutes <= 60 && floor(var.table_minutes) == var.table_minutes
    error_message = "Give a whole number from 1 to 60."
  }
}

variable "table_memory_mb" {
  description = "Memory of the builder, MB; a quarter of it is for events and files that are written. Processor time of a function grows with it. Fargate allows certain combinations with table_cpu only."
  type        = number
  default     = 2048

  validation {
    condition     = var.table_memory_mb >= 1024 && var.table_memory_mb <= (coalesce(var.table_builder, var.mode) == "container" ? 122880 : 10240)
    error_message = "Give 1024 to 10240 MB for a function, or up to 122880 MB for a task."
  }
}

variable "table_cpu" {
  description = "Processor of the builder as a task; 1024 units are one core. Container only."
  type        = number
  default     = 1024

  validation {
    condition     = contains([256, 512, 1024, 2048, 4096, 8192, 16384], var.table_cpu)
    error_message = "Give 256, 512, 1024, 2048, 4096, 8192 or 16384 units, the sizes of Fargate."
  }
}

variable "table_scratch_mb" {
  description = "Storage in /tmp for the files of one commit, MB. A commit has up to 4 GiB of events, before compression. Lambda only; a task has 20 GiB."
  type        = number
  default     = 5120

  validation {
    condition     = var.table_scratch_mb >= 512 && var.table_scratch_mb <= 10240
    error_message = "Give 512 to 10240 MB."
  }
}

variable "table_reserve_concurrency" {
  description = "Whether one execution is reserved for the function that builds the table, which also keeps two from running at once. With false, a second one waits for the lease of the first one. AWS refuses a reservation if fewer than 100 unreserved executions would be left in the account."
  type        = bool
  default     = true
}

variable "table_environment" {
  description = "Further settings of the builder, by their environment variable: { SLUICE_TABLE_FILE_SIZE = \"64MiB\" }. Not for secrets."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key in keys(var.table_environment) : startswith(key, "SLUICE_")])
    error_message = "Give keys that begin with SLUICE_."
  }

  validation {
    condition     = length(setintersection(keys(var.table_environment), ["SLUICE_LAKE", "SLUICE_TABLE_NAME", "SLUICE_TABLE_CATALOG", "SLUICE_TABLE_WAREHOUSE"])) == 0
    error_message = "Leave out SLUICE_LAKE, SLUICE_TABLE_NAME, SLUICE_TABLE_CATALOG and SLUICE_TABLE_WAREHOUSE: permissions follow from the values of the module."
  }
}

variable "table_noncurrent_days" {
  description = "Retention of old versions in the warehouse's bucket, days."
  type        = number
  default     = 7

  validation {
    condition     = var.table_noncurrent_days >= 1
    error_message = "Give at least one day."
  }
}

variable "table_lag_alarm_seconds" {
  description = "Time that committed events wait for the table until the alarm is triggered, seconds. Lambda only."
  type        = number
  default     = 3600

  validation {
    condition     = var.table_lag_alarm_seconds >= 2 * 60 * var.table_minutes
    error_message = "Give at least twice the time between two runs (table_minutes)."
  }
}
