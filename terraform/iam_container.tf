data "aws_iam_policy_document" "task_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }

    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = ["arn:${local.partition}:ecs:${var.region}:${local.account}:*"]
    }
  }
}

# The role of the program.
resource "aws_iam_role" "task" {
  count = local.on_container ? 1 : 0

  name               = "${var.name}-task"
  assume_role_policy = data.aws_iam_policy_document.task_trust.json
}

resource "aws_iam_role_policy" "task_sluice" {
  count = local.on_container ? 1 : 0

  name   = "sluice"
  role   = aws_iam_role.task[0].name
  policy = data.aws_iam_policy_document.sluice.json
}

# The role with which ECS starts the task: it pulls the image and writes logs.
resource "aws_iam_role" "execution" {
  count = local.on_fargate ? 1 : 0

  name               = "${var.name}-execution"
  assume_role_policy = data.aws_iam_policy_document.task_trust.json
}

resource "aws_iam_role_policy" "execution_logs" {
  count = local.on_container ? 1 : 0

  name   = "logs"
  role   = aws_iam_role.execution[0].name
  policy = data.aws_iam_policy_document.write_logs.json
}

data "aws_iam_policy_document" "pull_image" {
  # checkov:skip=CKV_AWS_356: ecr:GetAuthorizationToken has no resource, and gives no access by itself
  count = local.on_fargate && var.container_repository_arn != null ? 1 : 0

  statement {
    sid       = "LogIn"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }

  statement {
    sid       = "Pull"
    actions   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    resources = [var.container_repository_arn]
  }
}

resource "aws_iam_role_policy" "execution_pull" {
  count = local.on_fargate && var.container_repository_arn != null ? 1 : 0

  name   = "pull"
  role   = aws_iam_role.execution[0].name
  policy = data.aws_iam_policy_document.pull_image[0].json
}
