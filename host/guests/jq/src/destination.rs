//! The partition of an event, by its members.

use std::borrow::Cow;

use sluice_transform::{Kind, Rejection};

use crate::value::{Object, Val};
use crate::write;

/// The columns of an event: names, and values as text.
pub(crate) type Columns<'e> = Vec<(&'e str, Cow<'e, [u8]>)>;

/// The partition columns of an event by the members that the configuration names.
pub(crate) fn columns<'e>(
    event: &'e Object,
    names: &'e [String],
) -> Result<Columns<'e>, Rejection> {
    let column = |name: &'e String| {
        let value = event
            .get(name.as_bytes())
            .ok_or_else(|| missing(name, false))?;
        Ok((name.as_str(), text(name, value)?))
    };
    names.iter().map(column).collect()
}

/// The text of a value that is a partition column.
pub(crate) fn text<'e>(column: &str, value: &'e Val) -> Result<Cow<'e, [u8]>, Rejection> {
    Ok(match value {
        Val::Str(text) => Cow::Borrowed(text.as_bytes()),
        Val::Int(_) | Val::Float(_) | Val::Decimal(_) => Cow::Owned(write::number_text(value)),
        Val::Bool(true) => Cow::Borrowed(b"true"),
        Val::Bool(false) => Cow::Borrowed(b"false"),
        Val::Null => return Err(missing(column, true)),
        Val::Obj(_) => return Err(Rejection::invalid_partition_field(column, Kind::Object)),
        Val::Arr(_) => return Err(Rejection::invalid_partition_field(column, Kind::Array)),
    })
}

#[cold]
fn missing(column: &str, is_null: bool) -> Rejection {
    Rejection::missing_partition_field(column, is_null)
}
