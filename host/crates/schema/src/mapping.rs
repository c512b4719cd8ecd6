//! Maps an event to the columns of a schema, and what does not fit to `_rest`.
//!
//! `_rest` is the text of a JSON object with the same nesting as the event. It has, as they came:
//!
//! - members for which there is no column;
//! - values that their column's type does not have; the column is null;
//! - members that are `null`, since a null column also stands for a member that is missing;
//! - values that the column has, but writes in another notation, such as `1.50` in a `double`;
//! - all members of an object that have one name twice.
//!
//! What belongs into an object or an array that is in a column is nested likewise. Items of an array are named by their
//! positions: `{"items":{"2":{"note":"x"}}}`. Items and values of maps that are `null` are null in the column and not in
//! `_rest`, since they are never missing. A `json` column has `null` as the text `null`.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::column_type::ColumnType;
use crate::path::{Step, render};
use crate::plan::{ObjectPlan, StructPlan, Target, TypePlan};
use crate::row::{NoEvent, Reason, Row, Unmapped, check, check_kind};
use crate::schema::Schema;
use crate::text::{Member, decode, items, members};
use crate::value::{ColumnValue, Fit, fit};

/// Maps events to rows of one schema, and back.
#[derive(Clone, Debug)]
pub struct Mapper {
    pub(crate) plan: StructPlan,
}

impl Mapper {
    /// Prepares a schema.
    #[must_use]
    pub fn new(schema: &Schema) -> Self {
        Self {
            plan: StructPlan::new(schema.columns()),
        }
    }

    /// Maps an event.
    ///
    /// # Errors
    /// [`NoEvent`]: the text is no JSON object.
    pub fn map<'a>(&self, event: &'a [u8]) -> Result<Row<'a>, NoEvent> {
        check(event).map(|event| self.map_object(event))
    }

    /// Maps an event that is known to be JSON, which takes half the time. Of a text that is none, the row is any.
    ///
    /// # Errors
    /// [`NoEvent`]: the text is no object.
    pub fn map_valid<'a>(&self, event: &'a [u8]) -> Result<Row<'a>, NoEvent> {
        check_kind(event).map(|event| self.map_object(event))
    }

    fn map_object<'a>(&self, event: &'a [u8]) -> Row<'a> {
        let mut mapping = Mapping::default();
        let mut rest = Vec::with_capacity(event.len());
        let values = mapping.map_struct(&self.plan, event, &mut rest);
        Row {
            values,
            // Parts of a text that is UTF-8, cut at ASCII characters.
            rest: String::from_utf8(rest).ok().filter(|rest| !rest.is_empty()),
            unmapped: mapping.unmapped,
        }
    }
}

/// An object has a name twice that leads to columns, or that is one of a map.
struct RepeatedName;

/// The positions of members that an object has.
#[derive(Default)]
struct Seen {
    /// The first ones, as bits.
    first: u64,
    others: HashSet<usize>,
}

impl Seen {
    /// Adds a position; whether it was there.
    fn add(&mut self, position: usize) -> bool {
        let Some(bit) = u32::try_from(position)
            .ok()
            .and_then(|at| 1_u64.checked_shl(at))
        else {
            return !self.others.insert(position);
        };
        let was_there = self.first & bit != 0;
        self.first |= bit;
        was_there
    }
}

/// The mapping of one event.
#[derive(Default)]
struct Mapping<'a> {
    unmapped: Vec<Unmapped<'a>>,
    /// The path of the value that is mapped.
    steps: Vec<Step<'a>>,
}

/// A part of `_rest` that is being written: an object that is opened by its first member.
struct Rest<'r> {
    text: &'r mut Vec<u8>,
    start: usize,
}

impl<'r> Rest<'r> {
    fn new(text: &'r mut Vec<u8>) -> Self {
        let start = text.len();
        Self { text, start }
    }

    /// Writes a member, whose name is raw JSON text and whose value `write` writes; nothing if it writes nothing.
    fn add<T>(&mut self, name: &[u8], write: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        let before = self.text.len();
        self.text
            .push(if before == self.start { b'{' } else { b',' });
        self.text.push(b'"');
        self.text.extend_from_slice(name);
        self.text.extend_from_slice(b"\":");
        let value = self.text.len();
        let result = write(self.text);
        if self.text.len() == value {
            self.text.truncate(before);
        }
        result
    }

    fn close(self) {
        if self.text.len() > self.start {
            self.text.push(b'}');
        }
    }

    fn discard(self) {
        self.text.truncate(self.start);
    }
}

impl<'a> Mapping<'a> {
    fn map_struct(
        &mut self,
        plan: &StructPlan,
        object: &'a [u8],
        rest: &mut Vec<u8>,
    ) -> Vec<Option<ColumnValue<'a>>> {
        let mut values = vec![None; plan.types.len()];
        self.map_object(&plan.types, &plan.object, object, &mut values, rest);
        values
    }

    fn map_object(
        &mut self,
        types: &[TypePlan],
        plan: &ObjectPlan,
        object: &'a [u8],
        values: &mut [Option<ColumnValue<'a>>],
        rest: &mut Vec<u8>,
    ) {
        let (start, noted) = (rest.len(), self.unmapped.len());
        if let Ok(()) = self.map_members(types, plan, object, values, rest, &[]) {
            return;
        }
        rest.truncate(start);
        self.unmapped.truncate(noted);
        for column in plan.columns() {
            values[column] = None;
        }
        let repeated = repeated_members(plan, object);
        let _none_is_left = self.map_members(types, plan, object, values, rest, &repeated);
    }

    /// Maps the members of an object; those that are `repeated` go to `_rest`. Stops at another one that is repeated.
    fn map_members(
        &mut self,
        types: &[TypePlan],
        plan: &ObjectPlan,
        object: &'a [u8],
        values: &mut [Option<ColumnValue<'a>>],
        rest: &mut Vec<u8>,
        repeated: &[usize],
    ) -> Result<(), RepeatedName> {
        let mut seen = Seen::default();
        let mut rest = Rest::new(rest);
        for member in members(object) {
            let Some(position) = plan.find(member.name) else {
                self.keep_member(member, Reason::NoColumn, &mut rest);
                continue;
            };
            if repeated.contains(&position) {
                self.keep_member(member, Reason::Repeated, &mut rest);
                continue;
            }
            if seen.add(position) {
                return Err(RepeatedName);
            }
            self.steps.push(Step::Member(member.name));
            rest.add(member.name.raw, |rest| {
                match &plan.members[position].target {
                    Target::Column(column) => {
                        values[*column] = self.map_value(&types[*column], member.value, rest);
                    }
                    Target::Object(inner) => {
                        self.map_inner(types, inner, member.value, values, rest);
                    }
                }
            });
            self.steps.pop();
        }
        rest.close();
        Ok(())
    }

    /// Maps a value whose members lead to columns.
    fn map_inner(
        &mut self,
        types: &[TypePlan],
        plan: &ObjectPlan,
        value: &'a [u8],
        values: &mut [Option<ColumnValue<'a>>],
        rest: &mut Vec<u8>,
    ) {
        let is_object = value.first() == Some(&b'{');
        if is_object && members(value).next().is_some() {
            self.map_object(types, plan, value, values, rest);
        } else if is_object {
            self.keep(value, Reason::NoColumn, rest);
        } else {
            self.keep_misfit(value, rest);
        }
    }

    /// Maps a value; `None` if the column is null. Writes what belongs into `_rest`.
    fn map_value(
        &mut self,
        plan: &TypePlan,
        value: &'a [u8],
        rest: &mut Vec<u8>,
    ) -> Option<ColumnValue<'a>> {
        match (plan, value.first()) {
            (TypePlan::Scalar(ColumnType::Json), _) => {
                std::str::from_utf8(value).ok().map(ColumnValue::Json)
            }
            (TypePlan::Scalar(column_type), _) => match fit(column_type, value) {
                Fit::Exact(fitting) => Some(fitting),
                Fit::OtherNotation(fitting) => {
                    self.keep(value, Reason::Notation, rest);
                    Some(fitting)
                }
                Fit::Misfit => self.keep_misfit(value, rest),
            },
            (TypePlan::List(item), Some(b'[')) => {
                Some(ColumnValue::List(self.map_items(item, value, rest)))
            }
            (TypePlan::Struct(plan), Some(b'{')) => {
                Some(ColumnValue::Struct(self.map_struct(plan, value, rest)))
            }
            (TypePlan::Map(plan), Some(b'{')) => {
                Some(ColumnValue::Map(self.map_map(plan, value, rest)))
            }
            _ => self.keep_misfit(value, rest),
        }
    }

    fn map_items(
        &mut self,
        plan: &TypePlan,
        array: &'a [u8],
        rest: &mut Vec<u8>,
    ) -> Vec<Option<ColumnValue<'a>>> {
        let mut rest = Rest::new(rest);
        self.steps.push(Step::Item);
        let values = items(array).enumerate().map(|(position, item)| {
            let name = position.to_string();
            rest.add(name.as_bytes(), |rest| self.map_part(plan, item, rest))
        });
        let values = values.collect();
        self.steps.pop();
        rest.close();
        values
    }

    /// Maps an item or a value of a map, which is never missing, so that null is null.
    fn map_part(
        &mut self,
        plan: &TypePlan,
        value: &'a [u8],
        rest: &mut Vec<u8>,
    ) -> Option<ColumnValue<'a>> {
        let is_json = matches!(plan, TypePlan::Scalar(ColumnType::Json));
        if value == b"null" && !is_json {
            return None;
        }
        self.map_value(plan, value, rest)
    }

    fn map_map(&mut self, plan: &TypePlan, object: &'a [u8], rest: &mut Vec<u8>) -> Entries<'a> {
        let noted = self.unmapped.len();
        let start = rest.len();
        if let Ok(entries) = self.map_entries(plan, object, rest, None) {
            return entries;
        }
        rest.truncate(start);
        self.unmapped.truncate(noted);
        let repeated = repeated_names(object);
        self.map_entries(plan, object, rest, Some(&repeated))
            .unwrap_or_default()
    }

    /// Maps the members of a map; those that are `repeated` go to `_rest`. If none are given, stops if there is one.
    fn map_entries(
        &mut self,
        plan: &TypePlan,
        object: &'a [u8],
        rest: &mut Vec<u8>,
        repeated: Option<&HashSet<Cow<'a, str>>>,
    ) -> Result<Entries<'a>, RepeatedName> {
        let mut entries = Entries::new();
        let mut rest = Rest::new(rest);
        self.steps.push(Step::Value);
        for member in members(object) {
            let name = decode(member.name);
            let reason = match &name {
                None => Reason::Misfit,
                Some(_) => Reason::Repeated,
            };
            let is_repeated =
                |name: &Cow<'a, str>| repeated.is_some_and(|names| names.contains(name));
            let Some(name) = name.filter(|name| !is_repeated(name)) else {
                rest.add(member.name.raw, |rest| {
                    self.keep(member.value, reason, rest);
                });
                continue;
            };
            let value = rest.add(member.name.raw, |rest| {
                self.map_part(plan, member.value, rest)
            });
            entries.push((name, value));
        }
        self.steps.pop();
        if repeated.is_none() && has_repeated(&entries) {
            rest.discard();
            return Err(RepeatedName);
        }
        rest.close();
        Ok(entries)
    }

    fn keep_member(&mut self, member: Member<'a>, reason: Reason, rest: &mut Rest<'_>) {
        self.steps.push(Step::Member(member.name));
        rest.add(member.name.raw, |rest| {
            self.keep(member.value, reason, rest);
        });
        self.steps.pop();
    }

    fn keep_misfit(&mut self, value: &'a [u8], rest: &mut Vec<u8>) -> Option<ColumnValue<'a>> {
        let is_null = value == b"null";
        self.keep(
            value,
            if is_null {
                Reason::Null
            } else {
                Reason::Misfit
            },
            rest,
        );
        None
    }

    fn keep(&mut self, value: &'a [u8], reason: Reason, rest: &mut Vec<u8>) {
        rest.extend_from_slice(value);
        self.unmapped.push(Unmapped {
            path: render(&self.steps),
            reason,
            text: value,
        });
    }
}

type Entries<'a> = Vec<(Cow<'a, str>, Option<ColumnValue<'a>>)>;

/// The positions of the members that the object has more than once.
fn repeated_members(plan: &ObjectPlan, object: &[u8]) -> Vec<usize> {
    let mut counts = vec![0_usize; plan.members.len()];
    for position in members(object).filter_map(|member| plan.find(member.name)) {
        counts[position] += 1;
    }
    let repeated = counts.iter().enumerate().filter(|(_, count)| **count > 1);
    repeated.map(|(position, _)| position).collect()
}

/// The names that an object has more than once.
fn repeated_names(object: &[u8]) -> HashSet<Cow<'_, str>> {
    let mut seen = HashSet::new();
    let names = members(object).filter_map(|member| decode(member.name));
    names.filter(|name| !seen.insert(name.clone())).collect()
}

fn has_repeated(entries: &Entries<'_>) -> bool {
    let mut names: Vec<_> = entries.iter().map(|(name, _)| name).collect();
    names.sort_unstable();
    names.windows(2).any(|pair| pair.first() == pair.last())
}
