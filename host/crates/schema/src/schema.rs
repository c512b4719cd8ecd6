//! A schema: columns with names, types and the paths of their values.

use std::collections::HashMap;

use thiserror::Error;

use crate::column_type::ColumnType;
use crate::document;

/// The version of the document.
pub const VERSION: u64 = 1;

/// Names of columns that a table has besides those of a schema.
pub const RESERVED_NAMES: [&str; 4] = ["_rest", "_shard", "_chunk", "_line"];

/// The longest name of a column, bytes: engines allow 255 or more characters, and catalogs less.
pub(crate) const NAME_MAX_BYTES: usize = 128;

/// The most columns of a schema, with those in structs. Readers take long to open files with more.
pub const COLUMNS_MAX: usize = 10_000;

/// The most levels of lists, structs and maps.
pub const DEPTH_MAX: usize = 32;

/// A schema that keeps all rules. Its columns are ordered by their names, bytewise, in structs too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schema {
    columns: Vec<Column>,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    name: String,
    path: Vec<String>,
    column_type: ColumnType,
    doc: Option<String>,
}

/// What is wrong with a schema.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{place}: {why}")]
pub struct InvalidSchema {
    /// Where, such as `columns[3].type.struct[0].name`.
    pub place: String,
    /// What is wrong, and what would be right.
    pub why: String,
}

impl InvalidSchema {
    pub(crate) fn new(place: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            why: why.into(),
        }
    }
}

impl Column {
    /// The column of the member that has its name.
    #[must_use]
    pub fn new(name: impl Into<String>, column_type: ColumnType) -> Self {
        let name = name.into();
        Self {
            path: vec![name.clone()],
            name,
            column_type,
            doc: None,
        }
    }

    /// Takes the value from another member, or from one in objects: the names from the outermost on.
    #[must_use]
    pub fn with_path(self, path: Vec<String>) -> Self {
        Self { path, ..self }
    }

    /// Describes the column.
    #[must_use]
    pub fn with_doc(self, doc: Option<String>) -> Self {
        Self { doc, ..self }
    }

    /// Gives the column another type.
    #[must_use]
    pub fn with_type(self, column_type: ColumnType) -> Self {
        Self {
            column_type,
            ..self
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The names of the members that lead to its value, from the event or the object of the struct.
    #[must_use]
    pub fn path(&self) -> &[String] {
        &self.path
    }

    /// Its type. All columns can be null.
    #[must_use]
    pub fn column_type(&self) -> &ColumnType {
        &self.column_type
    }

    /// Its description.
    #[must_use]
    pub fn doc(&self) -> Option<&str> {
        self.doc.as_deref()
    }

    /// Whether its value is the member with its name.
    #[must_use]
    pub fn has_own_path(&self) -> bool {
        matches!(self.path.as_slice(), [only] if *only == self.name)
    }
}

impl Schema {
    /// A schema of these columns.
    ///
    /// # Errors
    /// [`InvalidSchema`] names the first column that breaks a rule.
    pub fn new(columns: Vec<Column>) -> Result<Self, InvalidSchema> {
        let mut count = 0;
        let columns = check_columns(columns, "columns", 0, &mut count)?;
        Ok(Self { columns })
    }

    /// Reads a document.
    ///
    /// # Errors
    /// [`InvalidSchema`]: text that is no JSON, an unknown member, or a rule that is broken.
    pub fn parse(document: &[u8]) -> Result<Self, InvalidSchema> {
        document::parse(document)
    }

    /// The document, in its one canonical form: a schema that is read and written again has the same text, so the
    /// digest of a schema is that of this text.
    #[must_use]
    pub fn document(&self) -> String {
        document::write(self)
    }

    /// The columns in their order.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }
}

/// Checks columns and orders them. `place` is where they are.
fn check_columns(
    columns: Vec<Column>,
    place: &str,
    depth: usize,
    count: &mut usize,
) -> Result<Vec<Column>, InvalidSchema> {
    let mut folded: HashMap<String, String> = HashMap::new();
    let mut checked = Vec::with_capacity(columns.len());
    for (index, column) in columns.into_iter().enumerate() {
        let place = format!("{place}[{index}]");
        *count += 1;
        if *count > COLUMNS_MAX {
            let why = format!("a schema has at most {COLUMNS_MAX} columns, with those in structs");
            return Err(InvalidSchema::new(place, why));
        }
        let name = &column.name;
        let wrong = |why: String| InvalidSchema::new(format!("{place}.name"), why);
        check_name(name, depth == 0).map_err(wrong)?;
        if let Some(other) = folded.insert(name.to_lowercase(), name.clone()) {
            return Err(wrong(match other == *name {
                true => format!("there are two columns {name:?}"),
                false => format!(
                    "{name:?} differs from {other:?} only in case; query engines take both for one"
                ),
            }));
        }
        check_path(&column.path).map_err(|why| InvalidSchema::new(format!("{place}.path"), why))?;
        let column_type = check_type(column.column_type, &format!("{place}.type"), depth, count)?;
        checked.push((
            index,
            Column {
                column_type,
                ..column
            },
        ));
    }
    check_overlaps(&checked, place)?;
    let mut columns: Vec<_> = checked.into_iter().map(|(_, column)| column).collect();
    columns.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(columns)
}

fn check_type(
    column_type: ColumnType,
    place: &str,
    depth: usize,
    count: &mut usize,
) -> Result<ColumnType, InvalidSchema> {
    if depth > DEPTH_MAX {
        let why = format!(
            "lists, structs and maps have at most {DEPTH_MAX} levels; take json for what is deeper"
        );
        return Err(InvalidSchema::new(place, why));
    }
    let mut part = |part: Box<ColumnType>, name: &str| {
        let place = format!("{place}.{name}");
        Ok(Box::new(check_type(*part, &place, depth + 1, count)?))
    };
    Ok(match column_type {
        ColumnType::List(item) => ColumnType::List(part(item, "list")?),
        ColumnType::Map(value) => ColumnType::Map(part(value, "map")?),
        ColumnType::Struct(columns) if columns.is_empty() => {
            let why = "a struct has at least one column; take json for an object without";
            return Err(InvalidSchema::new(format!("{place}.struct"), why));
        }
        ColumnType::Struct(columns) => {
            let place = format!("{place}.struct");
            ColumnType::Struct(check_columns(columns, &place, depth + 1, count)?)
        }
        scalar => scalar,
    })
}

/// Checks the name of a column; that of a column of a struct may be a reserved one.
pub(crate) fn check_name(name: &str, is_top: bool) -> Result<(), String> {
    if name.is_empty() {
        return Err("the name is empty".into());
    }
    if name.len() > NAME_MAX_BYTES {
        return Err(format!("the name has more than {NAME_MAX_BYTES} bytes"));
    }
    if name.contains(char::is_control) {
        return Err(format!("{name:?} has a control character"));
    }
    if is_top && RESERVED_NAMES.contains(&name.to_lowercase().as_str()) {
        return Err(format!(
            "{name:?} is reserved; give the column another name, and its member as \"path\""
        ));
    }
    Ok(())
}

fn check_path(path: &[String]) -> Result<(), String> {
    if path.is_empty() {
        return Err(
            "the path is empty; give the names of the members that lead to the value".into(),
        );
    }
    if path.len() > DEPTH_MAX {
        return Err(format!("the path has more than {DEPTH_MAX} names"));
    }
    Ok(())
}

/// Checks that no column takes its value from inside that of another.
fn check_overlaps(columns: &[(usize, Column)], place: &str) -> Result<(), InvalidSchema> {
    let mut by_path: Vec<_> = columns
        .iter()
        .map(|(index, column)| (&column.path, index, &column.name))
        .collect();
    by_path.sort();
    for pair in by_path.windows(2) {
        let [(first, a, name), (second, b, other)] = pair else {
            continue;
        };
        if second.starts_with(first) {
            let (last, other) = if a < b { (b, name) } else { (a, other) };
            let why = format!("the path overlaps that of column {other:?}");
            return Err(InvalidSchema::new(format!("{place}[{last}].path"), why));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(columns: Vec<Column>) -> String {
        Schema::new(columns).unwrap_err().to_string()
    }

    fn long(name: &str) -> Column {
        Column::new(name, ColumnType::Long)
    }

    fn path(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn columns_are_ordered_by_their_names() {
        let schema = Schema::new(vec![long("b"), long("B1"), long("a")]).unwrap();
        let names: Vec<_> = schema.columns().iter().map(Column::name).collect();
        assert_eq!(names, ["B1", "a", "b"]);
    }

    #[test]
    fn a_broken_rule_is_named_with_its_place() {
        let nested = |column| {
            Column::new(
                "s",
                ColumnType::List(Box::new(ColumnType::Struct(vec![column]))),
            )
        };
        for (columns, expected) in [
            (
                vec![long("a"), long("a")],
                "columns[1].name: there are two columns \"a\"",
            ),
            (
                vec![long("a"), long("b"), long("A")],
                "columns[2].name: \"A\" differs from \"a\" only in case",
            ),
            (
                vec![long("é"), long("É")],
                "columns[1].name: \"É\" differs from \"é\" only in case",
            ),
            (
                vec![long("_rest")],
                "columns[0].name: \"_rest\" is reserved",
            ),
            (
                vec![long("_Line")],
                "columns[0].name: \"_Line\" is reserved",
            ),
            (vec![long("")], "columns[0].name: the name is empty"),
            (
                vec![long("a\nb")],
                "columns[0].name: \"a\\nb\" has a control character",
            ),
            (
                vec![long(&"x".repeat(129))],
                "columns[0].name: the name has more than 128 bytes",
            ),
            (
                vec![long("a").with_path(Vec::new())],
                "columns[0].path: the path is empty",
            ),
            (
                vec![long("x").with_path(path(&["a", "b"])), long("a")],
                "columns[1].path: the path overlaps that of column \"x\"",
            ),
            (
                vec![long("a"), long("x").with_path(path(&["a"]))],
                "columns[1].path: the path overlaps that of column \"a\"",
            ),
            (
                vec![nested(long(""))],
                "columns[0].type.list.struct[0].name: the name is empty",
            ),
            (
                vec![Column::new("s", ColumnType::Struct(Vec::new()))],
                "columns[0].type.struct: a struct has at least one column",
            ),
        ] {
            let found = error(columns);
            assert!(found.starts_with(expected), "{found}");
        }
    }

    #[test]
    fn a_struct_can_have_reserved_names_and_siblings_can_share_a_beginning() {
        let columns = vec![
            Column::new("s", ColumnType::Struct(vec![long("_rest")])),
            long("x").with_path(path(&["a", "b"])),
            long("y").with_path(path(&["a", "c"])),
            long("ab"),
        ];
        assert!(Schema::new(columns).is_ok());
    }

    #[test]
    fn levels_and_columns_are_bounded() {
        let deep = (0..40).fold(ColumnType::Long, |inner, _| {
            ColumnType::List(Box::new(inner))
        });
        assert!(error(vec![Column::new("a", deep)]).contains("at most 32 levels"));
        let many = (0..=COLUMNS_MAX)
            .map(|number| long(&format!("c{number}")))
            .collect();
        assert!(error(many).contains("at most 10000 columns"));
    }
}
