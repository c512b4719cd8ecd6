//! Compares events.

use json_scan::Kind;

use crate::text::{decode, items, members, string, trim};

/// Values in more levels than this are compared by their bytes, which the mapping keeps.
pub(crate) const LEVELS_MAX: usize = 256;

/// Whether two texts are the same event: the same members and values, whatever the order of members and the white space.
/// Numbers must have the same text, and strings the same characters, however they are escaped.
#[must_use]
pub fn is_same_event(one: &[u8], other: &[u8]) -> bool {
    let is_object = |text| json_scan::check(text) == Ok(Kind::Object);
    is_object(one) && is_object(other) && is_same(trim(one), trim(other), 0)
}

fn is_same(one: &[u8], other: &[u8], level: usize) -> bool {
    if one == other {
        return true;
    }
    if level > LEVELS_MAX || one.first() != other.first() {
        return false;
    }
    match one.first() {
        Some(b'{') => is_same_object(one, other, level),
        Some(b'[') => {
            let (one, other) = (
                items(one).collect::<Vec<_>>(),
                items(other).collect::<Vec<_>>(),
            );
            let mut pairs = one.iter().zip(&other);
            one.len() == other.len() && pairs.all(|(one, other)| is_same(one, other, level + 1))
        }
        Some(b'"') => match (string(one).and_then(decode), string(other).and_then(decode)) {
            (Some(one), Some(other)) => one == other,
            _ => false,
        },
        _ => false,
    }
}

/// Members of one name are compared in their order.
fn is_same_object(one: &[u8], other: &[u8], level: usize) -> bool {
    let (one, other) = (by_name(one), by_name(other));
    let mut pairs = one.iter().zip(&other);
    one.len() == other.len()
        && pairs.all(|((name, one), (other_name, other))| {
            name == other_name && is_same(one, other, level + 1)
        })
}

/// A decoded name, or the raw one of a name that is no text of Unicode.
pub(crate) type Name<'a> = Result<std::borrow::Cow<'a, str>, &'a [u8]>;

/// The members of an object by their names; those of one name are in their order.
pub(crate) fn by_name(object: &[u8]) -> Vec<(Name<'_>, &[u8])> {
    let mut all: Vec<_> = members(object)
        .map(|member| (decode(member.name).ok_or(member.name.raw), member.value))
        .collect();
    // A stable order, so that members of one name keep theirs.
    all.sort_by(|(one, _), (other, _)| one.cmp(other));
    all
}
