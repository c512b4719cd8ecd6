variable "release_public_key" {
  description = "Ed25519 public key in PEM. Only releases that are signed with its private key are used (SLUICE_PUBLIC_KEY); null checks no signatures."
  type        = string
  default     = null

  validation {
    condition     = var.release_public_key == null ? true : can(regex("^-----BEGIN PUBLIC KEY-----\\s", var.release_public_key))
    error_message = "Give a public key in PEM, as openssl pkey -pubout writes it, or null."
  }
}

variable "registry_noncurrent_days" {
  description = "Retention of deleted objects and of old versions of active.json in the registry, days."
  type        = number
  default     = 365

  validation {
    condition     = var.registry_noncurrent_days >= 1
    error_message = "Give at least one day."
  }
}

# Who can assume the roles of people.

variable "publisher_principal_arns" {
  description = "IAM roles or users that can assume the role for publishing and activating rules. If it is empty, there is only the policy, without a role."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.publisher_principal_arns : can(regex("^arn:[a-z-]+:iam::[0-9]{12}:(role|user)/[^*]+$", arn))])
    error_message = "Give ARNs of roles or users of IAM, without wildcards."
  }
}

variable "auditor_principal_arns" {
  description = "IAM roles or users that can assume the role for sluice audit, which reads the stream, the whole lake including quarantine, and the archive. If it is empty, there is no such role."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.auditor_principal_arns : can(regex("^arn:[a-z-]+:iam::[0-9]{12}:(role|user)/[^*]+$", arn))])
    error_message = "Give ARNs of roles or users of IAM, without wildcards."
  }
}
