//! Objects of Parquet: each row is an event as the rules make it, with the columns of the schema that its chunk has pinned.

use serde_json::Value;
use sluice::format::Format;
use sluice::format::parquet::{RowOrigin, schema_digest};
use sluice::layout::chunk_manifest::ChunkManifest;
use sluice::layout::object_key::ParsedKey;
use sluice_schema::is_same_event;

use super::check::Lake;
use super::records::{line_of_redriven, number_and_place};

impl Lake<'_> {
    /// The events of an object, each in the words of the rules, and notes the schema that the object names.
    pub(super) fn lines_of_rows(
        &mut self,
        key: &ParsedKey<'_>,
        path: &str,
        object: &[u8],
    ) -> Vec<u8> {
        let digest = schema_digest(object).unwrap();
        let digest = digest.unwrap_or_else(|| panic!("{path} names no schema"));
        let mut schemas = self.schemas.iter();
        let schema = schemas.find(|schema| schema.digest() == digest);
        let schema = schema.unwrap_or_else(|| panic!("no schema {digest}, which {path} names"));
        let origin = RowOrigin {
            shard: key.shard.as_str(),
            chunk: key.chunk.first,
        };
        let rows = schema.decode(object, origin);
        let rows = String::from_utf8(rows.unwrap_or_else(|why| panic!("{path}: {why}"))).unwrap();
        let chunk = (key.shard.to_string(), key.chunk);
        let named = self.schemas_of_chunks.entry(chunk).or_default();
        named.insert(digest);
        let mut lines = Vec::new();
        for row in rows.lines() {
            lines.extend(self.line_of_row(row));
            lines.push(b'\n');
        }
        lines
    }

    /// The line that the rules make of the record with this event.
    fn line_of_row(&self, row: &str) -> Vec<u8> {
        let event: Value = serde_json::from_str(row).unwrap();
        let found = event["event_uuid"].as_str().and_then(number_and_place);
        let (number, place) = found.unwrap_or_else(|| panic!("no event of ours: {row}"));
        let line = line_of_redriven(&self.account.recipe.record(number, place));
        let line = line.unwrap_or_else(|| panic!("an event of what is none: {row}"));
        assert!(is_same_event(row.as_bytes(), &line), "{row}");
        line
    }

    /// All objects of a chunk have the schema that it has pinned, and the lake has that schema.
    pub(super) fn check_schema(&self, manifest: &ChunkManifest) {
        let (key, pins) = (manifest.key(), &manifest.pins);
        let parquet = self.account.parameters.parquet;
        assert_eq!(pins.format == Format::PARQUET, parquet, "{key}");
        assert_eq!(pins.schema.is_some(), parquet, "{key}");
        let chunk = (manifest.shard.to_string(), manifest.name());
        for named in self.schemas_of_chunks.get(&chunk).into_iter().flatten() {
            assert_eq!(Some(*named), pins.schema, "{key}");
        }
        let has = |digest| self.schemas.iter().any(|schema| schema.digest() == digest);
        assert!(pins.schema.is_none_or(has), "{key}");
    }
}
