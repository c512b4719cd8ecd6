variable "release_public_key" {
  description = "The ed25519 public key by which the program checks the signatures of releases (SLUICE_PUBLIC_KEY); null checks none. Its private half stays with who publishes."
  type        = string
  default     = null

  validation {
    condition     = var.release_public_key == null ? true : length(trimspace(var.release_public_key)) > 0
    error_message = "Give a key, or null to check no signatures."
  }
}

variable "registry_noncurrent_days" {
  description = "How long the registry keeps what was deleted, and what active.json said before, days."
  type        = number
  default     = 365

  validation {
    condition     = var.registry_noncurrent_days >= 1
    error_message = "Give at least one day."
  }
}

# Who may take the roles of people.

variable "publisher_principal_arns" {
  description = "Roles or users of IAM that may take the role that publishes and activates rules. Empty: there is no such role, only its policy."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.publisher_principal_arns : can(regex("^arn:[a-z-]+:iam::[0-9]{12}:(role|user)/[^*]+$", arn))])
    error_message = "Give ARNs of roles or users of IAM, without wildcards."
  }
}

variable "auditor_principal_arns" {
  description = "Roles or users of IAM that may take the role that runs sluice audit: it reads the stream and the whole lake, quarantine included. Empty: there is no such role."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.auditor_principal_arns : can(regex("^arn:[a-z-]+:iam::[0-9]{12}:(role|user)/[^*]+$", arn))])
    error_message = "Give ARNs of roles or users of IAM, without wildcards."
  }
}
