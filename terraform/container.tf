locals {
  http_port = 9464

  # The health check runs inside the container and needs the loopback address only. If a scraper is named, the
  # program listens on all addresses, and the security group admits the scraper only.
  http_host = length(var.scraper_security_group_ids) > 0 ? "0.0.0.0" : "127.0.0.1"

  container_environment = merge(
    {
      SLUICE_SOURCE     = "kinesis:${aws_kinesis_stream.events.name}"
      SLUICE_START      = var.container_start
      SLUICE_MEMORY     = "${floor(var.container_memory_mb / 2)}MiB"
      SLUICE_HTTP       = "${local.http_host}:${local.http_port}"
      SLUICE_LOG_FORMAT = "json"
      AWS_REGION        = var.region
    },
    local.sluice_environment,
  )

  container = {
    name                   = "sluice"
    image                  = var.container_image
    command                = ["run"]
    essential              = true
    user                   = "65532:65532"
    readonlyRootFilesystem = true
    environment            = [for name, value in local.container_environment : { name = name, value = value }]

    linuxParameters = {
      capabilities = { drop = ["ALL"] }
    }

    portMappings = length(var.scraper_security_group_ids) > 0 ? [
      { containerPort = local.http_port, hostPort = local.http_port, protocol = "tcp" }
    ] : []

    healthCheck = {
      command     = ["CMD", "/bin/wget", "-q", "-O", "/dev/null", "http://127.0.0.1:${local.http_port}/livez"]
      interval    = 30
      timeout     = 5
      retries     = 3
      startPeriod = 60
    }

    # Five seconds more than the program waits for its chunks (--shutdown-timeout).
    stopTimeout = 30

    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.sluice.name
        awslogs-region        = var.region
        awslogs-stream-prefix = "worker"
      }
    }
  }
}

resource "aws_ecs_cluster" "sluice" {
  count = local.on_fargate ? 1 : 0

  name = var.name

  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

resource "aws_ecs_task_definition" "sluice" {
  count = local.on_container ? 1 : 0

  family                   = var.name
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.container_cpu
  memory                   = var.container_memory_mb
  task_role_arn            = aws_iam_role.task[0].arn
  execution_role_arn       = aws_iam_role.execution[0].arn

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = upper(var.architecture)
  }

  container_definitions = jsonencode([local.container])
}

resource "aws_ecs_service" "sluice" {
  count = local.on_container ? 1 : 0

  name                               = var.name
  cluster                            = aws_ecs_cluster.sluice[0].id
  task_definition                    = aws_ecs_task_definition.sluice[0].arn
  desired_count                      = var.container_workers
  launch_type                        = "FARGATE"
  platform_version                   = "LATEST"
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200

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
    aws_iam_role_policy.task_sluice,
    aws_iam_role_policy.task_archive,
    aws_iam_role_policy.execution_logs,
    aws_iam_role_policy.execution_pull,
  ]
}

resource "aws_security_group" "sluice" {
  count = local.on_fargate ? 1 : 0

  name        = var.name
  description = "Tasks of ${var.name}"
  vpc_id      = var.vpc_id
}

resource "aws_vpc_security_group_egress_rule" "aws" {
  count = local.on_fargate ? 1 : 0

  security_group_id = aws_security_group.sluice[0].id
  description       = "Endpoints of AWS, and the registry of the image"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = "0.0.0.0/0"
}

resource "aws_vpc_security_group_ingress_rule" "scraper" {
  for_each = local.on_fargate ? toset(var.scraper_security_group_ids) : toset([])

  security_group_id            = aws_security_group.sluice[0].id
  description                  = "Metrics and status"
  ip_protocol                  = "tcp"
  from_port                    = local.http_port
  to_port                      = local.http_port
  referenced_security_group_id = each.value
}
