def schema: capture("^iglu:(?<vendor>[^/]+)/(?<name>[^/]+)/(?<format>[^/]+)/(?<version>[^/]+)$");

if (.data | type) != "object" then error("no_data: data: expected an object, found \(.data | type)") else . end
| ((.schema | try schema catch null)
   // error("no_schema: schema: expected iglu:VENDOR/NAME/FORMAT/VERSION, found \(.schema | tojson)")) as $schema
| .data + {event_type: $schema.name, schema_vendor: $schema.vendor, schema_version: $schema.version}
