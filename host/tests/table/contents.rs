//! Reads a table as its catalog and its metadata describe it, with other code than that which writes it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use chrono::DateTime;
use iceberg::spec::{Datum, Literal, Manifest, ManifestList, PrimitiveLiteral, TableMetadata};
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::Field;
use serde_json::{Map, Value};
use sluice::layout::object_key::ChunkName;
use sluice_engine::record::ShardId;
use sqlx::ConnectOptions as _;
use sqlx::sqlite::SqliteConnectOptions;
use testkit::rest_catalog::RestCatalog;
use tokio::runtime::Runtime;

use crate::support::lake;

/// The catalog of a warehouse.
pub(crate) enum Catalog {
    /// A file of `SQLite`.
    Sqlite(PathBuf),
    /// A REST catalog.
    Rest(RestCatalog),
}

impl Catalog {
    /// What others call it: the path of its file, or its URL.
    pub(super) fn name(&self) -> &OsStr {
        match self {
            Self::Sqlite(file) => file.as_os_str(),
            Self::Rest(catalog) => OsStr::new(&catalog.endpoint),
        }
    }
}

/// Where the tables of a warehouse are.
pub(crate) struct Warehouse {
    pub(crate) catalog: Catalog,
    /// What comes before the key of a file in its URI.
    pub(crate) root: String,
    /// The folder that has the files by their keys.
    pub(crate) folder: PathBuf,
}

/// A file of a table.
pub(crate) struct TableFile {
    /// Its key in the warehouse.
    pub(crate) key: String,
    pub(super) bytes: u64,
    pub(super) rows: u64,
    pub(super) partition: Vec<Option<Literal>>,
    /// The bounds of its columns, by their ids.
    pub(super) lower: HashMap<i32, PrimitiveLiteral>,
    pub(super) upper: HashMap<i32, PrimitiveLiteral>,
}

/// A row.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) origin: Origin,
    /// Its columns that are not null, without those of the origin and `_rest`.
    pub(super) columns: HashMap<String, Field>,
    pub(super) rest: Option<String>,
}

/// Where an event of the lake is: its shard, the first record of its chunk, and its line in one of the chunk's objects.
pub(crate) type Origin = (String, String, i64);

impl Warehouse {
    /// The metadata of the table with this name, in the namespace `sluice`.
    pub(super) fn metadata(&self, table: &str) -> TableMetadata {
        let text = fs::read(self.path(&self.metadata_location(table))).unwrap();
        serde_json::from_slice(&text).unwrap()
    }

    pub(super) fn metadata_location(&self, table: &str) -> String {
        match &self.catalog {
            Catalog::Sqlite(file) => metadata_location_in(file, table),
            Catalog::Rest(catalog) => {
                let location = catalog.metadata_location("sluice", table);
                location.unwrap_or_else(|| panic!("there is no table {table}"))
            }
        }
    }

    /// Changes the metadata of a table, as another program does: it writes a new file, and names it in the catalog.
    pub(super) fn change(&self, table: &str, change: impl FnOnce(&mut Value)) {
        let old = self.metadata_location(table);
        let mut metadata = serde_json::from_slice(&fs::read(self.path(&old)).unwrap()).unwrap();
        change(&mut metadata);
        // NUMBER-UUID.metadata.json
        let (folder, name) = old.rsplit_once('/').unwrap();
        let (number, rest) = name.split_once('-').unwrap();
        let number = number.parse::<u32>().unwrap() + 1;
        let new = format!("{folder}/{number:05}-{rest}");
        fs::write(self.path(&new), metadata.to_string()).unwrap();
        let options = SqliteConnectOptions::new().filename(self.catalog.name());
        let renamed = async {
            let mut catalog = options.connect().await.unwrap();
            let query =
                "UPDATE iceberg_tables SET metadata_location = ? WHERE metadata_location = ?";
            let query = sqlx::query(query).bind(&new).bind(&old);
            query.execute(&mut catalog).await.unwrap();
        };
        Runtime::new().unwrap().block_on(renamed);
    }

    fn key<'a>(&self, uri: &'a str) -> &'a str {
        let key = uri.strip_prefix(&self.root);
        key.unwrap_or_else(|| panic!("{uri} is not in {}", self.root))
    }

    fn path(&self, uri: &str) -> PathBuf {
        self.folder.join(self.key(uri))
    }

    /// The files of the present snapshot, in the order of their keys.
    pub(crate) fn files(&self, table: &str) -> Vec<TableFile> {
        let metadata = self.metadata(table);
        let Some(snapshot) = metadata.current_snapshot() else {
            return Vec::new();
        };
        let list = fs::read(self.path(snapshot.manifest_list())).unwrap();
        let list = ManifestList::parse_with_version(&list, metadata.format_version()).unwrap();
        let mut files = Vec::new();
        for manifest in list.entries() {
            let manifest = fs::read(self.path(&manifest.manifest_path)).unwrap();
            let manifest = Manifest::parse_avro(&manifest).unwrap();
            let alive = manifest.entries().iter().filter(|entry| entry.is_alive());
            files.extend(alive.map(|entry| {
                let file = entry.data_file();
                TableFile {
                    key: self.key(file.file_path()).to_owned(),
                    bytes: file.file_size_in_bytes(),
                    rows: file.record_count(),
                    partition: file.partition().fields().to_vec(),
                    lower: bounds(file.lower_bounds()),
                    upper: bounds(file.upper_bounds()),
                }
            }));
        }
        files.sort_by(|a, b| a.key.cmp(&b.key));
        files
    }

    /// The number of rows, by the metadata.
    pub(super) fn count(&self, table: &str) -> u64 {
        self.files(table).iter().map(|file| file.rows).sum()
    }

    /// All rows.
    pub(super) fn rows(&self, table: &str) -> Vec<Row> {
        let files = self.files(table).into_iter();
        files.flat_map(|file| self.rows_of(&file)).collect()
    }

    pub(crate) fn rows_of(&self, file: &TableFile) -> Vec<Row> {
        let content = fs::read(self.folder.join(&file.key)).unwrap();
        assert_eq!(content.len() as u64, file.bytes, "{}", file.key);
        let reader = SerializedFileReader::new(Bytes::from(content)).unwrap();
        let rows = reader.get_row_iter(None).unwrap();
        let rows: Vec<_> = rows.map(|row| self::row(row.unwrap())).collect();
        assert_eq!(rows.len() as u64, file.rows, "{}", file.key);
        rows
    }

    /// The keys of all Parquet files of the warehouse, in a table or not.
    pub(super) fn data_files(&self) -> BTreeSet<String> {
        let keys = lake::tree(&self.folder).into_keys();
        keys.filter(|key| key.ends_with(".parquet")).collect()
    }
}

fn metadata_location_in(file: &Path, table: &str) -> String {
    let options = SqliteConnectOptions::new().filename(file);
    let location = async {
        let mut catalog = options.connect().await.unwrap();
        let query = "SELECT metadata_location FROM iceberg_tables \
                     WHERE catalog_name = 'sluice' AND table_namespace = 'sluice' AND table_name = ?";
        let query = sqlx::query_scalar::<_, String>(query).bind(table);
        query.fetch_one(&mut catalog).await.unwrap()
    };
    Runtime::new().unwrap().block_on(location)
}

fn bounds(bounds: &HashMap<i32, Datum>) -> HashMap<i32, PrimitiveLiteral> {
    let bounds = bounds.iter();
    bounds
        .map(|(id, bound)| (*id, bound.literal().clone()))
        .collect()
}

fn row(row: parquet::record::Row) -> Row {
    let mut columns: HashMap<_, _> = row.into_columns().into_iter().collect();
    let mut take = |name: &str| columns.remove(name).unwrap_or_else(|| panic!("no {name}"));
    let text = |field: Field| match field {
        Field::Str(text) => text,
        // A row that Sluice has not written.
        Field::Null => String::new(),
        other => panic!("{other} is no string"),
    };
    let line = match take("_line") {
        Field::Long(line) => line,
        other => panic!("{other} is no line"),
    };
    let origin = (text(take("_shard")), text(take("_chunk")), line);
    let rest = match take("_rest") {
        Field::Null => None,
        rest => Some(text(rest)),
    };
    columns.retain(|_, field| *field != Field::Null);
    Row {
        origin,
        columns,
        rest,
    }
}

impl Row {
    pub(crate) fn text(&self, column: &str) -> Option<&str> {
        match self.columns.get(column)? {
            Field::Str(text) => Some(text),
            other => panic!("{other} is no string"),
        }
    }

    /// Days since the Unix epoch.
    pub(super) fn day_of(&self, column: &str) -> Option<i64> {
        match self.columns.get(column)? {
            Field::TimestampMicros(micros) => Some(micros.div_euclid(86_400_000_000)),
            other => panic!("{other} is no time in microseconds"),
        }
    }

    /// The members in `_rest`.
    pub(super) fn rest(&self) -> Map<String, Value> {
        let rest = self.rest.as_deref().unwrap_or("{}");
        serde_json::from_str(rest).unwrap_or_else(|why| panic!("{why}: {rest}"))
    }

    /// Whether this is the row of an event: each member is in its column or in `_rest`, and nothing else is there.
    pub(crate) fn is_of(&self, event: &Map<String, Value>) -> bool {
        let rest = self.rest();
        let has = |(name, value): (&String, &Value)| {
            let column = self.columns.get(name);
            let is_in_column = column.map(|field| is_value(field, value));
            match rest.get(name) {
                Some(kept) => kept == value && is_in_column != Some(false),
                None => is_in_column.unwrap_or(value.is_null()),
            }
        };
        let mut names = rest.keys().chain(self.columns.keys());
        event.iter().all(has) && names.all(|name| event.contains_key(name))
    }
}

/// Whether a column has this value.
fn is_value(field: &Field, value: &Value) -> bool {
    match field {
        Field::Bool(found) => value.as_bool() == Some(*found),
        Field::Long(found) => value.as_i64() == Some(*found),
        Field::Double(found) => value.as_f64() == Some(*found),
        Field::Str(found) => {
            let is_json =
                || serde_json::from_str::<Value>(found).is_ok_and(|found| found == *value);
            value.as_str() == Some(found.as_str()) || is_json()
        }
        // Here, a number has the digits of a double only.
        Field::Decimal(_) => {
            let found: f64 = field.to_string().parse().unwrap();
            let is_near = |value: f64| (found - value).abs() <= value.abs() * 1e-12;
            value.as_f64().is_some_and(is_near)
        }
        Field::ListInternal(found) => {
            let (found, items) = (found.elements(), value.as_array());
            let are_same = |items: &Vec<Value>| {
                items
                    .iter()
                    .zip(found)
                    .all(|(item, found)| is_value(found, item))
            };
            items.is_some_and(|items| items.len() == found.len() && are_same(items))
        }
        Field::Group(found) => {
            let mut members = found.get_column_iter();
            members.all(|(name, found)| is_value(found, value.get(name).unwrap_or(&Value::Null)))
        }
        Field::Null => value.is_null(),
        Field::TimestampMicros(found) => {
            let time = value.as_str().map(DateTime::parse_from_rfc3339);
            time.is_some_and(|time| time.unwrap().timestamp_micros() == *found)
        }
        other => panic!("a test with a column for {other}"),
    }
}

/// The events of a lake without pending chunks, by where they are. Chunks with objects of several partitions have several
/// lines of a number.
pub(super) fn events(lake: &Path) -> BTreeMap<Origin, Vec<Map<String, Value>>> {
    let mut events = BTreeMap::<_, Vec<_>>::new();
    for (stem, content) in lake::objects(lake) {
        if stem.starts_with("_sluice/") {
            continue;
        }
        let name = stem.rsplit('/').next().unwrap();
        let (shard, chunk): (ShardId, _) = ChunkName::parse(name).unwrap();
        for (line, event) in (1..).zip(content.lines()) {
            let origin = (shard.to_string(), chunk.first.to_string(), line);
            let event = serde_json::from_str(event).unwrap();
            events.entry(origin).or_default().push(event);
        }
    }
    events
}

/// Asserts that the rows are the events of a lake, each once and with its values.
pub(super) fn are_events_of(rows: &[Row], lake: &Path) {
    let mut events = events(lake);
    for row in rows {
        let expected = events.get_mut(&row.origin);
        let expected = expected.unwrap_or_else(|| panic!("the lake has no event of {row:?}"));
        let position = expected.iter().position(|event| row.is_of(event));
        match position {
            Some(position) => drop(expected.swap_remove(position)),
            None => panic!("{row:?} is a second row, or has other values than {expected:?}"),
        }
    }
    events.retain(|_, expected| !expected.is_empty());
    let lost: Vec<_> = events.iter().take(5).collect();
    assert!(lost.is_empty(), "not in the table: {lost:?}");
}
