# The archive, and who repairs: redrives quarantined records, and replays.

variable "archive" {
  description = "Whether Sluice archives records as they came, in a bucket of their own. Sets SLUICE_ARCHIVE."
  type        = bool
  default     = false
}

variable "archive_instant_days" {
  description = "Age at which archived records move to S3 Glacier Instant Retrieval, days; 0 moves them at once, and null keeps them in S3 Standard. They can be read at any time in both."
  type        = number
  default     = null

  validation {
    condition     = var.archive_instant_days == null ? true : var.archive_instant_days >= 0 && floor(var.archive_instant_days) == var.archive_instant_days
    error_message = "Give a whole number of days, or null."
  }

  validation {
    condition     = var.archive_instant_days == null || var.archive_expire_days == null ? true : var.archive_expire_days - var.archive_instant_days >= 90
    error_message = "Give 90 days less than archive_expire_days: S3 bills each object of Glacier Instant Retrieval for at least 90 days."
  }
}

variable "archive_expire_days" {
  description = "Age at which archived records are deleted, days; null keeps them."
  type        = number
  default     = null

  validation {
    condition     = var.archive_expire_days == null ? true : var.archive_expire_days * 24 > var.stream_retention_hours
    error_message = "Give more than the stream's retention: until then, the stream has the records anyway, and a repeated chunk needs its earlier objects."
  }
}

variable "redriver_principal_arns" {
  description = "IAM roles or users that can assume the role for sluice quarantine and sluice redrive. If it is empty, there is only the policy, without a role."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.redriver_principal_arns : can(regex("^arn:[a-z-]+:iam::[0-9]{12}:(role|user)/[^*]+$", arn))])
    error_message = "Give ARNs of roles or users of IAM, without wildcards."
  }
}

variable "backfill_prefix" {
  description = "Prefix in the lake's bucket below which replays and backfills write lakes of their own."
  type        = string
  default     = "backfill"

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*$", var.backfill_prefix))
    error_message = "Give names of letters, digits, dots, underscores and hyphens with single slashes between them, none beginning with an underscore."
  }

  validation {
    condition     = !startswith("${var.backfill_prefix}/", "${var.lake_prefix}/") && !startswith("${var.lake_prefix}/", "${var.backfill_prefix}/")
    error_message = "Give another prefix than lake_prefix, and none inside or around it: a replay needs a lake of its own."
  }
}
