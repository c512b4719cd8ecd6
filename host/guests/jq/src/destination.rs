//! The partition of an event, by its members.

use std::borrow::Cow;

use sluice_transform::partition::{
    PartitionBy, PartitionColumn, check_path, check_text, missing_value, value_without_text,
};
use sluice_transform::{Kind, Rejection};

use crate::value::{Object, Val};
use crate::write;

/// The columns of an event: names, and values as text.
pub(crate) type Columns<'e> = Vec<(&'e str, Cow<'e, [u8]>)>;

/// The partition columns of an event by the members that the configuration names.
pub(crate) fn columns<'e>(
    event: &'e Object,
    by: &'e PartitionBy,
) -> Result<Columns<'e>, Rejection> {
    let column = |column: &'e PartitionColumn| {
        let name = column.member();
        let value = event.get(name.as_bytes());
        let value = value.ok_or_else(|| missing_value(name, false))?;
        Ok((column.name(), text(column.name(), name, value)?))
    };
    let columns = by.columns().iter().map(column);
    let columns = columns.collect::<Result<Columns<'e>, _>>()?;
    check_path(&columns)?;
    Ok(columns)
}

/// The text of a value that is a partition column. `name` is that of its member, for a message.
pub(crate) fn text<'e>(
    column: &str,
    name: &str,
    value: &'e Val,
) -> Result<Cow<'e, [u8]>, Rejection> {
    let text = match value {
        Val::Str(text) => Cow::Borrowed(text.as_bytes()),
        Val::Int(_) | Val::Float(_) | Val::Decimal(_) => {
            let mut text = Vec::new();
            write::strictly(value, &mut text)?;
            Cow::Owned(text)
        }
        Val::Bool(true) => Cow::Borrowed(&b"true"[..]),
        Val::Bool(false) => Cow::Borrowed(&b"false"[..]),
        Val::Null => return Err(missing_value(name, true)),
        Val::Obj(_) => return Err(value_without_text(name, Kind::Object)),
        Val::Arr(_) => return Err(value_without_text(name, Kind::Array)),
    };
    check_text(column, name, &text)?;
    Ok(text)
}
