//! The partition of an event, by its members.

use std::borrow::Cow;

use jaq_json::{Map, Val};
use sluice_transform::{Kind, Rejection};

use crate::rejection::jq_error;
use crate::write;

/// The columns of an event: names, and values as text.
pub(crate) type Columns<'e> = Vec<(&'e str, Cow<'e, [u8]>)>;

/// The partition columns of an event by the members that the configuration names.
pub(crate) fn columns<'e>(event: &'e Map, names: &'e [String]) -> Result<Columns<'e>, Rejection> {
    let column = |name: &'e String| {
        let value = member(event, name).ok_or_else(|| missing(name, false))?;
        Ok((name.as_str(), text(name, value)?))
    };
    names.iter().map(column).collect()
}

/// The value of a member. A linear search costs less than the allocation of a key.
pub(crate) fn member<'e>(object: &'e Map, name: &str) -> Option<&'e Val> {
    let is_it = |key: &Val| matches!(key, Val::TStr(key) if key.as_ref() == name.as_bytes());
    let mut members = object.iter();
    members.find_map(|(key, value)| is_it(key).then_some(value))
}

/// The text of a value that is a partition column.
pub(crate) fn text<'e>(column: &str, value: &'e Val) -> Result<Cow<'e, [u8]>, Rejection> {
    Ok(match value {
        Val::TStr(text) if std::str::from_utf8(text).is_ok() => Cow::Borrowed(&***text),
        Val::Num(number) => {
            let mut text = Vec::new();
            write::number(number, &mut text)?;
            Cow::Owned(text)
        }
        Val::Bool(true) => Cow::Borrowed(b"true"),
        Val::Bool(false) => Cow::Borrowed(b"false"),
        Val::Null => return Err(missing(column, true)),
        Val::Obj(_) => return Err(Rejection::invalid_partition_field(column, Kind::Object)),
        Val::Arr(_) => return Err(Rejection::invalid_partition_field(column, Kind::Array)),
        Val::TStr(_) | Val::BStr(_) => {
            let message = format!("{column}: a text that is not UTF-8 cannot be a partition");
            return Err(jq_error(message));
        }
    })
}

#[cold]
fn missing(column: &str, is_null: bool) -> Rejection {
    Rejection::missing_partition_field(column, is_null)
}
