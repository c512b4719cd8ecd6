//! The names of columns in files that Iceberg's library for Java has written: Avro does not allow all characters, and the
//! library gives columns of Parquet the names that they would have there.

use arrow_array::{ArrayRef, RecordBatch, StructArray};

/// The name that the library writes for a column.
fn escaped(name: &str) -> String {
    let mut escaped = String::with_capacity(name.len());
    for (place, c) in name.chars().enumerate() {
        match c {
            '_' => escaped.push(c),
            c if c.is_numeric() && place == 0 => escaped.extend(['_', c]),
            c if c.is_alphanumeric() && u32::from(c) <= 0xFFFF => escaped.push(c),
            c => {
                let units = c.encode_utf16(&mut [0; 2]).to_vec();
                escaped.extend(units.into_iter().map(|unit| format!("_x{unit:X}")));
            }
        }
    }
    escaped
}

/// Whether a column of a file is the one with a name.
pub(super) fn is_column(found: &str, name: &str) -> bool {
    found == name || found == escaped(name)
}

/// The column of a batch with a name.
pub(super) fn column<'a>(batch: &'a RecordBatch, name: &str) -> Option<&'a ArrayRef> {
    let exact = batch.column_by_name(name);
    exact.or_else(|| batch.column_by_name(&escaped(name)))
}

/// The column of a struct with a name.
pub(super) fn member<'a>(array: &'a StructArray, name: &str) -> Option<&'a ArrayRef> {
    let exact = array.column_by_name(name);
    exact.or_else(|| array.column_by_name(&escaped(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_as_the_library_does() {
        for (name, expected) in [
            ("plain_1", "plain_1"),
            ("Mixed Case", "Mixed_x20Case"),
            ("a.b", "a_x2Eb"),
            ("9to5", "_9to5"),
            ("name-é", "name_x2Dé"),
            ("\u{1F600}", "_xD83D_xDE00"),
        ] {
            assert_eq!(escaped(name), expected);
            assert!(is_column(expected, name) && is_column(name, name), "{name}");
        }
        assert!(!is_column("a_b", "a.b"));
    }
}
