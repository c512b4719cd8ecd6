//! How the files of a table are divided: by the day of the events, by their type, by both or not at all.

use std::fmt;
use std::str::FromStr;

use iceberg::spec::{PartitionSpec, Schema as TableSchema, Transform, UnboundPartitionSpec};
use sluice_schema::{ColumnType, Schema};

use super::files::FileLayout;

/// The column that most events have their time in.
const USUAL_TIME: &str = "created_datetime";

/// The layout of a table: `day(created_datetime)`, `event_type`, `day(created_datetime),event_type` or `none`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableLayout {
    /// The column of timestamps or dates whose day divides the files.
    pub day_of: Option<String>,
    /// The column of strings each of whose values has files of its own.
    pub value_of: Option<String>,
}

impl TableLayout {
    /// The layout of a table whose user gives none: by the day of the only timestamp, or of the usual one. A date can be
    /// anything, such as a birthday, so only a user can choose one.
    #[must_use]
    pub fn usual(schema: &Schema) -> Self {
        let is_time =
            |name: &str| matches!(type_of(schema, name), Some(ColumnType::Timestamp { .. }));
        let columns = schema.columns().iter();
        let mut times = columns
            .map(sluice_schema::Column::name)
            .filter(|name| is_time(name));
        let only = match (times.next(), times.next()) {
            (Some(only), None) => Some(only),
            _ => Some(USUAL_TIME).filter(|usual| is_time(usual)),
        };
        Self {
            day_of: only.map(ToOwned::to_owned),
            value_of: None,
        }
    }

    /// Checks that a schema has the columns.
    ///
    /// # Errors
    /// Says which columns would be right.
    pub fn check(&self, schema: &Schema) -> Result<(), String> {
        let has = |name: &str, is_right: fn(&ColumnType) -> bool, types: &str| {
            if type_of(schema, name).is_some_and(is_right) {
                return Ok(());
            }
            let columns = schema.columns().iter();
            let right = columns.filter(|column| is_right(column.column_type()));
            let right: Vec<_> = right.map(sluice_schema::Column::name).collect();
            Err(format!(
                "the schema has no column {name} of {types}; those are: {}",
                if right.is_empty() {
                    "none".to_owned()
                } else {
                    right.join(", ")
                }
            ))
        };
        if let Some(name) = &self.day_of {
            let is_time = |column_type: &ColumnType| {
                matches!(column_type, ColumnType::Timestamp { .. } | ColumnType::Date)
            };
            has(name, is_time, "timestamps or dates")?;
        }
        if let Some(name) = &self.value_of {
            has(
                name,
                |column_type| *column_type == ColumnType::String,
                "strings",
            )?;
        }
        Ok(())
    }

    /// The layout as Iceberg has it.
    ///
    /// # Errors
    /// None is expected: [`check`](Self::check) has passed.
    pub(super) fn spec(&self, schema: &TableSchema) -> iceberg::Result<UnboundPartitionSpec> {
        let mut spec = UnboundPartitionSpec::builder();
        let id = |name: &str| {
            let missing = || {
                iceberg::Error::new(iceberg::ErrorKind::DataInvalid, format!("no column {name}"))
            };
            schema.field_id_by_name(name).ok_or_else(missing)
        };
        if let Some(name) = &self.day_of {
            spec = spec.add_partition_field(id(name)?, format!("{name}_day"), Transform::Day)?;
        }
        if let Some(name) = &self.value_of {
            spec = spec.add_partition_field(id(name)?, name.clone(), Transform::Identity)?;
        }
        Ok(spec.build())
    }

    /// The layout of a table that exists; `None` if Sluice writes no such table.
    #[must_use]
    pub(super) fn of_spec(spec: &PartitionSpec, schema: &TableSchema) -> Option<Self> {
        let mut layout = Self::default();
        for field in spec.fields() {
            let column = schema.name_by_field_id(field.source_id)?.to_owned();
            match field.transform {
                Transform::Day if layout == Self::default() => layout.day_of = Some(column),
                Transform::Identity if layout.value_of.is_none() => layout.value_of = Some(column),
                _ => return None,
            }
        }
        Some(layout)
    }

    /// How files are written for it.
    #[must_use]
    pub(super) fn files(&self) -> FileLayout {
        FileLayout {
            day_of: self.day_of.clone(),
            by_event_type: self.value_of.clone(),
        }
    }
}

/// The type of a column.
fn type_of<'a>(schema: &'a Schema, name: &str) -> Option<&'a ColumnType> {
    let mut columns = schema.columns().iter();
    let column = columns.find(|column| column.name() == name)?;
    Some(column.column_type())
}

impl fmt::Display for TableLayout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.day_of, &self.value_of) {
            (None, None) => f.write_str("none"),
            (Some(day), None) => write!(f, "day({day})"),
            (None, Some(value)) => f.write_str(value),
            (Some(day), Some(value)) => write!(f, "day({day}),{value}"),
        }
    }
}

impl FromStr for TableLayout {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut layout = Self::default();
        if text == "none" {
            return Ok(layout);
        }
        for part in text.split(',').map(str::trim) {
            let day = part
                .strip_prefix("day(")
                .and_then(|part| part.strip_suffix(')'));
            let slot = match day {
                Some(_) if layout == Self::default() => &mut layout.day_of,
                None if layout.value_of.is_none() && !part.contains(['(', ')']) => {
                    &mut layout.value_of
                }
                _ => return Err(wrong(text)),
            };
            let name = day.unwrap_or(part).trim();
            if name.is_empty() {
                return Err(wrong(text));
            }
            *slot = Some(name.to_owned());
        }
        Ok(layout)
    }
}

fn wrong(text: &str) -> String {
    format!("{text:?} is not day(COLUMN), COLUMN, day(COLUMN),COLUMN or none")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layout_is_written_as_it_is_read() {
        for text in ["none", "day(ts)", "event_type", "day(ts),event_type"] {
            assert_eq!(text.parse::<TableLayout>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "day()",
            "day(a),day(b)",
            "a,b",
            "hour(ts)",
            "a,day(b)",
            "day(a",
        ] {
            assert!(
                text.parse::<TableLayout>()
                    .unwrap_err()
                    .contains("is not day(COLUMN)"),
                "{text}"
            );
        }
    }

    #[test]
    fn the_usual_layout_is_by_the_day_of_the_events() {
        let usual = |columns: &str| {
            let document = format!("{{\"version\":1,\"columns\":[{columns}]}}");
            let schema = Schema::parse(document.as_bytes()).unwrap();
            let usual = TableLayout::usual(&schema);
            usual.check(&schema).unwrap();
            usual.to_string()
        };
        let time = |name: &str| format!(r#"{{"name":"{name}","type":"timestamp(3)"}}"#);
        assert_eq!(usual(""), "none");
        assert_eq!(usual(&time("at")), "day(at)");
        assert_eq!(usual(&[time("at"), time("seen")].join(",")), "none");
        let three = [time("at"), time("created_datetime"), time("seen")];
        assert_eq!(usual(&three.join(",")), "day(created_datetime)");
        let date = r#"{"name":"created_datetime","type":"date"}"#.to_owned();
        assert_eq!(usual(&date), "none");
        assert_eq!(usual(&[date, time("at")].join(",")), "day(at)");
    }

    #[test]
    fn a_layout_needs_columns_of_the_right_types() {
        let document = br#"{"version":1,"columns":[{"name":"a","type":"long"},{"name":"t","type":"timestamp(0)"},{"name":"d","type":"date"}]}"#;
        let schema = Schema::parse(document).unwrap();
        for text in ["day(t)", "day(d)"] {
            text.parse::<TableLayout>().unwrap().check(&schema).unwrap();
        }
        for (text, part) in [
            ("day(a)", "those are: d, t"),
            ("a", "those are: none"),
            ("day(x)", "no column x"),
        ] {
            let error = text
                .parse::<TableLayout>()
                .unwrap()
                .check(&schema)
                .unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
