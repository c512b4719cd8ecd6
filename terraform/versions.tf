terraform {
  # Since 1.9, the validation of a variable can refer to other variables.
  required_version = "~> 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.45"
    }
  }
}

provider "aws" {
  region = var.region

  default_tags {
    tags = merge({ application = "sluice", pipeline = var.name }, var.tags)
  }
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  suffix    = "${local.account}-${var.region}"

  on_lambda    = var.mode == "lambda"
  on_container = var.mode == "container"

  # Workers, the builder of the table, or both.
  on_fargate = local.on_container || local.table_on_container
}
