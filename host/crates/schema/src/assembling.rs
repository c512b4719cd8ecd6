//! Puts an event together again, from its columns and `_rest`.
//!
//! At each place, what `_rest` has comes first, as it came; a column fills in what `_rest` does not have. The event has
//! the same members and values as before. Numbers have their digits, and dates, times and UUIDs their notation. What can
//! differ: the order of members, white space, and which characters of a string are escaped.

use thiserror::Error;

use crate::column_type::ColumnType;
use crate::mapping::Mapper;
use crate::plan::{ObjectPlan, StructPlan, Target, TypePlan};
use crate::text::{Member, decode, members, trim, write_string};
use crate::value::{ColumnValue, Fit, fit, write_scalar};

/// How much of a conflict an error shows, characters.
const SHOWN_CHARS: usize = 60;

/// Columns and `_rest` that do not belong together.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum AssembleError {
    /// There are more or fewer values than columns.
    #[error("the row has {found} values, and the schema has {expected} columns")]
    Count {
        /// The number of columns.
        expected: usize,
        /// The number of values.
        found: usize,
    },
    /// A value is not one of its column's type.
    #[error("a value is not of the type of its column, {0}")]
    Type(String),
    /// `_rest` is no JSON object.
    #[error("_rest is no JSON object")]
    Rest,
    /// `_rest` has something that does not belong to what is in the columns.
    #[error(
        "_rest does not belong to the columns: it has {0} in place of, or next to, another value"
    )]
    Conflict(String),
}

type Result = std::result::Result<(), AssembleError>;
type Value<'v, 'a> = Option<&'v ColumnValue<'a>>;

impl Mapper {
    /// Puts an event together: a JSON object.
    ///
    /// # Errors
    /// [`AssembleError`]: the values are no row of the schema.
    pub fn assemble(
        &self,
        values: &[Option<ColumnValue<'_>>],
        rest: Option<&str>,
    ) -> std::result::Result<String, AssembleError> {
        let rest = rest.map(str::as_bytes);
        if let Some(rest) = rest
            && json_scan::check(rest) != Ok(json_scan::Kind::Object)
        {
            return Err(AssembleError::Rest);
        }
        let mut out = Vec::new();
        write_struct(&self.plan, values, rest.map(trim), &mut out)?;
        String::from_utf8(out).map_err(|_| AssembleError::Rest)
    }
}

/// An object that is being written.
struct Object<'o> {
    out: &'o mut Vec<u8>,
    is_empty: bool,
}

impl<'o> Object<'o> {
    fn open(out: &'o mut Vec<u8>) -> Self {
        out.push(b'{');
        Self {
            out,
            is_empty: true,
        }
    }

    fn separate(&mut self) {
        if !std::mem::replace(&mut self.is_empty, false) {
            self.out.push(b',');
        }
    }

    fn add_name(&mut self, name: &str) -> &mut Vec<u8> {
        self.separate();
        write_string(name, self.out);
        self.out.push(b':');
        self.out
    }

    /// Adds a member as it came.
    fn add_raw(&mut self, member: &Member<'_>) {
        self.separate();
        self.out.push(b'"');
        self.out.extend_from_slice(member.name.raw);
        self.out.extend_from_slice(b"\":");
        self.out.extend_from_slice(member.value);
    }
}

/// The members of a part of `_rest`, by the positions of a plan; the last list has all others.
fn by_position<'r>(
    rest: Option<&'r [u8]>,
    plan: &ObjectPlan,
) -> (Vec<Vec<Member<'r>>>, Vec<Member<'r>>) {
    let mut found = vec![Vec::new(); plan.members.len()];
    let mut others = Vec::new();
    for member in members(rest.unwrap_or_default()) {
        match plan.find(member.name) {
            Some(position) => found[position].push(member),
            None => others.push(member),
        }
    }
    (found, others)
}

fn write_struct(
    plan: &StructPlan,
    values: &[Option<ColumnValue<'_>>],
    rest: Option<&[u8]>,
    out: &mut Vec<u8>,
) -> Result {
    if values.len() != plan.types.len() {
        return Err(AssembleError::Count {
            expected: plan.types.len(),
            found: values.len(),
        });
    }
    write_object(&plan.types, &plan.object, values, rest, out)
}

fn write_object(
    types: &[TypePlan],
    plan: &ObjectPlan,
    values: &[Option<ColumnValue<'_>>],
    rest: Option<&[u8]>,
    out: &mut Vec<u8>,
) -> Result {
    let (found, others) = by_position(rest, plan);
    let mut object = Object::open(out);
    for (member, raw) in plan.members.iter().zip(&found) {
        let has_value = match &member.target {
            Target::Column(column) => values[*column].is_some(),
            Target::Object(inner) => inner
                .columns()
                .iter()
                .any(|column| values[*column].is_some()),
        };
        if !has_value {
            raw.iter().for_each(|member| object.add_raw(member));
            continue;
        }
        if raw.len() > 1 {
            return Err(conflict(first_name(raw)));
        }
        let rest = raw.first().map(|member| member.value);
        let out = object.add_name(&member.name);
        match &member.target {
            Target::Column(column) => {
                write_value(&types[*column], values[*column].as_ref(), rest, out)?;
            }
            Target::Object(inner) => {
                write_object(types, inner, values, check_object(rest)?, out)?;
            }
        }
    }
    others.iter().for_each(|member| object.add_raw(member));
    out.push(b'}');
    Ok(())
}

/// Writes a value; `rest` is what `_rest` has at its place.
fn write_value(
    plan: &TypePlan,
    value: Value<'_, '_>,
    rest: Option<&[u8]>,
    out: &mut Vec<u8>,
) -> Result {
    match (plan, value) {
        (_, None) => out.extend_from_slice(rest.unwrap_or(b"null")),
        (TypePlan::Scalar(column_type), Some(value)) => write_text(column_type, value, rest, out)?,
        (TypePlan::Struct(plan), Some(ColumnValue::Struct(values))) => {
            write_struct(plan, values, check_object(rest)?, out)?;
        }
        (TypePlan::List(plan), Some(ColumnValue::List(values))) => {
            write_list(plan, values, check_object(rest)?, out)?;
        }
        (TypePlan::Map(plan), Some(ColumnValue::Map(entries))) => {
            let entries = entries
                .iter()
                .map(|(name, value)| (name.as_ref(), value.as_ref()));
            write_map(plan, entries, check_object(rest)?, out)?;
        }
        (TypePlan::Struct(_), _) => return Err(AssembleError::Type("struct".into())),
        (TypePlan::List(_), _) => return Err(AssembleError::Type("list".into())),
        (TypePlan::Map(_), _) => return Err(AssembleError::Type("map".into())),
    }
    Ok(())
}

/// Writes a value without parts. What `_rest` has is the same value in another notation.
fn write_text(
    column_type: &ColumnType,
    value: &ColumnValue<'_>,
    rest: Option<&[u8]>,
    out: &mut Vec<u8>,
) -> Result {
    let Some(rest) = rest else {
        let is_written = write_scalar(column_type, value, out);
        let is_written = is_written.then_some(());
        return is_written.ok_or_else(|| AssembleError::Type(column_type.to_string()));
    };
    match fit(column_type, rest) {
        Fit::OtherNotation(same) if same == *value => {
            out.extend_from_slice(rest);
            Ok(())
        }
        _ => Err(conflict(rest)),
    }
}

/// A part of `_rest` that belongs to a value with parts.
fn check_object(rest: Option<&[u8]>) -> std::result::Result<Option<&[u8]>, AssembleError> {
    match rest {
        Some(other) if other.first() != Some(&b'{') => Err(conflict(other)),
        rest => Ok(rest),
    }
}

fn first_name<'r>(members: &[Member<'r>]) -> &'r [u8] {
    members.first().map_or(&[], |member| member.name.raw)
}

fn conflict(text: &[u8]) -> AssembleError {
    let text = String::from_utf8_lossy(text);
    AssembleError::Conflict(text.chars().take(SHOWN_CHARS).collect())
}

fn write_list(
    plan: &TypePlan,
    values: &[Option<ColumnValue<'_>>],
    rest: Option<&[u8]>,
    out: &mut Vec<u8>,
) -> Result {
    // Positions ascend in `_rest`.
    let mut rest = members(rest.unwrap_or_default()).peekable();
    out.push(b'[');
    for (position, value) in values.iter().enumerate() {
        if position > 0 {
            out.push(b',');
        }
        let name = position.to_string();
        let at_position = rest.next_if(|member| member.name.raw == name.as_bytes());
        write_value(
            plan,
            value.as_ref(),
            at_position.map(|member| member.value),
            out,
        )?;
    }
    out.push(b']');
    if let Some(other) = rest.next() {
        return Err(conflict(other.name.raw));
    }
    Ok(())
}

fn write_map<'v, 'a: 'v>(
    plan: &TypePlan,
    entries: impl Iterator<Item = (&'v str, Value<'v, 'a>)>,
    rest: Option<&[u8]>,
    out: &mut Vec<u8>,
) -> Result {
    // What belongs to entries has their order in `_rest`; what has no entry is in between.
    let mut rest = members(rest.unwrap_or_default()).peekable();
    let entries: Vec<_> = entries.collect();
    let names: std::collections::HashSet<_> = entries.iter().map(|(name, _)| *name).collect();
    let has_entry =
        |member: &Member<'_>| decode(member.name).is_some_and(|name| names.contains(name.as_ref()));
    let mut object = Object::open(out);
    for (name, value) in entries {
        while let Some(other) = rest.next_if(|member| !has_entry(member)) {
            object.add_raw(&other);
        }
        let own = rest.next_if(|member| decode(member.name).is_some_and(|own| own == name));
        let out = object.add_name(name);
        write_value(plan, value, own.map(|member| member.value), out)?;
    }
    for other in rest {
        if has_entry(&other) {
            return Err(conflict(other.name.raw));
        }
        object.add_raw(&other);
    }
    out.push(b'}');
    Ok(())
}
