//! Chooses the types of columns by what was seen.
//!
//! - A kind with at least 90 % of the values that are not null gets the column, so that queries can use it. The others
//!   go to `_rest`. Without such a kind, the column is `json`.
//! - Numbers: `long` if all are integers of 64 bits. `double` if it has each of them. `decimal` if a double does not have
//!   each of them, or if at least 90 % have the same two or more digits after the point, some of them end in 0, and none
//!   has more, as amounts of money do. Otherwise, `json`.
//! - Strings: `timestamp`, `date` or `uuid` if all are, otherwise `string`.
//! - Objects: a `map` if their names are data: more than 100, or all of them numbers, dates or UUIDs. Otherwise, a
//!   `struct`.

use std::collections::HashMap;

use super::LEVELS_MAX;
use super::kind::{ValueKind, notation};
use super::node::{Node, map_value};
use crate::column_type::ColumnType;
use crate::number::DECIMAL_MAX_DIGITS;
use crate::schema::{COLUMNS_MAX, Column, check_name};
use crate::time::parse_date;
use crate::value::parse_uuid;

/// A kind gets the column, and a number of digits the decimal, if it has at least this share of the values, percent.
const SHARE_MIN_PERCENT: u64 = 90;

/// The precision of most decimals, which fit 64 bits.
const USUAL_PRECISION: u8 = 18;

/// The digits before the point for which a decimal has room beyond those that were seen.
const HEADROOM_DIGITS: u64 = 3;

const NUMBERS: [ValueKind; 4] = [
    ValueKind::Long,
    ValueKind::Double,
    ValueKind::Decimal,
    ValueKind::Number,
];
const STRINGS: [ValueKind; 4] = [
    ValueKind::String,
    ValueKind::Timestamp,
    ValueKind::Date,
    ValueKind::Uuid,
];

/// Chooses the type of values of a group of kinds, at a level of nesting.
type Choice = fn(&Node, usize) -> ColumnType;

/// A member that gets no column, and why.
pub(super) type NoColumn = (Box<str>, String);

impl Node {
    fn sum(&self, kinds: &[ValueKind]) -> u64 {
        kinds.iter().map(|kind| self.count_of(*kind)).sum()
    }

    /// The type of the column of these values; `None` if all of them are null.
    pub(super) fn column_type(&self, level: usize) -> Option<ColumnType> {
        let total = self.count() - self.count_of(ValueKind::Null);
        if total == 0 {
            return None;
        }
        let groups: [(&[ValueKind], Choice); 5] = [
            (&[ValueKind::Boolean], |_, _| ColumnType::Boolean),
            (&NUMBERS, |node, _| node.number_type()),
            (&STRINGS, |node, _| node.string_type()),
            (&[ValueKind::List], Self::list_type),
            (&[ValueKind::Object], Self::object_type),
        ];
        let most = groups
            .into_iter()
            .find(|(kinds, _)| is_most(self.sum(kinds), total));
        Some(most.map_or(ColumnType::Json, |(_, choose)| choose(self, level)))
    }

    fn number_type(&self) -> ColumnType {
        let [longs, doubles, decimals, others] = NUMBERS.map(|kind| self.count_of(kind));
        let digits = &self.digits;
        if longs > 0 && doubles + decimals + others == 0 {
            return ColumnType::Long;
        }
        let scale = digits.fraction.map_or(0, |(most, _)| most);
        let total = longs + doubles + decimals + others;
        let is_fixed = digits.has_padding && is_most(digits.of_scale(scale), total);
        let all_are_doubles = decimals + others == 0 && !digits.has_large_long;
        if all_are_doubles && !is_fixed {
            return ColumnType::Double;
        }
        let fallback = if all_are_doubles {
            ColumnType::Double
        } else {
            ColumnType::Json
        };
        let Some(scale) = u8::try_from(scale)
            .ok()
            .filter(|scale| *scale <= DECIMAL_MAX_DIGITS)
        else {
            return fallback;
        };
        let fits = |precision: u8, headroom| {
            digits.whole + headroom + u64::from(scale) <= u64::from(precision)
        };
        if digits.has_exponent || others > 0 || !fits(DECIMAL_MAX_DIGITS, 0) {
            return fallback;
        }
        let precision = if fits(USUAL_PRECISION, HEADROOM_DIGITS) {
            USUAL_PRECISION
        } else {
            DECIMAL_MAX_DIGITS
        };
        ColumnType::Decimal { precision, scale }
    }

    fn string_type(&self) -> ColumnType {
        let total = self.sum(&STRINGS);
        let all = |kind| self.count_of(kind) == total;
        if all(ValueKind::Timestamp) {
            let most = (0..self.notations.len())
                .rev()
                .max_by_key(|number| self.notations.get(*number));
            let (digits, zone) = notation(most.unwrap_or(0));
            return ColumnType::Timestamp { digits, zone };
        }
        if all(ValueKind::Date) {
            return ColumnType::Date;
        }
        if all(ValueKind::Uuid) {
            return ColumnType::Uuid;
        }
        ColumnType::String
    }

    fn list_type(&self, level: usize) -> ColumnType {
        let item = self.item.as_ref().filter(|_| level < LEVELS_MAX);
        match item.and_then(|item| item.column_type(level + 1)) {
            Some(item) => ColumnType::List(Box::new(item)),
            None => ColumnType::Json,
        }
    }

    fn object_type(&self, level: usize) -> ColumnType {
        if let Some(value) = self.map_value(level) {
            let value = value.column_type(level + 1).unwrap_or(ColumnType::Json);
            return ColumnType::Map(Box::new(value));
        }
        let columns = self.columns(level).0;
        if columns.is_empty() {
            return ColumnType::Json;
        }
        ColumnType::Struct(columns)
    }

    /// The values of a map; `None` if the objects are none.
    pub(super) fn map_value(&self, level: usize) -> Option<Self> {
        if let Some(map) = &self.map {
            return Some((**map).clone());
        }
        let names = &self.members.list;
        if level == 0 || names.len() < 2 || !names.iter().all(|(name, _)| is_data(name)) {
            return None;
        }
        let values = names.iter().map(|(_, node)| node.clone());
        Some(map_value(values, level, &mut usize::MAX.clone()))
    }

    /// The columns of the members, and the members that get none. If a schema has no room for the columns of a struct, it
    /// becomes JSON text.
    pub(super) fn columns(&self, level: usize) -> (Vec<Column>, Vec<NoColumn>) {
        let mut members: Vec<_> = self.members.list.iter().collect();
        members
            .sort_by(|(a, one), (b, other)| other.count().cmp(&one.count()).then_with(|| a.cmp(b)));
        let (mut columns, mut without) = (Vec::new(), Vec::new());
        let mut folded: HashMap<String, &str> = HashMap::new();
        let mut room = COLUMNS_MAX;
        for (name, node) in members {
            let column = node
                .column_type(level + 1)
                .ok_or_else(|| "only null".to_owned());
            let column = column.and_then(|column_type| {
                check_member(name, level, &folded)?;
                fit_into(room, column_type)
            });
            match column {
                Err(why) => without.push((name.clone(), why)),
                Ok(column_type) => {
                    room -= 1 + column_type.columns();
                    folded.insert(name.to_lowercase(), name);
                    columns.push(Column::new(&**name, column_type));
                }
            }
        }
        columns.sort_by(|a, b| a.name().cmp(b.name()));
        (columns, without)
    }
}

/// Whether so many values of all of them decide about the column.
fn is_most(count: u64, total: u64) -> bool {
    u128::from(count) * 100 >= u128::from(total) * u128::from(SHARE_MIN_PERCENT)
}

/// Checks that a member can have a column next to those that there are.
fn check_member(name: &str, level: usize, folded: &HashMap<String, &str>) -> Result<(), String> {
    check_name(name, level == 0)?;
    match folded.get(&name.to_lowercase()) {
        Some(other) => Err(format!("the name differs from {other:?} only in case")),
        None => Ok(()),
    }
}

/// The type, or JSON text if there is no room for its columns.
fn fit_into(room: usize, column_type: ColumnType) -> Result<ColumnType, String> {
    match room {
        0 => Err(format!("there are {COLUMNS_MAX} columns already")),
        room if column_type.columns() < room => Ok(column_type),
        _ => Ok(ColumnType::Json),
    }
}

/// Whether a name is a number, a date or a UUID, and so is data.
fn is_data(name: &str) -> bool {
    let text = name.as_bytes();
    let is_number = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    is_number || parse_date(text).is_some() || parse_uuid(text).is_some()
}
