data "aws_iam_policy_document" "lambda_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

# What the mapping needs in addition to reading the stream.
data "aws_iam_policy_document" "mapping" {
  count = local.on_lambda ? 1 : 0

  statement {
    sid       = "DescribeStream"
    actions   = ["kinesis:DescribeStream", "kinesis:DescribeStreamSummary"]
    resources = [aws_kinesis_stream.events.arn]
  }

  # The queue uses the key of the bus, which the role can use.
  statement {
    sid       = "SayWhatWasGivenUp"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.records_discarded[0].arn]
  }
}

resource "aws_iam_role" "lambda" {
  count = local.on_lambda ? 1 : 0

  name               = "${var.name}-function"
  assume_role_policy = data.aws_iam_policy_document.lambda_trust.json
}

resource "aws_iam_role_policy" "lambda_sluice" {
  count = local.on_lambda ? 1 : 0

  name   = "sluice"
  role   = aws_iam_role.lambda[0].name
  policy = data.aws_iam_policy_document.sluice.json
}

resource "aws_iam_role_policy" "lambda_mapping" {
  count = local.on_lambda ? 1 : 0

  name   = "mapping"
  role   = aws_iam_role.lambda[0].name
  policy = data.aws_iam_policy_document.mapping[0].json
}

resource "aws_iam_role_policy" "lambda_logs" {
  count = local.on_lambda ? 1 : 0

  name   = "logs"
  role   = aws_iam_role.lambda[0].name
  policy = data.aws_iam_policy_document.write_logs.json
}
