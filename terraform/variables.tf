# Variables of every pipeline. Those of the two modes, of queries and of the Iceberg table are in files of their own.

variable "name" {
  description = "Name of the pipeline. It is part of the names of the stream, the queues, the function or service and the alarms."
  type        = string
  default     = "sluice"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,20}[a-z0-9]$", var.name))
    error_message = "Give 3 to 22 lowercase letters, digits and hyphens, beginning with a letter: it becomes part of bucket names."
  }
}

variable "region" {
  description = "Region of all resources, such as us-east-1."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "Give a region such as us-east-1."
  }
}

variable "mode" {
  description = "What runs Sluice: \"lambda\", a function behind an event source mapping, or \"container\", workers on ECS Fargate."
  type        = string
  default     = "lambda"

  validation {
    condition     = contains(["lambda", "container"], var.mode)
    error_message = "Give \"lambda\" or \"container\"."
  }
}

variable "architecture" {
  description = "Processor of the function or the tasks: \"x86_64\" or \"arm64\". The zip or the image must be for it."
  type        = string
  default     = "x86_64"

  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "Give \"x86_64\" or \"arm64\"."
  }
}

variable "tags" {
  description = "Tags of every resource, in addition to application and pipeline."
  type        = map(string)
  default     = {}
}

variable "environment" {
  description = "Further settings of Sluice, by their environment variable: { SLUICE_CHUNK_BYTES = \"32MiB\" }. Not for secrets."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key in keys(var.environment) : startswith(key, "SLUICE_")])
    error_message = "Give keys that begin with SLUICE_."
  }

  validation {
    condition     = alltrue([for key in keys(var.environment) : !startswith(key, "SLUICE_TABLE_")])
    error_message = "Put settings of the builder (SLUICE_TABLE_…) into table_environment."
  }

  validation {
    condition     = length(setintersection(keys(var.environment), ["SLUICE_FORMAT", "SLUICE_SCHEMA"])) == 0
    error_message = "Set the variables format and schema instead of SLUICE_FORMAT and SLUICE_SCHEMA: the table follows from them."
  }

  validation {
    condition     = var.mode != "container" || lookup(var.environment, "SLUICE_LOG_FORMAT", "json") == "json"
    error_message = "Set SLUICE_LOG_FORMAT to json or leave it out: alarms search for a field of the JSON log."
  }
}

variable "log_level" {
  description = "What Sluice logs: a level, or directives such as \"warn,transform=debug\"."
  type        = string
  default     = "info"
}

variable "log_retention_days" {
  description = "Retention of log groups, days. CloudWatch Logs allows certain values only."
  type        = number
  default     = 365

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "Give a retention that CloudWatch Logs allows, such as 30, 90 or 365 days."
  }
}

variable "log_encryption" {
  description = "Whether log groups are encrypted with a key of this pipeline (true) or with one of AWS (false)."
  type        = bool
  default     = true
}

# The stream.

variable "stream_shards" {
  description = "Shards of a provisioned stream; 0 makes an on-demand stream."
  type        = number
  default     = 0

  validation {
    condition     = var.stream_shards >= 0 && floor(var.stream_shards) == var.stream_shards
    error_message = "Give a whole number, 0 for an on-demand stream."
  }
}

variable "stream_retention_hours" {
  description = "Retention of the stream, hours: the time that you have to repair a failure."
  type        = number
  default     = 168

  validation {
    condition     = var.stream_retention_hours >= 24 && var.stream_retention_hours <= 8760
    error_message = "Give 24 to 8760 hours."
  }
}

# The lake.

variable "lake_prefix" {
  description = "Prefix of the lake in its bucket, without leading and trailing slashes."
  type        = string
  default     = "events"

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*$", var.lake_prefix))
    error_message = "Give names of letters, digits, dots, underscores and hyphens with single slashes between them, none beginning with an underscore: query engines skip such names."
  }
}

variable "lake_versioning" {
  description = "Whether the lake's bucket keeps versions that were overwritten or deleted, for lake_noncurrent_days."
  type        = bool
  default     = true
}

variable "lake_noncurrent_days" {
  description = "Retention of old versions in the lake's bucket, days."
  type        = number
  default     = 30

  validation {
    condition     = var.lake_noncurrent_days >= 1
    error_message = "Give at least one day."
  }
}

variable "lake_tiering" {
  description = "Storage class of events over time: \"none\" (S3 Standard), \"intelligent\" (Intelligent-Tiering at once) or \"infrequent\" (Standard-IA after lake_tiering_days)."
  type        = string
  default     = "none"

  validation {
    condition     = contains(["none", "intelligent", "infrequent"], var.lake_tiering)
    error_message = "Give \"none\", \"intelligent\" or \"infrequent\"."
  }
}

variable "lake_tiering_days" {
  description = "Age at which events move to Standard-IA, days."
  type        = number
  default     = 90

  validation {
    condition     = var.lake_tiering_days >= 30
    error_message = "Give at least 30 days: S3 does not move objects to Standard-IA earlier."
  }
}

variable "lake_expire_days" {
  description = "Age at which events are deleted from the lake, days; null keeps them. With a table (variable table), the events stay in the table."
  type        = number
  default     = null

  validation {
    condition     = var.lake_expire_days == null ? true : var.lake_expire_days * 24 > var.stream_retention_hours
    error_message = "Give more than the stream's retention: a repeated chunk needs its earlier objects."
  }

  validation {
    condition     = var.lake_expire_days == null || var.table == "none" ? true : var.lake_expire_days >= 7 && var.lake_expire_days * 86400 >= 10 * var.table_lag_alarm_seconds
    error_message = "Give at least 7 days, and ten times table_lag_alarm_seconds: an event that expires before the builder has added it stops the table. This is the time that you have for a repair."
  }
}

variable "quarantine_expire_days" {
  description = "Age at which quarantined records are deleted, days; null keeps them."
  type        = number
  default     = null

  validation {
    condition     = var.quarantine_expire_days == null ? true : var.quarantine_expire_days * 24 > var.stream_retention_hours
    error_message = "Give more than the stream's retention: a repeated chunk needs its earlier objects."
  }
}

variable "access_log_days" {
  description = "Retention of the buckets' access logs, days."
  type        = number
  default     = 90

  validation {
    condition     = var.access_log_days >= 1
    error_message = "Give at least one day."
  }
}

variable "force_destroy" {
  description = "Whether terraform destroy deletes buckets that hold objects. Leave it false if you need the lake."
  type        = bool
  default     = false
}

# The bus.

variable "bus_messages" {
  description = "Content of messages: \"events\" (one message per event), \"packed\" (one message for many events of a partition) or \"objects\" (one message per object of the lake)."
  type        = string
  default     = "events"

  validation {
    condition     = contains(["events", "packed", "objects"], var.bus_messages)
    error_message = "Give \"events\", \"packed\" or \"objects\"."
  }
}

variable "bus_message_bytes" {
  description = "The largest packed message, bytes; null is 256 KiB, or bus_queue_message_bytes if that is less. Sets SLUICE_BUS_MESSAGE_BYTES. Only with bus_messages = \"packed\"."
  type        = number
  default     = null

  validation {
    condition     = var.bus_message_bytes == null ? true : var.bus_message_bytes >= 16384 && var.bus_message_bytes <= 1048576 && floor(var.bus_message_bytes) == var.bus_message_bytes
    error_message = "Give a whole number from 16384 to 1048576 bytes."
  }

  validation {
    condition     = var.bus_message_bytes == null ? true : var.bus_message_bytes <= var.bus_queue_message_bytes
    error_message = "Give at most bus_queue_message_bytes: the queue rejects larger messages, so Sluice does not start."
  }

  validation {
    condition     = var.bus_message_bytes == null || var.bus_messages == "packed"
    error_message = "Leave bus_message_bytes out, or set bus_messages to \"packed\". For the largest message of the queue, set bus_queue_message_bytes."
  }
}

variable "bus_queue_message_bytes" {
  description = "The largest message that the queue takes (MaximumMessageSize), bytes. A larger event becomes a message that says where the lake has it."
  type        = number
  default     = 1048576

  validation {
    condition     = var.bus_queue_message_bytes >= 4096 && var.bus_queue_message_bytes <= 1048576
    error_message = "Give 4096 to 1048576 bytes. Sluice rejects a queue with a lower limit, because a message that points to an object can exceed it."
  }

  validation {
    condition     = var.bus_messages != "packed" || var.bus_queue_message_bytes >= 16384
    error_message = "Give 16384 bytes or more: packed messages are not smaller."
  }
}

variable "bus_visibility_seconds" {
  description = "Visibility timeout of the queue, seconds. Use six times the timeout of a function that consumes it."
  type        = number
  default     = 360

  validation {
    condition     = var.bus_visibility_seconds >= 0 && var.bus_visibility_seconds <= 43200
    error_message = "Give 0 to 43200 seconds."
  }
}

variable "bus_max_receives" {
  description = "Number of receives after which a message goes to the dead-letter queue."
  type        = number
  default     = 5

  validation {
    condition     = var.bus_max_receives >= 1 && var.bus_max_receives <= 1000
    error_message = "Give 1 to 1000."
  }
}

# Alarms.

variable "alarm_topic_arns" {
  description = "SNS topics that are notified of every alarm and of its end. Without a topic, alarms are only visible in the console."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.alarm_topic_arns : can(regex("^arn:[a-z-]+:sns:", arn))])
    error_message = "Give ARNs of SNS topics."
  }
}

variable "lag_alarm_seconds" {
  description = "Lag that triggers the alarm, seconds."
  type        = number
  default     = 600

  validation {
    condition     = var.lag_alarm_seconds >= 60 && var.lag_alarm_seconds < var.stream_retention_hours * 3600
    error_message = "Give at least 60, and less than the stream's retention."
  }
}

variable "quarantine_alarm_percent" {
  description = "Share of quarantined records that triggers the alarm, percent. Lambda mode only."
  type        = number
  default     = 1

  validation {
    condition     = var.quarantine_alarm_percent >= 0 && var.quarantine_alarm_percent < 100
    error_message = "Give a percentage from 0 to below 100."
  }
}

# The catalog.

variable "event_types" {
  description = "Event types of the table. If it is empty, all types are visible, but every query must name its types: WHERE event_type = '…'."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for event_type in var.event_types : can(regex("^[^,/]+$", event_type))])
    error_message = "Give event types without commas and slashes."
  }
}

variable "partition_by_date" {
  description = "Whether the lake is partitioned by date below the event type. Sets SLUICE_TRANSFORM_CONFIG accordingly."
  type        = bool
  default     = false
}

variable "transform" {
  description = "Transform to use until a release is activated: builtin:enrich, builtin:jq or builtin:copy, or a file of the package. Sets SLUICE_TRANSFORM."
  type        = string
  default     = null
}

variable "record_encoding" {
  description = "How producers encode the data of a record: none, gzip, zlib, zstd, base64, or auto for any of these. Sets SLUICE_RECORD_ENCODING."
  type        = string
  default     = "none"

  validation {
    condition     = contains(["none", "gzip", "zlib", "zstd", "base64", "auto"], var.record_encoding)
    error_message = "Give none, gzip, zlib, zstd, base64 or auto."
  }
}

variable "record_format" {
  description = "What the decoded data of a record is: json (one record), lines, concatenated or array. Sets SLUICE_RECORD_FORMAT."
  type        = string
  default     = "json"

  validation {
    condition     = contains(["json", "lines", "concatenated", "array"], var.record_format)
    error_message = "Give json, lines, concatenated or array."
  }
}

variable "jq" {
  description = "Program in the language jq to use until a release is activated, such as file(\"rules.jq\"). Sets SLUICE_JQ; its other settings are SLUICE_TRANSFORM_CONFIG in environment."
  type        = string
  default     = null

  validation {
    condition     = var.jq == null || var.transform == null
    error_message = "Give either jq or transform."
  }
}
