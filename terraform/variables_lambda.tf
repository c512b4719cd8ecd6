variable "lambda_zip" {
  description = "The package that `make lambda` makes; without it, out/lambda-ARCHITECTURE.zip beside this folder."
  type        = string
  default     = null
}

variable "lambda_memory_mb" {
  description = "Memory of the function, MB. Processor time grows with it; half of it is for records."
  type        = number
  default     = 256

  validation {
    condition     = var.lambda_memory_mb >= 128 && var.lambda_memory_mb <= 10240
    error_message = "Lambda offers 128 to 10240 MB."
  }
}

variable "lambda_timeout_seconds" {
  description = "How long one batch may take."
  type        = number
  default     = 120

  validation {
    condition     = var.lambda_timeout_seconds >= 10 && var.lambda_timeout_seconds <= 900
    error_message = "Give 10 to 900 seconds."
  }
}

variable "lambda_concurrency" {
  description = "Executions that are reserved for the function, and its limit: one for each shard and as many again for a redeployment. -1 reserves none."
  type        = number
  default     = -1

  validation {
    condition     = var.lambda_concurrency == -1 || var.lambda_concurrency >= 1
    error_message = "Give -1, or at least 1; 0 would stop the function."
  }
}

variable "lambda_batch_size" {
  description = "Records of a batch at most. A batch is at most 6 MB in any case."
  type        = number
  default     = 10000

  validation {
    condition     = var.lambda_batch_size >= 1 && var.lambda_batch_size <= 10000
    error_message = "Give 1 to 10000."
  }
}

variable "lambda_batching_seconds" {
  description = "How long the mapping waits for a batch to fill. Longer makes fewer and larger objects."
  type        = number
  default     = 60

  validation {
    condition     = var.lambda_batching_seconds >= 0 && var.lambda_batching_seconds <= 300
    error_message = "Give 0 to 300 seconds."
  }
}

variable "lambda_starting_position" {
  description = "Where a new pipeline begins in the stream: \"TRIM_HORIZON\" or \"LATEST\"."
  type        = string
  default     = "TRIM_HORIZON"

  validation {
    condition     = contains(["TRIM_HORIZON", "LATEST"], var.lambda_starting_position)
    error_message = "Give \"TRIM_HORIZON\" or \"LATEST\"."
  }
}

variable "lambda_record_age_seconds" {
  description = "When the mapping gives up on a record and tells the on-failure queue. Sluice reads it from the stream with the next batch, so it has to be below the stream's retention."
  type        = number
  default     = 518400

  validation {
    condition     = var.lambda_record_age_seconds >= 60 && var.lambda_record_age_seconds <= 604800
    error_message = "Give 60 to 604800 seconds."
  }

  validation {
    condition     = var.mode != "lambda" || var.lambda_record_age_seconds < var.stream_retention_hours * 3600
    error_message = "The mapping must give up before the stream forgets: give less than stream_retention_hours * 3600."
  }
}
