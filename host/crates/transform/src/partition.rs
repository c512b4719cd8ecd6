//! Partitions by members of an event: the columns of a configuration, and their values. The built-in transforms `copy`
//! and `jq` share these rules.
//!
//! A value of an event that cannot be a partition is a fault of the record, so it is a [`Rejection`] with a code of its
//! own. The host has the same limits, but would call it `invalid_output`, a fault of the transform.

use std::borrow::Cow;

use json_scan::Kind;

use crate::declaration::{Read, ShownName};
use crate::destinations::Routes;
use crate::events::{Event, Events};
use crate::raw_text::RawText;
use crate::record::{Record, from_utf8, kind_of};
use crate::rejection::Rejection;

/// What readers take for no value. The host writes it for an empty value, so it cannot be a value.
pub(crate) const EMPTY_VALUE: &str = "__HIVE_DEFAULT_PARTITION__";

/// The contract's limit of `column=value`, encoded.
pub(crate) const SEGMENT_MAX_BYTES: usize = 255;

/// The contract's limit of a path.
pub(crate) const PATH_MAX_BYTES: usize = 624;

/// The contract's limit of a column's name.
pub(crate) const NAME_MAX_BYTES: usize = 64;

/// How many columns a configuration can have. More make objects too small to be of use, and a fixed number needs no
/// allocation for a record.
pub const COLUMNS_MAX: usize = 8;

/// The members that events are partitioned by, outermost column first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartitionBy {
    columns: Vec<PartitionColumn>,
}

/// A column of the partition, and the member that has its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionColumn {
    name: String,
    read: Read,
}

impl PartitionBy {
    /// Creates the columns of a configuration, as pairs of the column's name and the member's name. The memory of the
    /// members' names is never freed, so call this in `configure` only.
    ///
    /// # Errors
    /// What is wrong, for the operator: more than [`COLUMNS_MAX`] columns, a name that is no [column](check_column), or
    /// a column or a member that is given twice. The message begins with the path, such as `partition_by[0]`.
    pub fn new(names: Vec<(String, String)>) -> Result<Self, String> {
        if names.len() > COLUMNS_MAX {
            let count = names.len();
            return Err(format!(
                "partition_by: there are {count} columns, {COLUMNS_MAX} at most are allowed"
            ));
        }
        let mut columns: Vec<PartitionColumn> = Vec::with_capacity(names.len());
        for (number, (name, member)) in (0..).zip(names) {
            check_new(&columns, &name, &member)
                .map_err(|why| format!("partition_by[{number}]: {why}"))?;
            let read = Read::owned(number, member);
            columns.push(PartitionColumn { name, read });
        }
        Ok(Self { columns })
    }

    /// The columns, outermost first.
    pub fn columns(&self) -> &[PartitionColumn] {
        &self.columns
    }

    /// The members as reads of a transform that has no others.
    pub fn reads(&self) -> Vec<Read> {
        self.columns.iter().map(|column| column.read).collect()
    }

    /// Begins an event that is the record, in the partition that its members name. The transform must declare
    /// [`reads`](Self::reads).
    ///
    /// # Errors
    /// The rejection of the record if a member is repeated, or has no [value](PartitionColumn::value) for a partition.
    pub fn begin_event<'e>(
        &self,
        routes: Routes,
        record: &Record<'_>,
        events: &'e mut Events,
    ) -> Result<Event<'e>, Rejection> {
        let mut partition = [const { ("", Cow::Borrowed(&[] as &[u8])) }; COLUMNS_MAX];
        for (place, column) in partition.iter_mut().zip(&self.columns) {
            if record.is_repeated(&column.read) {
                return Err(Rejection::duplicate(&column.read));
            }
            let (name, json) = (column.name.as_str(), record.raw(&column.read));
            *place = (name, value(name, column.member(), json)?);
        }
        let partition = partition.get(..self.columns.len()).unwrap_or_default();
        check_path(partition)?;
        Ok(events.begin(routes, partition))
    }
}

impl PartitionColumn {
    /// The name of the column.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name of the member.
    pub fn member(&self) -> &'static str {
        self.read.name()
    }

    /// The value of the column for the member's value in an event: its JSON text without white space around it, or
    /// `None` if the event does not have the member. A string is its text, a number has the digits of its text, and a
    /// boolean is `true` or `false`.
    ///
    /// # Errors
    /// The rejection of the record: `missing_partition_field` if the member is missing or `null`, and
    /// `invalid_partition_field` for an object, an array, and a text that cannot be a partition: an empty one, Hive's
    /// placeholder for no value, one with an unpaired surrogate escape, and one that is too long.
    pub fn value<'a>(&self, json: Option<&'a [u8]>) -> Result<Cow<'a, str>, Rejection> {
        partition_value(&self.name, self.member(), json)
    }
}

/// As [`PartitionColumn::value`], for any column. `member` is the name in the message of a rejection.
///
/// # Errors
/// As there.
pub fn partition_value<'a>(
    column: &str,
    member: &str,
    json: Option<&'a [u8]>,
) -> Result<Cow<'a, str>, Rejection> {
    Ok(match value(column, member, json)? {
        Cow::Borrowed(bytes) => from_utf8(bytes),
        Cow::Owned(bytes) => Cow::Owned(from_utf8(&bytes).into_owned()),
    })
}

/// Checks that all columns of a partition fit a path together.
///
/// # Errors
/// The rejection of the record, `invalid_partition_field`, if they do not.
pub fn check_path<C: AsRef<str>, V: AsRef<[u8]>>(partition: &[(C, V)]) -> Result<(), Rejection> {
    // Each column with a slash behind it. This is usually enough, and does not look at the values.
    let longest = partition
        .iter()
        .map(|(column, value)| longest_segment_bytes(column.as_ref(), value.as_ref()) + 1);
    if longest.sum::<usize>() <= PATH_MAX_BYTES {
        return Ok(());
    }
    let lengths = partition
        .iter()
        .map(|(column, value)| segment_bytes(column.as_ref(), value.as_ref()));
    let bytes = lengths.sum::<usize>() + partition.len().saturating_sub(1);
    if bytes <= PATH_MAX_BYTES {
        return Ok(());
    }
    let message = format!(
        "the partition takes {bytes} bytes as a path, {PATH_MAX_BYTES} at most are allowed"
    );
    Err(Rejection::new("invalid_partition_field", message))
}

/// Checks that a name can be a column: the contract's rule, and no upper case letters. Catalogs such as that of Glue
/// fold names to lower case, so a column with others would have another name there than in the lake.
///
/// # Errors
/// What a column is, for the operator.
pub fn check_column(name: &str) -> Result<(), String> {
    let others = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let well_formed = name.len() <= NAME_MAX_BYTES
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(others);
    if well_formed {
        return Ok(());
    }
    Err(format!(
        "{name:?} is no column: a column is a lower case letter, followed by up to {} lower case letters, digits and \
         underscores",
        NAME_MAX_BYTES - 1
    ))
}

/// Checks a column that is added to others.
fn check_new(columns: &[PartitionColumn], name: &str, member: &str) -> Result<(), String> {
    check_column(name).map_err(|why| {
        if name == member {
            format!("{why}; give the column a name: {{\"column\": \"…\", \"member\": {member:?}}}")
        } else {
            why
        }
    })?;
    if columns.iter().any(|column| column.name == name) {
        return Err(format!("the column {name:?} is given twice"));
    }
    if columns.iter().any(|column| column.member() == member) {
        return Err(format!("the member {member:?} is given twice"));
    }
    Ok(())
}

/// Checks that a text can be the value of a column.
///
/// # Errors
/// The rejection of the record, `invalid_partition_field`, if it cannot: if it is empty, is Hive's placeholder for no
/// value, or is too long. `member` is the name in the message.
#[inline]
pub fn check_text(column: &str, member: &str, text: &[u8]) -> Result<(), Rejection> {
    let is_usual = !text.is_empty()
        && text != EMPTY_VALUE.as_bytes()
        && longest_segment_bytes(column, text) <= SEGMENT_MAX_BYTES;
    if is_usual {
        Ok(())
    } else {
        check_unusual_text(column, member, text)
    }
}

#[cold]
fn check_unusual_text(column: &str, member: &str, text: &[u8]) -> Result<(), Rejection> {
    let bytes = segment_bytes(column, text);
    let why = if text.is_empty() {
        "the text is empty, which readers take for no value".to_owned()
    } else if text == EMPTY_VALUE.as_bytes() {
        format!("the text is {EMPTY_VALUE}, which readers take for no value")
    } else if bytes > SEGMENT_MAX_BYTES {
        format!(
            "the text takes {bytes} bytes in a path as {column}=…, {SEGMENT_MAX_BYTES} at most are allowed"
        )
    } else {
        return Ok(());
    };
    Err(invalid(member, &why))
}

/// `missing_partition_field`: an event does not have the member of a column, or it is `null`.
#[cold]
pub fn missing_value(member: &str, is_null: bool) -> Rejection {
    let found = if is_null { "null" } else { "missing" };
    let name = ShownName(member);
    let message = format!("{name}: {found}, and events are partitioned by it");
    Rejection::new("missing_partition_field", message)
}

/// `invalid_partition_field`: the member of a column has a value of a kind that has no text, an object or an array.
#[cold]
pub fn value_without_text(member: &str, found: Kind) -> Rejection {
    let found = found.text();
    let why = format!("expected a text, a number or a boolean, found {found}");
    invalid(member, &why)
}

/// The value of a column, as the bytes of a text.
#[inline]
fn value<'a>(
    column: &str,
    member: &str,
    json: Option<&'a [u8]>,
) -> Result<Cow<'a, [u8]>, Rejection> {
    let Some(json) = json else {
        return Err(missing_value(member, false));
    };
    let text = match kind_of(json) {
        Kind::Number | Kind::Boolean => Cow::Borrowed(json),
        Kind::String => string(member, json)?,
        Kind::Null => return Err(missing_value(member, true)),
        kind @ (Kind::Object | Kind::Array) => return Err(value_without_text(member, kind)),
    };
    check_text(column, member, &text)?;
    Ok(text)
}

#[inline]
fn string<'a>(member: &str, json: &'a [u8]) -> Result<Cow<'a, [u8]>, Rejection> {
    let raw = json.get(1..json.len() - 1).unwrap_or_default();
    match RawText::of_string(raw) {
        Some(text) => Ok(text.decode_bytes()),
        None => {
            let why = "expected text, found an unpaired surrogate escape";
            Err(invalid(member, why))
        }
    }
}

/// The length of `column=value` if each byte of the value had to be encoded.
#[inline(always)]
fn longest_segment_bytes(column: &str, value: &[u8]) -> usize {
    column.len() + 1 + 3 * value.len()
}

/// The length of `column=value` in a path.
fn segment_bytes(column: &str, value: &[u8]) -> usize {
    let encoded = value.iter().filter(|byte| is_encoded(**byte)).count();
    column.len() + 1 + value.len() + 2 * encoded
}

/// Whether a byte of a value takes three in a path, as in Hive.
pub(crate) fn is_encoded(byte: u8) -> bool {
    byte.is_ascii_control() || b"\"#%'*/:=?\\{[]^".contains(&byte)
}

#[cold]
fn invalid(member: &str, why: &str) -> Rejection {
    let message = format!("{}: {why}", ShownName(member));
    Rejection::new("invalid_partition_field", message)
}

#[cfg(test)]
mod tests;
