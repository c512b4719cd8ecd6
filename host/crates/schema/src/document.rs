//! The document of a schema: JSON that people can edit, with one canonical form.
//!
//! ```json
//! {
//!   "version": 1,
//!   "columns": [
//!     {"name": "city", "path": ["address", "city"], "type": "string", "doc": "where it is sent to"},
//!     {"name": "items", "type": {"list": {"struct": [
//!       {"name": "price", "type": "decimal(18,2)"}
//!     ]}}}
//!   ]
//! }
//! ```

use crate::column_type::ColumnType;
use crate::schema::{Column, DEPTH_MAX, InvalidSchema, Schema, VERSION};
use crate::text::{decode, items, members, string, trim, write_string};

type Result<T> = std::result::Result<T, InvalidSchema>;

/// The levels of the document's own objects and arrays for each level of a type, and some more.
const LEVELS_MAX: usize = 4 * DEPTH_MAX;

pub(crate) fn parse(document: &[u8]) -> Result<Schema> {
    json_scan::check(document)
        .map_err(|error| InvalidSchema::new("schema", format!("not JSON: {error}")))?;
    check_levels(document)?;
    let [version, columns] = fields(trim(document), "schema", ["version", "columns"])?;
    let version = required(version, "schema", "version")?;
    if version != VERSION.to_string().as_bytes() {
        let why = format!(
            "this version of Sluice reads version {VERSION}, found {}",
            shown(version)
        );
        return Err(InvalidSchema::new("version", why));
    }
    let columns = required(columns, "schema", "columns")?;
    Schema::new(parse_columns(columns, "columns")?)
}

/// A document with more levels than any schema has is not read with recursion.
fn check_levels(document: &[u8]) -> Result<()> {
    let (mut level, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in document {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => level += 1,
            b'}' | b']' if !in_string => level -= 1,
            _ => {}
        }
        if level > LEVELS_MAX {
            let why = format!("lists, structs and maps have at most {DEPTH_MAX} levels");
            return Err(InvalidSchema::new("schema", why));
        }
    }
    Ok(())
}

fn parse_columns(value: &[u8], place: &str) -> Result<Vec<Column>> {
    if value.first() != Some(&b'[') {
        return Err(expected(place, "an array of columns", value));
    }
    let columns = items(value).enumerate();
    columns
        .map(|(index, column)| parse_column(column, &format!("{place}[{index}]")))
        .collect()
}

fn parse_column(value: &[u8], place: &str) -> Result<Column> {
    let [name, path, column_type, doc] = fields(value, place, ["name", "path", "type", "doc"])?;
    let name = parse_text(required(name, place, "name")?, &format!("{place}.name"))?;
    let column_type = required(column_type, place, "type")?;
    let column = Column::new(name, parse_type(column_type, &format!("{place}.type"))?);
    let doc = doc
        .map(|doc| parse_text(doc, &format!("{place}.doc")))
        .transpose()?;
    let column = column.with_doc(doc);
    Ok(match path {
        Some(path) => column.with_path(parse_path(path, &format!("{place}.path"))?),
        None => column,
    })
}

fn parse_path(value: &[u8], place: &str) -> Result<Vec<String>> {
    if value.first() != Some(&b'[') {
        return Err(expected(place, "an array of names", value));
    }
    let names = items(value).enumerate();
    names
        .map(|(index, name)| parse_text(name, &format!("{place}[{index}]")))
        .collect()
}

fn parse_type(value: &[u8], place: &str) -> Result<ColumnType> {
    if value.first() == Some(&b'"') {
        let name = parse_text(value, place)?;
        return name.parse().map_err(|why| InvalidSchema::new(place, why));
    }
    if value.first() != Some(&b'{') {
        let wanted = "a string such as \"long\", or an object with one of list, map and struct";
        return Err(expected(place, wanted, value));
    }
    let part = |name: &str| format!("{place}.{name}");
    let boxed = |value, name| parse_type(value, &part(name)).map(Box::new);
    match fields(value, place, ["list", "map", "struct"])? {
        [Some(item), None, None] => Ok(ColumnType::List(boxed(item, "list")?)),
        [None, Some(item), None] => Ok(ColumnType::Map(boxed(item, "map")?)),
        [None, None, Some(columns)] => {
            Ok(ColumnType::Struct(parse_columns(columns, &part("struct"))?))
        }
        _ => {
            let why = "a type has exactly one of the members list, map and struct, or is a string such as \"long\"";
            Err(InvalidSchema::new(place, why))
        }
    }
}

/// The values of an object's members, each at most once and with a known name.
fn fields<'a, const N: usize>(
    value: &'a [u8],
    place: &str,
    names: [&str; N],
) -> Result<[Option<&'a [u8]>; N]> {
    if value.first() != Some(&b'{') {
        return Err(expected(place, "an object", value));
    }
    let mut found = [None; N];
    for member in members(value) {
        let name = decode(member.name).unwrap_or_default();
        let index = names.iter().position(|known| *known == name);
        let Some(field) = index.and_then(|index| found.get_mut(index)) else {
            let why = format!(
                "there is no member {name:?}; its members are {}",
                names.join(", ")
            );
            return Err(InvalidSchema::new(place, why));
        };
        if field.replace(member.value).is_some() {
            return Err(InvalidSchema::new(
                place,
                format!("the member {name:?} occurs twice"),
            ));
        }
    }
    Ok(found)
}

fn required<'a>(value: Option<&'a [u8]>, place: &str, name: &str) -> Result<&'a [u8]> {
    value.ok_or_else(|| InvalidSchema::new(place, format!("the member {name:?} is missing")))
}

fn parse_text(value: &[u8], place: &str) -> Result<String> {
    let text = string(value).ok_or_else(|| expected(place, "a string", value))?;
    let halves = || {
        InvalidSchema::new(
            place,
            "the text has one half of a surrogate pair without the other",
        )
    };
    Ok(decode(text).ok_or_else(halves)?.into_owned())
}

fn expected(place: &str, what: &str, found: &[u8]) -> InvalidSchema {
    InvalidSchema::new(place, format!("expected {what}, found {}", shown(found)))
}

/// The beginning of a value, for a message.
fn shown(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.into_owned(),
    }
}

pub(crate) fn write(schema: &Schema) -> String {
    let mut out = format!("{{\n  \"version\": {VERSION},\n  \"columns\": ").into_bytes();
    write_columns(schema.columns(), 1, &mut out);
    out.extend(b"\n}\n");
    String::from_utf8(out).unwrap_or_default()
}

fn write_columns(columns: &[Column], indent: usize, out: &mut Vec<u8>) {
    let line = |out: &mut Vec<u8>, indent: usize| {
        out.push(b'\n');
        out.extend(std::iter::repeat_n(b' ', 2 * indent));
    };
    out.push(b'[');
    for (index, column) in columns.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        line(out, indent + 1);
        write_column(column, indent + 1, out);
    }
    if !columns.is_empty() {
        line(out, indent);
    }
    out.push(b']');
}

fn write_column(column: &Column, indent: usize, out: &mut Vec<u8>) {
    out.extend(b"{\"name\": ");
    write_string(column.name(), out);
    if !column.has_own_path() {
        out.extend(b", \"path\": [");
        for (index, name) in column.path().iter().enumerate() {
            if index > 0 {
                out.extend(b", ");
            }
            write_string(name, out);
        }
        out.push(b']');
    }
    out.extend(b", \"type\": ");
    write_type(column.column_type(), indent, out);
    if let Some(doc) = column.doc() {
        out.extend(b", \"doc\": ");
        write_string(doc, out);
    }
    out.push(b'}');
}

fn write_type(column_type: &ColumnType, indent: usize, out: &mut Vec<u8>) {
    match column_type {
        ColumnType::List(item) => {
            out.extend(b"{\"list\": ");
            write_type(item, indent, out);
            out.push(b'}');
        }
        ColumnType::Map(value) => {
            out.extend(b"{\"map\": ");
            write_type(value, indent, out);
            out.push(b'}');
        }
        ColumnType::Struct(columns) => {
            out.extend(b"{\"struct\": ");
            write_columns(columns, indent, out);
            out.push(b'}');
        }
        scalar => write_string(&scalar.to_string(), out),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = r#"{
  "version": 1,
  "columns": [
    {"name": "city", "path": ["address", "city"], "type": "string", "doc": "where it is \"sent\" to"},
    {"name": "items", "type": {"list": {"struct": [
      {"name": "price", "type": "decimal(18,2)"},
      {"name": "tags", "type": {"map": "json"}}
    ]}}},
    {"name": "time", "type": "timestamp(3)"}
  ]
}
"#;

    fn error(document: &str) -> String {
        parse(document.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn the_canonical_document_is_read_and_written() {
        let schema = parse(DOCUMENT.as_bytes()).unwrap();
        assert_eq!(schema.document(), DOCUMENT);
        let empty = Schema::default().document();
        assert_eq!(empty, "{\n  \"version\": 1,\n  \"columns\": []\n}\n");
        assert_eq!(parse(empty.as_bytes()), Ok(Schema::default()));
    }

    #[test]
    fn a_document_that_is_written_in_another_way_is_the_same_schema() {
        let other = r#" {"columns":[
            {"type":"timestamp(3)","path":["time"],"name":"time"},
            {"type":{"list":{"struct":[{"name":"tags","type":{"map":"json"}},
                {"name":"price","type":"decimal(18, 2)"}]}},"name":"items"},
            {"doc":"where it is \u0022sent\" to","name":"city","type":"string","path":["address","city"]}
        ],"version":1}"#;
        assert_eq!(parse(other.as_bytes()).unwrap().document(), DOCUMENT);
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        let of_column = |column: &str| error(&format!("{{\"version\":1,\"columns\":[{column}]}}"));
        for (found, expected) in [
            (error("{"), "schema: not JSON: "),
            (error("[]"), "schema: expected an object, found []"),
            (error("{}"), "schema: the member \"version\" is missing"),
            (
                error("{\"version\":1}"),
                "schema: the member \"columns\" is missing",
            ),
            (
                error("{\"version\":2,\"columns\":[]}"),
                "version: this version of Sluice reads version 1, found 2",
            ),
            (
                error("{\"version\":1,\"columns\":{}}"),
                "columns: expected an array of columns, found {}",
            ),
            (
                error("{\"version\":1,\"columns\":[],\"x\":1}"),
                "schema: there is no member \"x\"; its members are",
            ),
            (
                error("{\"version\":1,\"version\":1,\"columns\":[]}"),
                "schema: the member \"version\" occurs twice",
            ),
            (of_column("1"), "columns[0]: expected an object, found 1"),
            (
                of_column("{\"type\":\"long\"}"),
                "columns[0]: the member \"name\" is missing",
            ),
            (
                of_column("{\"name\":\"a\"}"),
                "columns[0]: the member \"type\" is missing",
            ),
            (
                of_column("{\"name\":1,\"type\":\"long\"}"),
                "columns[0].name: expected a string, found 1",
            ),
            (
                of_column("{\"name\":\"a\",\"type\":\"int\"}"),
                "columns[0].type: \"int\" is no type",
            ),
            (
                of_column("{\"name\":\"a\",\"type\":{}}"),
                "columns[0].type: a type has exactly one of",
            ),
            (
                of_column("{\"name\":\"a\",\"type\":{\"list\":3}}"),
                "columns[0].type.list: expected a string such as \"long\", or an object with one of list, map and struct, found 3",
            ),
            (
                of_column("{\"name\":\"a\",\"type\":null}"),
                "columns[0].type: expected a string such as \"long\", or an object",
            ),
            (
                of_column("{\"name\":\"a\",\"type\":{\"map\":{\"struct\":[{}]}}}"),
                "columns[0].type.map.struct[0]: the member \"name\" is missing",
            ),
            (
                of_column("{\"name\":\"a\",\"type\":\"long\",\"path\":\"a\"}"),
                "columns[0].path: expected an array",
            ),
            (
                of_column("{\"name\":\"a\",\"type\":\"long\",\"path\":[1]}"),
                "columns[0].path[0]: expected a string",
            ),
            (
                of_column("{\"name\":\"a\",\"type\":\"long\",\"null\":1}"),
                "columns[0]: there is no member \"null\"",
            ),
            (
                of_column("{\"name\":\"\\ud800\",\"type\":\"long\"}"),
                "columns[0].name: the text has one half",
            ),
        ] {
            assert!(found.starts_with(expected), "{found}\n{expected}");
        }
    }

    #[test]
    fn a_document_of_very_many_levels_is_an_error() {
        let levels = 200_000;
        let (open, close) = ("{\"list\":".repeat(levels), "}".repeat(levels));
        let document = format!(
            "{{\"version\":1,\"columns\":[{{\"name\":\"a\",\"type\":{open}\"long\"{close}}}]}}"
        );
        assert!(error(&document).contains("at most 32 levels"));
    }
}
