variable "container_image" {
  description = "Image, preferably by digest: registry/name@sha256:…. Required in container mode, and for a builder of the table on Fargate."
  type        = string
  default     = null

  validation {
    condition     = var.mode != "container" || var.container_image != null
    error_message = "Give an image; container mode requires one."
  }
}

variable "container_repository_arn" {
  description = "ARN of the image's ECR repository, so that the service can pull from it; null for a public registry."
  type        = string
  default     = null

  validation {
    condition     = var.container_repository_arn == null ? true : can(regex("^arn:[a-z-]+:ecr:", var.container_repository_arn))
    error_message = "Give the ARN of an ECR repository."
  }
}

variable "container_workers" {
  description = "Number of tasks that share the stream. More tasks than shards have no effect."
  type        = number
  default     = 2

  validation {
    condition     = var.container_workers >= 0
    error_message = "Give 0 or more."
  }
}

variable "container_cpu" {
  description = "Processor of a task; 1024 units are one core."
  type        = number
  default     = 512

  validation {
    condition     = contains([256, 512, 1024, 2048, 4096, 8192, 16384], var.container_cpu)
    error_message = "Give 256, 512, 1024, 2048, 4096, 8192 or 16384 units, the sizes of Fargate."
  }
}

variable "container_memory_mb" {
  description = "Memory of a task, MB; half of it is for records. Fargate allows certain combinations with container_cpu only."
  type        = number
  default     = 1024

  validation {
    condition     = var.container_memory_mb >= 512
    error_message = "Give at least 512."
  }
}

variable "container_start" {
  description = "Starting position of a new pipeline: trim_horizon, latest, or a time such as 2026-01-31T12:00:00Z."
  type        = string
  default     = "trim_horizon"
}

variable "vpc_id" {
  description = "VPC of the tasks. Required in container mode, and for a builder of the table on Fargate."
  type        = string
  default     = null

  validation {
    condition     = var.mode != "container" || var.vpc_id != null
    error_message = "Give the VPC of the tasks; container mode requires one."
  }
}

variable "subnet_ids" {
  description = "Subnets of the tasks. They must reach the endpoints of AWS (NAT or VPC endpoints). Required in container mode, and for a builder of the table on Fargate."
  type        = list(string)
  default     = []

  validation {
    condition     = var.mode != "container" || length(var.subnet_ids) > 0
    error_message = "Give at least one subnet, preferably two in different zones; container mode requires it."
  }
}

variable "scraper_security_group_ids" {
  description = "Security groups that can read metrics and status from the tasks on port 9464. If it is empty, the port is closed."
  type        = list(string)
  default     = []
}
