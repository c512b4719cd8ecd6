//! An event by its key, as it is sorted.

use std::io::{self, Read, Write};

use super::arrival::Arrival;

/// An event, or a row of the table, by its key. The order of its fields is the order in which events are decided on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::table) struct KeyEntry {
    /// The hash of its key.
    pub(in crate::table) key: u128,
    /// Whether it is no row of the table yet.
    pub(in crate::table) is_new: bool,
    /// When it arrived.
    pub(in crate::table) arrived: Arrival,
    /// The number of its object or its chunk, as whoever sorts it counts them.
    pub(in crate::table) object: u32,
    /// Its line there.
    pub(in crate::table) line: u64,
}

/// The bytes of an entry in a local file.
pub(in crate::table) const ENTRY_BYTES: usize = 16 + 1 + 8 + 8 + 4 + 8;

impl KeyEntry {
    /// A row of the table.
    pub(in crate::table) fn row(key: u128, arrived: Arrival) -> Self {
        Self {
            key,
            is_new: false,
            arrived,
            object: 0,
            line: 0,
        }
    }

    pub(super) fn write(&self, to: &mut impl Write) -> io::Result<()> {
        to.write_all(&self.key.to_le_bytes())?;
        to.write_all(&[u8::from(self.is_new)])?;
        to.write_all(&self.arrived.min.to_le_bytes())?;
        to.write_all(&self.arrived.max.to_le_bytes())?;
        to.write_all(&self.object.to_le_bytes())?;
        to.write_all(&self.line.to_le_bytes())
    }

    /// The next entry of a file; `None` at its end.
    pub(super) fn read(from: &mut impl Read) -> io::Result<Option<Self>> {
        let mut bytes = [0; ENTRY_BYTES];
        match from.read_exact(&mut bytes) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            read => read?,
        }
        let mut rest = &bytes[..];
        let key = u128::from_le_bytes(take(&mut rest));
        let [is_new] = take(&mut rest);
        Ok(Some(Self {
            key,
            is_new: is_new != 0,
            arrived: Arrival {
                min: u64::from_le_bytes(take(&mut rest)),
                max: u64::from_le_bytes(take(&mut rest)),
            },
            object: u32::from_le_bytes(take(&mut rest)),
            line: u64::from_le_bytes(take(&mut rest)),
        }))
    }
}

/// The next bytes, which are there.
pub(super) fn take<const N: usize>(from: &mut &[u8]) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.copy_from_slice(&from[..N]);
    *from = &from[N..];
    bytes
}
