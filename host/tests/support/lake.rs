//! Reads what the program wrote.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;
use sluice::format::parquet::{RowOrigin, TableSchema};
use sluice::format::{Format, decode};
use sluice::layout::object_key::ParsedKey;

/// Every file below `root`, by its relative path; folders end with a slash.
pub(crate) fn tree(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut tree = BTreeMap::new();
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(root.join(&folder)) else {
            continue;
        };
        for entry in entries {
            let entry = entry.unwrap();
            let path = format!("{folder}{}", entry.file_name().to_str().unwrap());
            if entry.file_type().unwrap().is_dir() {
                folders.push(format!("{path}/"));
                tree.insert(format!("{path}/"), Vec::new());
            } else if let Ok(content) = fs::read(entry.path()) {
                // A temporary file can disappear while the program runs.
                tree.insert(path, content);
            }
        }
    }
    tree
}

/// The content of every object of events and of quarantine, decompressed, by its path without the
/// extension of the compression.
pub(crate) fn objects(lake: &Path) -> BTreeMap<String, String> {
    let objects = tree(lake).into_iter().filter_map(|(path, bytes)| {
        let (stem, format) = Format::ALL.into_iter().find_map(|format| {
            let stem = path.strip_suffix(&format!(".{}", format.extension()))?;
            Some((stem.to_owned(), format))
        })?;
        let content = match format.has_lines() {
            true => decode(format, &bytes).unwrap(),
            false => decode_rows(lake, &path, &bytes),
        };
        Some((stem, String::from_utf8(content).unwrap()))
    });
    objects.collect()
}

/// The schemas of a lake.
pub(crate) fn schemas(lake: &Path) -> Vec<TableSchema> {
    let documents = tree(&lake.join("_sluice/schemas")).into_values();
    documents
        .map(|document| TableSchema::parse(&document).unwrap())
        .collect()
}

/// The events of a Parquet object as lines, by the schema that it names.
fn decode_rows(lake: &Path, path: &str, bytes: &[u8]) -> Vec<u8> {
    let parsed = ParsedKey::parse(path).unwrap();
    let origin = RowOrigin {
        shard: parsed.shard.as_str(),
        chunk: parsed.chunk.first,
    };
    let schemas = schemas(lake);
    let decoded = schemas.iter().map(|schema| schema.decode(bytes, origin));
    let mut errors = Vec::new();
    for decoded in decoded {
        match decoded {
            Ok(lines) => return lines,
            Err(error) => errors.push(error.to_string()),
        }
    }
    panic!("{path}: {errors:?}");
}

/// The lines of all events of a lake, by partition.
pub(crate) fn events(lake: &Path) -> BTreeMap<String, Vec<String>> {
    let mut events: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (path, content) in objects(lake) {
        if !path.starts_with("_sluice/") {
            let partition = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            let lines = events.entry(partition.to_owned()).or_default();
            lines.extend(content.lines().map(ToOwned::to_owned));
        }
    }
    events
}

/// All events of a lake, sorted.
pub(crate) fn all_events(lake: &Path) -> Vec<String> {
    let mut lines: Vec<_> = events(lake).into_values().flatten().collect();
    lines.sort_unstable();
    lines
}

/// A line of quarantine. Unknown fields are errors.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Quarantined {
    pub(crate) rid: String,
    pub(crate) reason: String,
    pub(crate) message: String,
    pub(crate) backtrace: Option<String>,
    pub(crate) release: String,
    pub(crate) shard: String,
    pub(crate) sequence_number: String,
    pub(crate) partition_key: Option<String>,
    pub(crate) arrived_at: Option<u64>,
    pub(crate) data: Option<String>,
    pub(crate) data_base64: Option<String>,
}

impl Quarantined {
    /// The record's bytes. Text must be stored as text.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        match (&self.data, &self.data_base64) {
            (Some(text), None) => text.as_bytes().to_vec(),
            (None, Some(base64)) => {
                let bytes = STANDARD.decode(base64).unwrap();
                assert!(std::str::from_utf8(&bytes).is_err(), "text as base64");
                bytes
            }
            both_or_none => panic!("{both_or_none:?}"),
        }
    }
}

/// The records in quarantine, by reason and in order.
pub(crate) fn quarantine(lake: &Path) -> Vec<Quarantined> {
    let mut records = Vec::new();
    for (path, content) in objects(&lake.join("_sluice/quarantine")) {
        for line in content.lines() {
            let record: Quarantined = serde_json::from_str(line).unwrap();
            assert!(path.starts_with(&format!("reason={}/", record.reason)));
            let kinesis_record = format!("{}:{}", record.shard, record.sequence_number);
            assert!(record.rid.starts_with(&kinesis_record), "{record:?}");
            records.push(record);
        }
    }
    records
}

/// A line of the bus.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Message {
    pub(crate) rid: String,
    pub(crate) event: u32,
    pub(crate) release: String,
    pub(crate) partition: String,
    pub(crate) body: Box<RawValue>,
}

impl Message {
    /// The offset of the record in its file.
    pub(crate) fn offset(&self) -> u64 {
        self.rid.rsplit_once(':').unwrap().1.parse().unwrap()
    }
}

/// The messages of a bus, in the order of its files.
pub(crate) fn messages(bus: &Path) -> Vec<Message> {
    let mut messages = Vec::new();
    for (path, content) in tree(bus) {
        let lines = String::from_utf8(content).unwrap();
        for line in lines.lines() {
            let message: Message = serde_json::from_str(line).unwrap();
            assert!(path.contains(&message.release[..8]), "{path}");
            messages.push(message);
        }
    }
    messages
}

/// The names of the files on a bus, without temporary ones.
pub(crate) fn messages_exist(bus: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(bus) else {
        return Vec::new();
    };
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| !name.starts_with('.')).collect()
}
