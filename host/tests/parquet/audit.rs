//! The audit proves objects of Parquet, and finds each kind of change.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::{ArrayRef, RecordBatch, StringArray, make_array};
use arrow_buffer::NullBuffer;
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::file::properties::WriterProperties;
use serde_json::Value;
use sluice::format::parquet::{RowOrigin, TableSchema};
use sluice::format::{ByteSpan, Level, Rows};
use sluice::layout::object_key::ParsedKey;

use super::{PARQUET, parquet_keys, schema};
use crate::audit::{audit, audit_quickly};
use crate::local::events;
use crate::support::lake;
use crate::support::program::Place;

struct Audited {
    place: Place,
    key: String,
}

impl Audited {
    /// A lake with one chunk and three objects, one of which is going to be changed.
    fn new() -> Self {
        Self::with("long")
    }

    /// As [`new`](Self::new), with a type of the column `n`.
    fn with(of_n: &str) -> Self {
        let place = Place::new();
        place.write("events.ndjson", events(0..90));
        place.write("schema.json", schema(of_n));
        let schema = ["--schema", "schema.json", "--bus", "none"];
        place.land(&[&PARQUET[..], &schema].concat());
        let key = parquet_keys(&place).remove(0);
        Self { place, key }
    }

    fn object(&self) -> PathBuf {
        self.place.lake().join(&self.key)
    }

    fn schema(&self) -> TableSchema {
        lake::schemas(&self.place.lake()).remove(0)
    }

    /// Writes the object again with changed events.
    fn edit(&self, schema: &TableSchema, change: impl Fn(&mut Vec<String>)) {
        let parsed = ParsedKey::parse(&self.key).unwrap();
        let origin = RowOrigin {
            shard: parsed.shard.as_str(),
            chunk: parsed.chunk.first,
        };
        let object = fs::read(self.object()).unwrap();
        let lines = self.schema().decode(&object, origin).unwrap();
        let lines = String::from_utf8(lines).unwrap();
        let mut lines: Vec<_> = lines.lines().map(str::to_owned).collect();
        change(&mut lines);
        let buffers: Vec<_> = lines.into_iter().map(String::into_bytes).collect();
        let spans = (0..).zip(&buffers).map(|(buffer, line)| ByteSpan {
            buffer,
            start: 0,
            end: u32::try_from(line.len()).unwrap(),
        });
        let spans: Vec<_> = spans.collect();
        let rows = Rows::new(&buffers, &spans);
        let object = schema.encode(Level::default(), rows, origin).unwrap();
        fs::write(self.object(), object.bytes).unwrap();
    }

    /// Writes the object again with other columns.
    fn rewrite(&self, change: impl Fn(&str, &ArrayRef) -> ArrayRef) {
        let object = Bytes::from(fs::read(self.object()).unwrap());
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let reader =
            ParquetRecordBatchReaderBuilder::try_new_with_options(object, options).unwrap();
        let metadata = reader.metadata().file_metadata().key_value_metadata();
        let properties = WriterProperties::builder().set_key_value_metadata(metadata.cloned());
        let options = ArrowWriterOptions::new()
            .with_properties(properties.build())
            .with_skip_arrow_metadata(true);
        let schema = reader.schema().clone();
        let mut writer =
            ArrowWriter::try_new_with_options(Vec::new(), schema.clone(), options).unwrap();
        for batch in reader.build().unwrap() {
            let batch = batch.unwrap();
            let columns = schema.fields().iter().zip(batch.columns());
            let columns = columns.map(|(field, array)| change(field.name(), array));
            let changed = RecordBatch::try_new(schema.clone(), columns.collect()).unwrap();
            writer.write(&changed).unwrap();
        }
        fs::write(self.object(), writer.into_inner().unwrap()).unwrap();
    }

    /// The only finding.
    fn finding(&self) -> Value {
        let mut found = audit(&self.place, &["--bus", "none"]).disproven();
        assert_eq!(found.len(), 1, "{found:#?}");
        found.remove(0)
    }

    fn finds(&self, kind: &str) -> Value {
        let finding = self.finding();
        assert_eq!(finding["kind"], kind, "{finding:#}");
        assert_eq!(finding["object"], *self.key, "{finding:#}");
        finding
    }
}

#[test]
fn the_same_events_written_in_another_way_are_proven() {
    let audited = Audited::new();
    let before = fs::read(audited.object()).unwrap();
    audited.edit(&audited.schema(), |lines| {
        for line in lines {
            *line = line.replace("done", r"d\u006fne");
        }
    });
    assert!(fs::read(audited.object()).unwrap() != before);
    audit(&audited.place, &["--bus", "none"]).proven();
}

#[test]
fn a_changed_value_is_found_with_its_line() {
    let audited = Audited::new();
    audited.edit(&audited.schema(), |lines| {
        lines[4] = lines[4].replace("1767225600.5", "1767225600.50");
    });
    let finding = audited.finds("changed_line");
    assert_eq!(finding["line"], 5);
}

/// The array with null in one row.
fn without(array: &ArrayRef, row: usize) -> ArrayRef {
    let valid: Vec<_> = (0..array.len())
        .map(|at| at != row && array.is_valid(at))
        .collect();
    let data = array.to_data().into_builder();
    make_array(data.nulls(Some(NullBuffer::from(valid))).build().unwrap())
}

/// Texts with a member more in one of them.
fn with_member(array: &ArrayRef, row: usize, member: &str) -> ArrayRef {
    let texts = array.as_string::<i32>().iter().enumerate();
    let texts = texts.map(|(at, text)| {
        text.map(|text| match at == row {
            true => text.replacen('{', &format!("{{{member},"), 1),
            false => text.to_owned(),
        })
    });
    Arc::new(texts.collect::<StringArray>())
}

/// The event is still complete, but queries do not find the value in its column.
#[test]
fn a_value_that_was_moved_from_its_column_is_found() {
    let audited = Audited::new();
    audited.rewrite(|_, array| array.clone());
    audit(&audited.place, &["--bus", "none"]).proven();
    // Lessons are each third event, so the fifth one is number 12.
    audited.rewrite(|name, array| match name {
        "n" => without(array, 4),
        "_rest" => with_member(array, 4, "\"n\":12"),
        _ => array.clone(),
    });
    let finding = audited.finds("changed_line");
    assert_eq!(finding["line"], 5);
}

/// `_rest` has the number as the event writes it, and the column has the same number.
#[test]
fn a_column_that_was_emptied_next_to_its_notation_is_found() {
    let audited = Audited::with("decimal(18,2)");
    audited.rewrite(|name, array| match name {
        "n" => without(array, 4),
        _ => array.clone(),
    });
    let finding = audited.finds("changed_line");
    assert_eq!(finding["line"], 5);
}

#[test]
fn missing_extra_and_repeated_rows_are_found() {
    let audited = Audited::new();
    let object = fs::read(audited.object()).unwrap();
    audited.edit(&audited.schema(), |lines| drop(lines.remove(7)));
    audited.finds("missing_record");
    fs::write(audited.object(), &object).unwrap();
    audited.edit(&audited.schema(), |lines| {
        lines.push("{\"n\":1}".to_owned());
    });
    audited.finds("extra_line");
    fs::write(audited.object(), &object).unwrap();
    audited.edit(&audited.schema(), |lines| lines.push(lines[0].clone()));
    audited.finds("repeated_line");
    fs::write(audited.object(), &object).unwrap();
    audit(&audited.place, &["--bus", "none"]).proven();
}

#[test]
fn a_damaged_object_and_one_of_another_schema_are_found() {
    let audited = Audited::new();
    let object = fs::read(audited.object()).unwrap();
    audited.edit(&TableSchema::builtin(), |_| {});
    let finding = audited.finds("damaged_object");
    let message = finding["message"].as_str().unwrap();
    assert!(message.contains("its schema is "), "{message}");
    fs::write(audited.object(), &object[..object.len() / 2]).unwrap();
    audited.finds("damaged_object");
    fs::remove_file(audited.object()).unwrap();
    audited.finds("missing_object");
}

/// The rows of one object in the place of another.
#[test]
fn rows_of_another_object_are_found() {
    let audited = Audited::new();
    let other = parquet_keys(&audited.place).remove(1);
    fs::copy(audited.place.lake().join(other), audited.object()).unwrap();
    let found = audit(&audited.place, &["--bus", "none"]).disproven();
    assert!(
        found
            .iter()
            .all(|finding| finding["object"] == *audited.key)
    );
    assert_eq!(found.len(), 30, "{found:#?}");
}

#[test]
fn a_missing_schema_is_found() {
    let audited = Audited::new();
    let schemas = audited.place.lake().join("_sluice/schemas");
    fs::remove_dir_all(schemas).unwrap();
    let finding = audited.finding();
    assert_eq!(finding["kind"], "unknown_schema", "{finding:#}");
    let message = finding["message"].as_str().unwrap();
    assert!(message.contains("does not exist"), "{message}");
    let found = audit_quickly(&audited.place, &[]).inconsistent();
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0]["kind"], "unknown_schema");
}

#[test]
fn parquet_that_sluice_has_not_written_is_found() {
    let audited = Audited::new();
    let key = "event_type=payment/part-0.parquet";
    fs::copy(audited.object(), audited.place.lake().join(key)).unwrap();
    let finding = audited.finding();
    assert_eq!(finding["kind"], "extra_object", "{finding:#}");
    assert_eq!(finding["object"], key);
}
