//! The hash of a key.

use sluice_engine::digest::Digest;
use sluice_schema::ColumnValue;

/// The first 128 bits of the SHA-256 of a key; `None` if the value is no key. Two keys with the same hash would be taken for
/// one: among a billion keys, the chance of this is below 1 in 10^20, and nobody can bring it about.
#[must_use]
pub(in crate::table) fn key_hash(value: Option<&ColumnValue<'_>>) -> Option<u128> {
    let digest = match value? {
        ColumnValue::String(text) => Digest::of(text.as_bytes()),
        ColumnValue::Uuid(uuid) => Digest::of(uuid),
        ColumnValue::Long(number) | ColumnValue::Timestamp(number) => {
            Digest::of(&number.to_le_bytes())
        }
        ColumnValue::Decimal(number) => Digest::of(&number.to_le_bytes()),
        ColumnValue::Date(day) => Digest::of(&day.to_le_bytes()),
        ColumnValue::Binary(bytes) => Digest::of(bytes),
        _ => return None,
    };
    let mut half = [0; 16];
    half.copy_from_slice(&digest.bytes()[..16]);
    Some(u128::from_le_bytes(half))
}
