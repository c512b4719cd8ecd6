variable "release_public_key" {
  description = "The Ed25519 public key, in PEM, that releases have to be signed with (SLUICE_PUBLIC_KEY); null looks at no signatures. Its private half stays with who publishes."
  type        = string
  default     = null

  validation {
    condition     = var.release_public_key == null ? true : can(regex("^-----BEGIN PUBLIC KEY-----\\s", var.release_public_key))
    error_message = "Give a public key in PEM, as openssl pkey -pubout writes it, or null."
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
