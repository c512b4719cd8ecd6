//! How objects are written. All of it depends on the rows and the level only.

use parquet::basic::{Compression, ZstdLevel};
#[cfg(feature = "table")]
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{
    EnabledStatistics, WriterProperties, WriterPropertiesBuilder, WriterVersion,
};
use parquet::schema::types::ColumnPath;
use sluice_engine::digest::Digest;

use super::{CHUNK, LINE, REST, SCHEMA_KEY, SHARD};
use crate::format::codec::Level;
use crate::format::rows::Rows;

/// Who has written an object, in the form that readers parse. It does not change with the program, so that the same rows
/// give the same bytes.
const CREATED_BY: &str = "sluice version 1.0.0";

/// The most rows of a row group, and about the most bytes: what readers hold at once, and what they share out.
const GROUP_MAX_ROWS: usize = 1_000_000;
const GROUP_MAX_BYTES: usize = 128 << 20;

/// A dictionary that outgrows this is given up, since its column has values that do not repeat, bytes.
const DICTIONARY_MAX_BYTES: usize = 256 << 10;

/// In an object with fewer bytes of events, only `_rest` is compressed, and only `_shard` and `_chunk` have a dictionary:
/// to set up a compressor or a dictionary for each column takes longer than all else.
const SMALL_BYTES: u64 = 32 << 10;

/// In an object with fewer bytes of events, nothing is compressed: most of it is the description of its columns.
const TINY_BYTES: u64 = 4 << 10;

/// An object with this many bytes of events also has statistics of each page, so that readers skip pages.
const LARGE_BYTES: u64 = 8 << 20;

/// How an object of these rows is written.
pub(super) fn properties(schema: Digest, level: Level, rows: Rows<'_>) -> WriterProperties {
    let bytes = rows.bytes();
    let statistics = if bytes < LARGE_BYTES {
        EnabledStatistics::Chunk
    } else {
        EnabledStatistics::Page
    };
    let properties = WriterProperties::builder()
        .set_created_by(CREATED_BY.to_owned())
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_max_row_group_row_count(Some(GROUP_MAX_ROWS))
        .set_max_row_group_bytes(Some(GROUP_MAX_BYTES))
        .set_compression(compression(level, bytes, SMALL_BYTES))
        .set_dictionary_enabled(bytes >= SMALL_BYTES)
        .set_dictionary_page_size_limit(DICTIONARY_MAX_BYTES)
        .set_statistics_enabled(statistics)
        .set_offset_index_disabled(bytes < LARGE_BYTES)
        .set_key_value_metadata(Some(vec![KeyValue::new(
            SCHEMA_KEY.to_owned(),
            schema.to_string(),
        )]));
    of_own_columns(properties, level, bytes).build()
}

/// How the files of a table are written, which have rows of many objects. The writer of these files decides where row
/// groups end.
///
/// # Errors
/// zstd does not have the level.
#[cfg(feature = "table")]
pub(crate) fn of_table_files(schema: Digest, level: i32) -> Result<WriterProperties, ParquetError> {
    let column = |name: &str| ColumnPath::from(name);
    let properties = WriterProperties::builder()
        .set_created_by(CREATED_BY.to_owned())
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(level)?))
        .set_dictionary_page_size_limit(DICTIONARY_MAX_BYTES)
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_key_value_metadata(Some(vec![KeyValue::new(
            SCHEMA_KEY.to_owned(),
            schema.to_string(),
        )]))
        .set_column_dictionary_enabled(column(LINE), false)
        .set_column_statistics_enabled(column(REST), EnabledStatistics::None)
        .set_column_statistics_enabled(column(LINE), EnabledStatistics::Chunk);
    Ok(properties.build())
}

/// All rows share a shard and a chunk, and no two share a line. Nobody filters by `_rest`.
fn of_own_columns(
    properties: WriterPropertiesBuilder,
    level: Level,
    bytes: u64,
) -> WriterPropertiesBuilder {
    let column = |name: &str| ColumnPath::from(name);
    properties
        .set_column_compression(column(REST), compression(level, bytes, TINY_BYTES))
        .set_column_dictionary_enabled(column(SHARD), bytes >= TINY_BYTES)
        .set_column_dictionary_enabled(column(CHUNK), bytes >= TINY_BYTES)
        .set_column_dictionary_enabled(column(LINE), false)
        .set_column_statistics_enabled(column(REST), EnabledStatistics::None)
        .set_column_statistics_enabled(column(SHARD), EnabledStatistics::Chunk)
        .set_column_statistics_enabled(column(CHUNK), EnabledStatistics::Chunk)
}

/// The compression of a column in an object with this many bytes of events, if it is compressed from `least` on.
fn compression(level: Level, bytes: u64, least: u64) -> Compression {
    if bytes < least {
        return Compression::UNCOMPRESSED;
    }
    let level = ZstdLevel::try_new(level.of_zstd());
    level.map_or(Compression::UNCOMPRESSED, Compression::ZSTD)
}
