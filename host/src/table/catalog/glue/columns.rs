//! The columns of a table as Glue lists them, so that people and Athena's console see them. Readers of Iceberg take those of
//! the metadata.

use std::collections::HashSet;

use aws_sdk_glue::types::Column;
use iceberg::Result;
use iceberg::spec::{NestedField, NestedFieldRef, PrimitiveType, TableMetadata, Type};

use super::failure::incomplete;

/// The most characters of a comment.
const COMMENT_LENGTH: usize = 255;

/// The columns of the present schema, and then those that only earlier schemas have. Glue takes each name once, in any case.
pub(super) fn columns(metadata: &TableMetadata) -> Result<Vec<Column>> {
    let current = metadata.current_schema();
    let mut earlier: Vec<_> = metadata.schemas_iter().collect();
    earlier.retain(|schema| schema.schema_id() != current.schema_id());
    earlier.sort_unstable_by_key(|schema| std::cmp::Reverse(schema.schema_id()));
    let now = current.as_struct().fields().iter();
    let before = earlier
        .iter()
        .flat_map(|schema| schema.as_struct().fields());
    let all = now.map(|field| (field, true));
    let all = all.chain(before.map(|field| (field, false)));
    let mut names = HashSet::new();
    all.filter(|(field, _)| names.insert(field.name.to_lowercase()))
        .map(|(field, is_current)| column(field, is_current))
        .collect()
}

fn column(field: &NestedField, is_current: bool) -> Result<Column> {
    let doc = field.doc.as_deref();
    // Glue takes no control characters in a comment.
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let comment = doc.map(|doc| doc.chars().map(plain).take(COMMENT_LENGTH).collect());
    Column::builder()
        .name(&field.name)
        .r#type(type_name(&field.field_type))
        .set_comment(comment)
        .parameters("iceberg.field.id", field.id.to_string())
        .parameters("iceberg.field.optional", (!field.required).to_string())
        .parameters("iceberg.field.current", is_current.to_string())
        .build()
        .map_err(incomplete)
}

/// The type of Hive that is nearest. Glue has none for a time of day or a UUID, and one for all timestamps.
fn type_name(of: &Type) -> String {
    match of {
        Type::Primitive(primitive) => primitive_name(primitive),
        Type::Struct(fields) => {
            let member =
                |field: &NestedFieldRef| format!("{}:{}", field.name, type_name(&field.field_type));
            let members: Vec<_> = fields.fields().iter().map(member).collect();
            format!("struct<{}>", members.join(","))
        }
        Type::List(list) => format!("array<{}>", type_name(&list.element_field.field_type)),
        Type::Map(map) => {
            let key = type_name(&map.key_field.field_type);
            format!("map<{key},{}>", type_name(&map.value_field.field_type))
        }
    }
}

fn primitive_name(of: &PrimitiveType) -> String {
    let name = match of {
        PrimitiveType::Boolean => "boolean",
        PrimitiveType::Int => "int",
        PrimitiveType::Long => "bigint",
        PrimitiveType::Float => "float",
        PrimitiveType::Double => "double",
        PrimitiveType::Decimal { precision, scale } => {
            return format!("decimal({precision},{scale})");
        }
        PrimitiveType::Date => "date",
        PrimitiveType::Timestamp
        | PrimitiveType::Timestamptz
        | PrimitiveType::TimestampNs
        | PrimitiveType::TimestamptzNs => "timestamp",
        PrimitiveType::String | PrimitiveType::Time | PrimitiveType::Uuid => "string",
        PrimitiveType::Binary | PrimitiveType::Fixed(_) => "binary",
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use iceberg::TableCreation;
    use iceberg::spec::{ListType, MapType, Schema, StructType, TableMetadataBuilder};

    use super::*;

    fn optional(id: i32, name: &str, of: Type) -> NestedFieldRef {
        NestedField::optional(id, name, of).into()
    }

    fn schema(fields: Vec<NestedFieldRef>) -> Schema {
        Schema::builder().with_fields(fields).build().unwrap()
    }

    fn metadata(fields: Vec<NestedFieldRef>) -> TableMetadata {
        let creation = TableCreation::builder()
            .name("events".into())
            .location("s3://w/n/events".into())
            .schema(schema(fields))
            .build();
        let builder = TableMetadataBuilder::from_table_creation(creation).unwrap();
        builder.build().unwrap().metadata
    }

    #[test]
    fn each_type_has_one_of_glue() {
        use PrimitiveType as P;
        let decimal = P::Decimal {
            precision: 38,
            scale: 3,
        };
        for (of, name) in [
            (P::Boolean, "boolean"),
            (P::Int, "int"),
            (P::Long, "bigint"),
            (P::Float, "float"),
            (P::Double, "double"),
            (decimal, "decimal(38,3)"),
            (P::Date, "date"),
            (P::Time, "string"),
            (P::Timestamp, "timestamp"),
            (P::Timestamptz, "timestamp"),
            (P::String, "string"),
            (P::Uuid, "string"),
            (P::Fixed(4), "binary"),
            (P::Binary, "binary"),
        ] {
            assert_eq!(type_name(&Type::Primitive(of)), name);
        }
    }

    #[test]
    fn types_are_nested() {
        let point = StructType::new(vec![
            optional(1, "x", Type::Primitive(PrimitiveType::Double)),
            optional(2, "at", Type::Primitive(PrimitiveType::Timestamptz)),
        ]);
        let points = NestedField::list_element(3, Type::Struct(point), false);
        let points = Type::List(ListType::new(points.into()));
        let by_name = MapType::optional(4, Type::Primitive(PrimitiveType::String), 5, points);
        assert_eq!(
            type_name(&Type::Map(by_name)),
            "map<string,array<struct<x:double,at:timestamp>>>"
        );
    }

    #[test]
    fn a_column_has_its_id_and_its_comment() {
        let long = Type::Primitive(PrimitiveType::Long);
        let doc = "ä".repeat(COMMENT_LENGTH + 1);
        let n = NestedField::optional(1, "n", long.clone()).with_doc(doc);
        let fields = vec![n.into(), NestedField::required(2, "m", long).into()];
        let found = columns(&metadata(fields)).unwrap();
        let parameter = |at: usize, name| found[at].parameters().unwrap()[name].as_str();
        assert_eq!([found[0].name(), found[1].name()], ["n", "m"]);
        assert_eq!(found[0].r#type(), Some("bigint"));
        assert_eq!(found[0].comment().unwrap().chars().count(), COMMENT_LENGTH);
        assert_eq!(found[1].comment(), None);
        assert_eq!(parameter(0, "iceberg.field.id"), "1");
        assert_eq!(parameter(0, "iceberg.field.optional"), "true");
        assert_eq!(parameter(1, "iceberg.field.optional"), "false");
        assert_eq!(parameter(0, "iceberg.field.current"), "true");
    }

    #[test]
    fn columns_that_others_have_removed_come_last() {
        let long = || Type::Primitive(PrimitiveType::Long);
        let old = metadata(vec![optional(1, "a", long()), optional(2, "B", long())]);
        let builder = old.into_builder(Some("s3://w/n/events/metadata/x".into()));
        let kept = schema(vec![optional(2, "b", long())]);
        let new = builder.add_current_schema(kept).unwrap().build().unwrap();
        let found = columns(&new.metadata).unwrap();
        let found = found.iter().map(|column| {
            let parameters = column.parameters().unwrap();
            (column.name(), parameters["iceberg.field.current"].as_str())
        });
        let found: Vec<_> = found.collect();
        assert_eq!(found, [("b", "true"), ("a", "false")]);
    }
}
