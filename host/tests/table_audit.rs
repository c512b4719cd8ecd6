//! `sluice audit --table` proves a table, and names what is wrong in another one.

mod columns;

mod duplicates;
mod redriven;

use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, RecordBatch, StringArray};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use serde_json::Value;

use crate::local::events;
use crate::support::lake;
use crate::support::program::{Place, Ran};

/// A table of two syncs, each of one chunk of one file: of 30 events and of 60.
struct Audited(Place);

impl Audited {
    fn new() -> Self {
        Self::of_format("ndjson")
    }

    fn of_format(format: &str) -> Self {
        let place = Place::new();
        place.write("events.ndjson", events(0..30));
        place.write("more.ndjson", events(30..90));
        let table = Self(place);
        table.land(format, "file:events.ndjson");
        table.table("create", &[]);
        table.table("sync", &[]);
        table.land(format, "file:more.ndjson");
        table.table("sync", &[]);
        table
    }

    fn land(&self, format: &str, source: &str) {
        let args = ["--source", source, "--format", format, "--bus", "none"];
        // Parquet objects have their own compression.
        let plain: &[&str] = match format {
            "ndjson" => &["--compression", "none"],
            _ => &[],
        };
        self.0.land(&[&args[..], plain].concat());
    }

    fn table(&self, command: &str, more: &[&str]) {
        let args = ["table", command, "--lake", "file:lake"];
        self.0.run(&[&args[..], more].concat()).succeeded();
    }

    fn audit(&self, more: &[&str]) -> Ran {
        let args = [
            "audit",
            "--table",
            "--lake",
            "file:lake",
            "--summary",
            "json",
        ];
        let before = lake::tree(&self.0.lake());
        let ran = self.0.run(&[&args[..], more].concat());
        assert!(
            lake::tree(&self.0.lake()) == before,
            "the audit changed something"
        );
        ran
    }

    /// The report of an audit without findings.
    fn proven(&self) -> Value {
        let report = report(&self.audit(&[]).succeeded());
        assert_eq!(
            (&report["proven"], &report["findings"]),
            (&true.into(), &0.into()),
            "{report:#}"
        );
        report
    }

    /// Asserts that a quick audit finds nothing.
    fn is_consistent(&self) -> Value {
        let report = report(&self.audit(&["--quick"]).succeeded());
        assert_eq!(
            (&report["consistent"], &report["findings"]),
            (&true.into(), &0.into()),
            "{report:#}"
        );
        report
    }

    /// The kinds of the findings of an audit, in their order, and the findings.
    fn found(&self, more: &[&str]) -> (Vec<String>, Vec<Value>) {
        let ran = self.audit(more);
        let found = report(&ran)["found"].as_array().unwrap().clone();
        let verdict = match more.contains(&"--quick") {
            true => "not consistent: ",
            false => "not proven: ",
        };
        ran.failed(1, &[verdict]);
        let kinds = found
            .iter()
            .map(|finding| finding["kind"].as_str().unwrap());
        (kinds.map(ToOwned::to_owned).collect(), found)
    }

    /// The data files of the table, the one with the fewest rows first.
    fn files(&self) -> Vec<PathBuf> {
        let warehouse = self.0.path("lake.warehouse");
        let keys = lake::tree(&warehouse).into_keys();
        let keys = keys.filter(|key| key.ends_with(".parquet"));
        let mut files: Vec<_> = keys.map(|key| warehouse.join(key)).collect();
        files.sort_by_key(|file| rows(file).num_rows());
        assert_eq!(files.len(), 2);
        files
    }

    /// Writes the first data file again, as these batches.
    fn edit(&self, change: impl Fn(&RecordBatch) -> Vec<RecordBatch>) {
        let file = self.files().remove(0);
        let batches = change(&rows(&file));
        let schema = batches[0].schema();
        fs::remove_file(&file).unwrap();
        let mut writer = ArrowWriter::try_new(File::create(file).unwrap(), schema, None).unwrap();
        for batch in batches {
            writer.write(&batch).unwrap();
        }
        writer.close().unwrap();
    }

    /// Changes a text of the first row of the first data file.
    fn edit_text(&self, column: &str, text: Option<&str>) {
        self.edit(|batch| {
            let schema = batch.schema();
            let index = schema.index_of(column).unwrap();
            let mut columns = batch.columns().to_vec();
            let texts = columns[index].as_string::<i32>().iter();
            let texts = texts.enumerate().map(|(row, old)| match row {
                0 => text,
                _ => old,
            });
            let changed: ArrayRef = Arc::new(texts.collect::<StringArray>());
            columns[index] = changed;
            vec![RecordBatch::try_new(schema, columns).unwrap()]
        });
    }
}

fn report(ran: &Ran) -> Value {
    let line = ran.stdout.lines().last();
    let line = line.unwrap_or_else(|| panic!("nothing was printed: {ran:?}"));
    serde_json::from_str(line).unwrap()
}

/// All rows of a data file.
fn rows(file: &PathBuf) -> RecordBatch {
    let bytes = Bytes::from(fs::read(file).unwrap());
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let reader = ParquetRecordBatchReaderBuilder::try_new_with_options(bytes, options);
    let mut reader = reader.unwrap().with_batch_size(1_000).build().unwrap();
    let batch = reader.next().unwrap().unwrap();
    assert!(reader.next().is_none());
    batch
}

#[test]
fn a_table_of_several_syncs_is_proven() {
    for format in ["ndjson", "parquet"] {
        let table = Audited::of_format(format);
        // What is behind the watermark makes no difference.
        table.0.write("later.ndjson", events(90..100));
        table.land(format, "file:later.ndjson");
        for report in [table.proven(), table.is_consistent()] {
            let counts = ["rows", "files", "chunks", "counted_chunks", "foreign_rows"];
            let counts = counts.map(|count| report[count].as_u64().unwrap());
            assert_eq!(counts, [90, 2, 2, 0, 0], "{format}: {report:#}");
            assert_eq!(report["shards"].as_array().unwrap().len(), 2);
        }
        let text = ["audit", "--table", "--lake", "file:lake"];
        let text = table.0.run(&text).succeeded().stdout;
        let proven = "proven: the 90 rows of sluice.events are the events of the lake";
        assert!(text.starts_with(proven), "{text}");
    }
}

#[test]
fn files_of_an_older_schema_are_proven() {
    let table = Audited::new();
    let schema = |more: &str| {
        format!(
            r#"{{"version": 1, "columns": [{{"name": "event_uuid", "type": "string"}}{more}]}}"#
        )
    };
    table.0.write("old.json", schema(""));
    let more = r#", {"name": "n", "type": "long"}, {"name": "event_name", "type": "string"}"#;
    table.0.write("new.json", schema(more));
    let other = ["--name", "other"];
    let with = |schema: &'static str| [&other[..], &["--schema", schema]].concat();
    table.table("create", &with("old.json"));
    table.table("sync", &other);
    table.table("evolve", &with("new.json"));
    table.0.write("later.ndjson", events(90..100));
    table.land("ndjson", "file:later.ndjson");
    table.table("sync", &other);
    let report = report(&table.audit(&other).succeeded());
    assert_eq!(
        (&report["proven"], &report["rows"]),
        (&true.into(), &100.into())
    );
}

#[test]
fn a_row_that_is_missing_is_found() {
    let table = Audited::new();
    table.edit(|rows| vec![rows.slice(1, rows.num_rows() - 1)]);
    for more in [&[][..], &["--quick"]] {
        let (kinds, found) = table.found(more);
        assert_eq!(kinds, ["changed_file", "missing_rows"], "{found:#?}");
        let file = found[0]["file"].as_str().unwrap();
        assert!(file.ends_with(".parquet"), "{file}");
        let message = found[1]["message"].as_str().unwrap();
        let why = "1 row missing: its chunk has 30 events, and the table 29";
        assert!(message.ends_with(why), "{message}");
        let manifest = found[1]["manifest"].as_str().unwrap();
        assert!(table.0.lake().join(manifest).exists(), "{manifest}");
    }
}

#[test]
fn a_row_that_is_there_twice_is_found() {
    let table = Audited::new();
    table.edit(|rows| vec![rows.clone(), rows.slice(0, 1)]);
    for more in [&[][..], &["--quick"]] {
        let (kinds, found) = table.found(more);
        assert_eq!(kinds, ["changed_file", "extra_rows"], "{found:#?}");
    }
}

/// The other row has another place, so that a quick audit finds it too.
#[test]
fn a_row_in_place_of_another_is_found() {
    let table = Audited::new();
    table.edit(|rows| {
        let lines = rows.column_by_name("_line").unwrap();
        let lines = lines.as_primitive::<Int64Type>().values();
        let other = lines.iter().position(|line| *line != lines[0]).unwrap();
        let behind = other + 1;
        vec![
            rows.slice(0, other),
            rows.slice(0, 1),
            rows.slice(behind, rows.num_rows() - behind),
        ]
    });
    for more in [&[][..], &["--quick"]] {
        let (kinds, found) = table.found(more);
        assert_eq!(kinds, ["changed_rows"], "{found:#?}");
    }
}

#[test]
fn a_value_that_was_changed_is_found() {
    for column in ["event_name", "event_uuid"] {
        for value in [Some("other"), None] {
            let table = Audited::new();
            table.edit_text(column, value);
            let (kinds, found) = table.found(&[]);
            assert_eq!(kinds, ["changed_rows"], "{column}: {found:#?}");
            table.is_consistent();
        }
    }
}

#[test]
fn a_row_without_its_rest_is_found() {
    let table = Audited::new();
    table.edit_text("_rest", Some("{}"));
    assert_eq!(table.found(&[]).0, ["changed_rows"]);
    let table = Audited::new();
    table.edit_text("_rest", Some("{\"n\":"));
    assert_eq!(table.found(&[]).0, ["damaged_row", "changed_rows"]);
}

#[test]
fn rows_of_other_chunks_are_found() {
    let cases = [
        ("_chunk", Some("999999999"), "beyond_watermark"),
        ("_chunk", Some("1"), "unknown_chunk"),
        ("_shard", Some("other"), "unknown_chunk"),
    ];
    for (column, value, kind) in cases {
        let table = Audited::new();
        table.edit_text(column, value);
        for more in [&[][..], &["--quick"]] {
            let (kinds, found) = table.found(more);
            assert_eq!(kinds, ["missing_rows", kind], "{found:#?}");
        }
    }
}

#[test]
fn rows_of_others_are_counted() {
    let table = Audited::new();
    table.edit_text("_shard", None);
    let ran = table.audit(&[]);
    let report = report(&ran);
    assert_eq!(report["foreign_rows"], 1);
    let note = report["notes"][0].as_str().unwrap();
    assert!(note.starts_with("1 row without _shard"), "{note}");
    assert_eq!(table.found(&[]).0, ["missing_rows"]);
}

#[test]
fn a_data_file_that_is_gone_or_damaged_is_found() {
    let table = Audited::new();
    let file = table.files().remove(0);
    let bytes = fs::read(&file).unwrap();
    for content in [None, Some(&bytes[..bytes.len() / 2])] {
        match content {
            None => fs::remove_file(&file).unwrap(),
            Some(content) => fs::write(&file, content).unwrap(),
        }
        let (kinds, found) = table.found(&[]);
        assert_eq!(kinds, ["damaged_file", "missing_rows"], "{found:#?}");
    }
}

#[test]
fn a_changed_object_of_the_lake_is_found() {
    let table = Audited::new();
    let lake = table.0.lake();
    let keys = lake::tree(&lake).into_keys();
    let mut objects = keys.filter(|key| key.ends_with(".ndjson"));
    let key = objects.next().unwrap();
    let object = lake.join(&key);
    let content = fs::read_to_string(&object).unwrap();
    fs::write(&object, content.replacen("u-", "v-", 1)).unwrap();
    let (kinds, found) = table.found(&[]);
    assert_eq!(kinds, ["changed_object"], "{found:#?}");
    assert_eq!(found[0]["object"], *key);
    fs::remove_file(&object).unwrap();
    let (kinds, found) = table.found(&[]);
    assert_eq!(kinds, ["missing_object"], "{found:#?}");
    assert_eq!(found[0]["object"], *key);
    table.is_consistent();
}

/// A lake that has landed the same files again has other chunks, or none.
#[test]
fn another_lake_is_found() {
    let table = Audited::new();
    fs::remove_dir_all(table.0.lake()).unwrap();
    table.land("ndjson", "file:more.ndjson");
    let (kinds, found) = table.found(&[]);
    assert_eq!(kinds, ["lake_behind", "unknown_chunk"], "{found:#?}");
}

#[test]
fn a_table_without_events_or_without_the_flag_is_an_error() {
    let place = Place::new();
    place.write("events.ndjson", events(0..3));
    place.land(&["--bus", "none"]);
    let audit = ["audit", "--lake", "file:lake"];
    let with = |more: &[&str]| place.run(&[&audit[..], more].concat());
    with(&["--table"]).failed(1, &["there is no catalog"]);
    let create = ["table", "create", "--lake", "file:lake"];
    place.run(&create).succeeded();
    with(&["--table"]).failed(1, &["has no events of the lake yet", "sluice table sync"]);
    with(&["--table", "--name", "other"]).failed(1, &["there is no table sluice.other"]);
    with(&["--quick", "--name", "other"]).failed(2, &["--name", "--table"]);
}
