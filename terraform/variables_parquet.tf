# The format of events, and the columns of Parquet. What cannot be checked here, Sluice checks when it starts.

variable "format" {
  description = "Format of events in the lake: \"ndjson\" (lines) or \"parquet\" (typed columns). Use one format in a lake. Sets SLUICE_FORMAT."
  type        = string
  default     = "ndjson"

  validation {
    condition     = contains(["ndjson", "parquet"], var.format)
    error_message = "Give \"ndjson\" or \"parquet\"."
  }
}

variable "schema" {
  description = "Schema of Parquet: the path of a file that `sluice schema infer --output` has written. The columns of the table follow from it, and Sluice reads a copy in the bucket of the registry (SLUICE_SCHEMA). null makes the columns of the built-in transform."
  type        = string
  default     = null

  validation {
    condition     = var.schema == null || var.format == "parquet"
    error_message = "Set format = \"parquet\" too, or leave the schema out: only Parquet has columns."
  }

  validation {
    condition     = var.schema == null ? true : try(fileexists(var.schema), false)
    error_message = "There is no file ${jsonencode(var.schema)}. Give a path from the folder in which you run terraform, or a whole one. `sluice schema infer --lake s3://BUCKET/PREFIX --output FILE` writes a schema."
  }

  validation {
    condition = var.schema == null || !try(fileexists(var.schema), false) ? true : try(
      jsondecode(file(var.schema)).version == 1 &&
      length(setsubtract(keys(jsondecode(file(var.schema))), ["version", "columns"])) == 0 &&
      alltrue([
        for column in jsondecode(file(var.schema)).columns :
        length(regexall("[\\x00-\\x1f\\x7f]|^$", column.name)) == 0 && can(column.type) &&
        length(setsubtract(keys(column), ["name", "type", "path", "doc"])) == 0
      ]),
      false,
    )
    error_message = "${jsonencode(var.schema)} is no schema: give a JSON object with \"version\": 1 and \"columns\", each with a name, a type, and perhaps a path and a doc. `sluice schema diff FILE FILE`, with the file twice, names the place of a mistake."
  }

  validation {
    condition = try(
      length(toset([for column in jsondecode(file(var.schema)).columns : lower(column.name)])) == length(jsondecode(file(var.schema)).columns) &&
      length(setintersection([for column in jsondecode(file(var.schema)).columns : column.name], ["_rest", "_shard", "_chunk", "_line"])) == 0,
      true,
    )
    error_message = "In ${jsonencode(var.schema)}, two columns have one name, apart from upper and lower case, or a column is called _rest, _shard, _chunk or _line, which each table has already. Give the column another name, and its member as \"path\"."
  }

  # A type is a string at the beginning, or behind one of the members list, map and type.
  validation {
    condition = try(
      alltrue(flatten([
        for column in jsondecode(file(var.schema)).columns : concat([
          can(regex("^[{\"]", jsonencode(column.type))) && !strcontains(jsonencode(column.type), "{\"struct\":[]}")
          ], [
          for scalar in regexall("(?:^|\"(?:list|map|type)\":)(\"(?:[^\"\\\\]|\\\\.)*\")", jsonencode(column.type)) :
          can(regex("^\"(?:boolean|long|double|string|date|uuid|binary|json|decimal\\( *0?(?:[1-9]|[12][0-9]|3[0-8]) *, *[0-9]{1,2} *\\)|timestamp\\( *[0-6] *(?:, *\\+00:00 *)?\\))\"$", scalar[0]))
        ])
      ])),
      true,
    )
    error_message = "A type in ${jsonencode(var.schema)} is none: give boolean, long, double, decimal(P,S), string, timestamp(D), timestamp(D,+00:00), date, uuid, binary or json, or an object with list, map or struct, which has at least one column. `sluice schema diff FILE FILE`, with the file twice, names the place."
  }
}
