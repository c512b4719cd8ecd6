# The columns of the table. Those of Parquet follow from the schema: docs/lake.md has the types.

locals {
  on_parquet = var.format == "parquet"

  # The fields of the built-in transform, which are the columns of Parquet if there is no schema.
  builtin_columns = [
    { name = "event_uuid", type = "string", doc = "As the producer gave it" },
    { name = "event_name", type = "string", doc = "Parts with colons between them" },
    { name = "created_at", type = "double", doc = "Seconds since the Unix epoch" },
    { name = "created_datetime", type = "string", doc = "The same, ISO 8601 in UTC: from_iso8601_timestamp(created_datetime)" },
    { name = "event_subtype", type = "string", doc = "The second part of the name" },
  ]

  schema_columns = jsondecode(var.schema == null ? jsonencode({ columns = local.builtin_columns }) : file(var.schema)).columns

  # HCL has no recursion, so the JSON of a type is translated as a text. `jsonencode` writes members in alphabetical
  # order and without white space. A quotation mark within a string has a backslash before it, so the patterns match
  # no part of a string. A type is at the beginning, or it is the value of list, map or type.
  json_string   = "\"(?:[^\"\\\\]|\\\\.)*\""
  type_position = "(^|\"(?:list|map|type)\":)"

  # A column of a struct becomes {"name":NAME,"type":TYPE}.
  undescribed_types = [
    for column in local.schema_columns :
    replace(replace(jsonencode(column.type), "/\"doc\":${local.json_string},/", ""), "/\"path\":\\[(?:${local.json_string},?)*\\],/", "")
  ]

  # Scalars lose their quotation marks.
  scalars_of_strings = [for type in local.undescribed_types : replace(type, "/${local.type_position}\"(?:string|json|uuid)\"/", "$${1}string")]
  scalars_of_same    = [for type in local.scalars_of_strings : replace(type, "/${local.type_position}\"(boolean|double|date|binary)\"/", "$${1}$${2}")]
  scalars_of_longs   = [for type in local.scalars_of_same : replace(type, "/${local.type_position}\"long\"/", "$${1}bigint")]
  scalars_of_times   = [for type in local.scalars_of_longs : replace(type, "/${local.type_position}\"timestamp\\([^\"]*\\)\"/", "$${1}timestamp")]
  scalars = [
    for type in local.scalars_of_times :
    replace(type, "/${local.type_position}\"decimal\\( *([0-9]+) *, *([0-9]+) *\\)\"/", "$${1}decimal($${2},$${3})")
  ]

  # Names of members lose theirs, unless Hive cannot read them: it has letters, digits and underscores only.
  named_types = [for type in local.scalars : replace(type, "/\\{\"name\":\"([\\pL\\p{Nd}_]+)\",\"type\":/", "$${1}:")]

  # A closing brace before a comma is that of a column, and so is one before the end of a struct. Each other one ends a
  # list or a map.
  hive_types = [
    for type in local.named_types :
    lower(replace(replace(replace(replace(replace(replace(type,
      "{\"list\":", "array<"),
      "{\"map\":", "map<string,"),
      "{\"struct\":[", "struct<"),
      "},", ","),
      "}]}", ">"),
    "}", ">"))
  ]

  parquet_columns = [
    for index, column in local.schema_columns : {
      name = lower(column.name)
      type = local.hive_types[index]
      # A comment of Glue has one line of at most 255 characters.
      comment = substr(replace(try(column.doc, ""), "/[\\pC\\s]+/", " "), 0, 255)
    }
  ]

  partition_columns = concat(["event_type"], var.partition_by_date ? ["date"] : [])

  # Names that Hive cannot read, still with their quotation marks. A type of Glue has at most 131,072 characters.
  untyped_columns = [
    for column in local.parquet_columns : column.name if strcontains(column.type, "\"") || length(column.type) > 131072
  ]

  # What leads from a row to the rest of its event.
  row_columns = [
    { name = "_rest", type = "string", comment = "What is in no column, JSON" },
    { name = "_shard", type = "string", comment = "The shard of the chunk" },
    { name = "_chunk", type = "string", comment = "The first record of the chunk" },
    { name = "_line", type = "bigint", comment = "The place of the event in its object, from 1" },
  ]

  # A column of a partition has its values from the path.
  table_columns = concat(
    [for column in local.parquet_columns : column if !contains(concat(local.partition_columns, local.untyped_columns), column.name)],
    local.on_parquet ? local.row_columns : [for column in var.extra_columns : merge(column, { comment = null })],
  )
}

check "table_columns" {
  assert {
    condition     = length(local.untyped_columns) == 0
    error_message = "The table leaves out ${jsonencode(local.untyped_columns)}: Hive has only letters, digits and underscores in the names of a struct's members, and at most 131,072 characters in a type. Give such a member a column with another \"name\" and its own name as \"path\". Other readers see these columns."
  }
}
