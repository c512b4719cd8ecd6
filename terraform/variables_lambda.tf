variable "lambda_zip" {
  description = "Package of `make lambda`. The default is ../out/lambda-ARCHITECTURE.zip."
  type        = string
  default     = null
}

variable "lambda_memory_mb" {
  description = "Memory of the function, MB. Processor time grows with it; half of it is for records."
  type        = number
  default     = 256

  validation {
    condition     = var.lambda_memory_mb >= 128 && var.lambda_memory_mb <= 10240
    error_message = "Give 128 to 10240 MB."
  }
}

variable "lambda_timeout_seconds" {
  description = "Timeout of one invocation, seconds."
  type        = number
  default     = 120

  validation {
    condition     = var.lambda_timeout_seconds >= 10 && var.lambda_timeout_seconds <= 900
    error_message = "Give 10 to 900 seconds."
  }
}

variable "lambda_concurrency" {
  description = "Reserved concurrency of the function, which is also its limit: use one execution per shard, and as many again for redeployments. -1 reserves none."
  type        = number
  default     = -1

  validation {
    condition     = var.lambda_concurrency == -1 || var.lambda_concurrency >= 1
    error_message = "Give -1, or at least 1; 0 would stop the function."
  }
}

variable "lambda_batch_size" {
  description = "Maximum number of records of a Lambda batch, which has at most 6 MB in any case."
  type        = number
  default     = 10000

  validation {
    condition     = var.lambda_batch_size >= 1 && var.lambda_batch_size <= 10000
    error_message = "Give 1 to 10000."
  }
}

variable "lambda_batching_seconds" {
  description = "Time that the mapping waits for a batch to fill, seconds. A longer time makes fewer and larger objects."
  type        = number
  default     = 60

  validation {
    condition     = var.lambda_batching_seconds >= 0 && var.lambda_batching_seconds <= 300
    error_message = "Give 0 to 300 seconds."
  }
}

variable "lambda_starting_position" {
  description = "Starting position of a new pipeline: \"TRIM_HORIZON\" or \"LATEST\"."
  type        = string
  default     = "TRIM_HORIZON"

  validation {
    condition     = contains(["TRIM_HORIZON", "LATEST"], var.lambda_starting_position)
    error_message = "Give \"TRIM_HORIZON\" or \"LATEST\"."
  }
}

variable "lambda_record_age_seconds" {
  description = "Age at which the mapping discards a record and notifies the on-failure queue, seconds. Sluice then reads the record from the stream, so this must be less than the stream's retention."
  type        = number
  default     = 518400

  validation {
    condition     = var.lambda_record_age_seconds >= 60 && var.lambda_record_age_seconds <= 604800
    error_message = "Give 60 to 604800 seconds."
  }

  validation {
    condition     = var.mode != "lambda" || var.lambda_record_age_seconds < var.stream_retention_hours * 3600
    error_message = "Give less than stream_retention_hours * 3600: discarded records are read from the stream."
  }
}
