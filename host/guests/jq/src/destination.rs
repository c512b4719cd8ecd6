//! The partition of an event, by its members.

use std::borrow::Cow;

use jaq_json::{Map, Val};
use sluice_transform::partition::{
    PartitionBy, PartitionColumn, check_path, check_text, missing_value, value_without_text,
};
use sluice_transform::{Kind, Rejection};

use crate::rejection::jq_error;
use crate::write;

/// The columns of an event: names, and values as text.
pub(crate) type Columns<'e> = Vec<(&'e str, Cow<'e, [u8]>)>;

/// The partition columns of an event by the members that the configuration names.
pub(crate) fn columns<'e>(event: &'e Map, by: &'e PartitionBy) -> Result<Columns<'e>, Rejection> {
    let column = |column: &'e PartitionColumn| {
        let name = column.member();
        let value = member(event, name).ok_or_else(|| missing_value(name, false))?;
        Ok((column.name(), text(column.name(), name, value)?))
    };
    let columns = by.columns().iter().map(column);
    let columns = columns.collect::<Result<Columns<'e>, _>>()?;
    check_path(&columns)?;
    Ok(columns)
}

/// The value of a member. A linear search costs less than the allocation of a key.
pub(crate) fn member<'e>(object: &'e Map, name: &str) -> Option<&'e Val> {
    let is_it = |key: &Val| matches!(key, Val::TStr(key) if key.as_ref() == name.as_bytes());
    let mut members = object.iter();
    members.find_map(|(key, value)| is_it(key).then_some(value))
}

/// The text of a value that is a partition column. `name` is that of its member, for a message.
pub(crate) fn text<'e>(
    column: &str,
    name: &str,
    value: &'e Val,
) -> Result<Cow<'e, [u8]>, Rejection> {
    let text = match value {
        Val::TStr(text) if std::str::from_utf8(text).is_ok() => Cow::Borrowed(&***text),
        Val::Num(number) => {
            let mut text = Vec::new();
            write::number(number, &mut text)?;
            Cow::Owned(text)
        }
        Val::Bool(true) => Cow::Borrowed(&b"true"[..]),
        Val::Bool(false) => Cow::Borrowed(&b"false"[..]),
        Val::Null => return Err(missing_value(name, true)),
        Val::Obj(_) => return Err(value_without_text(name, Kind::Object)),
        Val::Arr(_) => return Err(value_without_text(name, Kind::Array)),
        Val::TStr(_) | Val::BStr(_) => {
            let message = format!("{name}: a text that is not UTF-8 cannot be a partition");
            return Err(jq_error(message));
        }
    };
    check_text(column, name, &text)?;
    Ok(text)
}
