# The builder as a task on Fargate. It follows the lake, so it needs no schedule, and has no limit of time.

locals {
  table_container_environment = merge(
    local.table_settings,
    {
      SLUICE_HTTP = "${local.http_host}:${local.http_port}"
      AWS_REGION  = var.region
    },
    var.table_environment,
  )

  table_container = {
    name                   = "sluice"
    image                  = var.container_image
    command                = ["table", "sync", "--follow", "--log-format", "json"]
    essential              = true
    user                   = "65532:65532"
    readonlyRootFilesystem = true
    environment            = [for name, value in local.table_container_environment : { name = name, value = value }]

    linuxParameters = {
      capabilities = { drop = ["ALL"] }
    }

    # For the files of a commit. The image declares this volume, so everyone may write to it.
    mountPoints = [{ sourceVolume = "scratch", containerPath = "/tmp", readOnly = false }]

    portMappings = local.container.portMappings
    healthCheck  = local.container.healthCheck
    stopTimeout  = local.container.stopTimeout

    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = local.table_log_group
        awslogs-region        = var.region
        awslogs-stream-prefix = "builder"
      }
    }
  }
}

resource "aws_ecs_task_definition" "table" {
  count = local.table_on_container ? 1 : 0

  family                   = local.table_builder
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.table_cpu
  memory                   = var.table_memory_mb
  task_role_arn            = aws_iam_role.table_builder[0].arn
  execution_role_arn       = aws_iam_role.execution[0].arn

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = upper(var.architecture)
  }

  volume {
    name = "scratch"
  }

  container_definitions = jsonencode([local.table_container])
}

# One task: a second one would only wait for the lease. So the old one ends before the new one starts.
resource "aws_ecs_service" "table" {
  count = local.table_on_container ? 1 : 0

  name                               = local.table_builder
  cluster                            = aws_ecs_cluster.sluice[0].id
  task_definition                    = aws_ecs_task_definition.table[0].arn
  desired_count                      = 1
  launch_type                        = "FARGATE"
  platform_version                   = "LATEST"
  deployment_minimum_healthy_percent = 0
  deployment_maximum_percent         = 100

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    subnets          = var.subnet_ids
    security_groups  = [aws_security_group.sluice[0].id]
    assign_public_ip = false
  }

  depends_on = [
    aws_cloudwatch_log_group.table,
    aws_iam_role_policy.table_builder,
    aws_iam_role_policy.table_builder_glue,
    aws_iam_role_policy.table_builder_s3tables,
    aws_iam_role_policy.execution_table_logs,
    aws_iam_role_policy.execution_pull,
  ]
}
