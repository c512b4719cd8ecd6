//! What Iceberg knows about a data file, from the metadata of its Parquet: sizes, counts and bounds by column, so that
//! readers leave out files that cannot have what they look for.

use std::collections::{HashMap, HashSet};

use iceberg::spec::{
    DataContentType, DataFile, DataFileBuilder, DataFileFormat, Datum, Literal, PrimitiveType,
    Schema, Struct, Type,
};
use iceberg::{Error, ErrorKind, Result};
use parquet::basic::Type as PhysicalType;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use parquet::file::statistics::Statistics;

/// The characters or bytes of a bound that are kept, as Iceberg does unless it is told otherwise.
const BOUND_LENGTH: usize = 16;

/// A file that is to be described.
pub(super) struct NewDataFile<'a> {
    /// Its URI.
    pub(super) uri: String,
    /// Its size in bytes.
    pub(super) bytes: u64,
    /// The number of the partition spec that it was written for.
    pub(super) spec: i32,
    /// The values of its partition.
    pub(super) partition: Vec<Option<Literal>>,
    /// The columns of the table.
    pub(super) schema: &'a Schema,
}

impl NewDataFile<'_> {
    /// The file as Iceberg describes it.
    ///
    /// # Errors
    /// A statistic of the file is not of its column's type; none is expected.
    pub(super) fn describe(self, metadata: &ParquetMetaData) -> Result<DataFile> {
        let mut columns = Columns::default();
        for group in metadata.row_groups() {
            for column in group.columns() {
                columns.add(column, self.schema)?;
            }
        }
        let columns = columns.finish();
        let rows = metadata.file_metadata().num_rows();
        let groups = metadata.row_groups().iter();
        let offsets =
            groups.filter_map(|group| i64::try_from(group.columns().first()?.byte_range().0).ok());
        let mut file = DataFileBuilder::default();
        file.content(DataContentType::Data)
            .file_path(self.uri)
            .file_format(DataFileFormat::Parquet)
            .partition(Struct::from_iter(self.partition))
            .partition_spec_id(self.spec)
            .record_count(u64::try_from(rows).unwrap_or(0))
            .file_size_in_bytes(self.bytes)
            .column_sizes(columns.sizes)
            .value_counts(columns.values)
            .null_value_counts(columns.nulls)
            .lower_bounds(columns.lower)
            .upper_bounds(columns.upper)
            .split_offsets(Some(offsets.collect()));
        let built = file.build();
        built.map_err(|error| Error::new(ErrorKind::DataInvalid, error.to_string()))
    }
}

/// Numbers by the ids of columns.
#[derive(Default)]
struct Columns {
    sizes: HashMap<i32, u64>,
    values: HashMap<i32, u64>,
    nulls: HashMap<i32, u64>,
    lower: HashMap<i32, Datum>,
    upper: HashMap<i32, Datum>,
    /// Columns of which a row group does not say it.
    without_nulls: HashSet<i32>,
    without_lower: HashSet<i32>,
    without_upper: HashSet<i32>,
}

impl Columns {
    fn add(&mut self, column: &ColumnChunkMetaData, schema: &Schema) -> Result<()> {
        let description = column.column_descr();
        let info = description.self_type().get_basic_info();
        if !info.has_id() {
            return Ok(());
        }
        let id = info.id();
        let values = u64::try_from(column.num_values()).unwrap_or(0);
        let bytes = u64::try_from(column.compressed_size()).unwrap_or(0);
        *self.sizes.entry(id).or_default() += bytes;
        *self.values.entry(id).or_default() += values;
        let statistics = column.statistics();
        let nulls = statistics.and_then(Statistics::null_count_opt);
        match nulls {
            Some(nulls) => *self.nulls.entry(id).or_default() += nulls,
            None => drop(self.without_nulls.insert(id)),
        }
        // Items of lists and maps have no bounds.
        let field = schema
            .field_by_id(id)
            .map(|field| field.field_type.as_ref());
        if let (Some(Type::Primitive(column_type)), 0) = (field, description.max_rep_level()) {
            let is_null = nulls == Some(values);
            let physical = description.physical_type();
            let bytes = |bound: Option<&[u8]>, side| {
                let bound = bound.map(|bytes| datum(column_type, physical, bytes, side));
                bound.transpose().map(Option::flatten)
            };
            let lower = bytes(statistics.and_then(Statistics::min_bytes_opt), Side::Lower)?;
            let upper = bytes(statistics.and_then(Statistics::max_bytes_opt), Side::Upper)?;
            self.add_bounds(id, lower, upper, is_null);
        }
        Ok(())
    }

    fn add_bounds(&mut self, id: i32, lower: Option<Datum>, upper: Option<Datum>, is_null: bool) {
        match lower {
            Some(bound) => keep(&mut self.lower, id, bound, |new, old| new < old),
            None if is_null => {}
            None => drop(self.without_lower.insert(id)),
        }
        match upper {
            Some(bound) => keep(&mut self.upper, id, bound, |new, old| new > old),
            None if is_null => {}
            None => drop(self.without_upper.insert(id)),
        }
    }

    /// What one row group does not say is not known of the file.
    fn finish(mut self) -> Self {
        self.nulls.retain(|id, _| !self.without_nulls.contains(id));
        self.lower.retain(|id, _| !self.without_lower.contains(id));
        self.upper.retain(|id, _| !self.without_upper.contains(id));
        self
    }
}

fn keep(
    bounds: &mut HashMap<i32, Datum>,
    id: i32,
    bound: Datum,
    is_farther: impl Fn(&Datum, &Datum) -> bool,
) {
    match bounds.get(&id) {
        Some(known) if !is_farther(&bound, known) => {}
        _ => drop(bounds.insert(id, bound)),
    }
}

/// Which bound a value is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Lower,
    Upper,
}

/// A bound of Parquet as one of Iceberg; `None` if there is none.
fn datum(
    column_type: &PrimitiveType,
    physical: PhysicalType,
    bytes: &[u8],
    side: Side,
) -> Result<Option<Datum>> {
    Ok(match (column_type, physical) {
        (PrimitiveType::String, _) => {
            let text = std::str::from_utf8(bytes).ok();
            let bound = text.and_then(|text| match side {
                Side::Lower => Some(text.chars().take(BOUND_LENGTH).collect()),
                Side::Upper => upper_text(text),
            });
            bound.map(Datum::string)
        }
        (PrimitiveType::Binary, _) => match side {
            Side::Lower => Some(Datum::binary(bytes.iter().copied().take(BOUND_LENGTH))),
            Side::Upper => upper_bytes(bytes).map(Datum::binary),
        },
        // Parquet has the smallest byte first, and Iceberg the largest.
        (PrimitiveType::Decimal { .. }, PhysicalType::INT32 | PhysicalType::INT64) => {
            let turned: Vec<_> = bytes.iter().rev().copied().collect();
            Some(Datum::try_from_bytes(&turned, column_type.clone())?)
        }
        _ => Some(Datum::try_from_bytes(bytes, column_type.clone())?),
    })
}

/// A short text that no text with this beginning comes after; `None` if there is none.
fn upper_text(text: &str) -> Option<String> {
    let mut chars: Vec<_> = text.chars().collect();
    if chars.len() <= BOUND_LENGTH {
        return Some(text.to_owned());
    }
    chars.truncate(BOUND_LENGTH);
    while let Some(last) = chars.pop() {
        // What is between these two is no character.
        let next = match u32::from(last) + 1 {
            0xD800 => 0xE000,
            next => next,
        };
        if let Some(next) = char::from_u32(next) {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}

/// As [`upper_text`], of bytes.
fn upper_bytes(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut upper = bytes.to_vec();
    if upper.len() <= BOUND_LENGTH {
        return Some(upper);
    }
    upper.truncate(BOUND_LENGTH);
    while let Some(last) = upper.pop() {
        if last < u8::MAX {
            upper.push(last + 1);
            return Some(upper);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upper_bound_is_short_and_not_below_any_value() {
        let a = "a".repeat(20);
        assert_eq!(upper_text("short").as_deref(), Some("short"));
        assert_eq!(upper_text(&a).unwrap(), format!("{}b", "a".repeat(15)));
        let last = format!("{}\u{10FFFF}x", "a".repeat(15));
        assert_eq!(upper_text(&last).unwrap(), format!("{}b", "a".repeat(14)));
        let gap = format!("{}\u{D7FF}x", "a".repeat(15));
        assert_eq!(
            upper_text(&gap).unwrap(),
            format!("{}\u{E000}", "a".repeat(15))
        );
        assert_eq!(upper_text(&"\u{10FFFF}".repeat(20)), None);
        assert_eq!(upper_bytes(&[255; 20]), None);
        let mut bytes = vec![1; 15];
        bytes.extend([255, 9]);
        let mut upper = vec![1; 14];
        upper.push(2);
        assert_eq!(upper_bytes(&bytes), Some(upper));
    }
}
