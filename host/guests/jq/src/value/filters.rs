//! Filters over values that need to know their insides: `length`, `has`, `contains` and `indices`.

use super::number::Number;
use super::slices::place;
use super::{Error, Text, Val, ValR};

impl Val {
    /// `length`
    pub(crate) fn length(&self) -> ValR {
        Ok(match self {
            Self::Null => Self::Int(0),
            Self::Str(text) => Self::from(text.as_str().chars().count()),
            Self::Arr(items) => Self::from(items.len()),
            Self::Obj(object) => Self::from(object.len()),
            Self::Bool(_) => return Err(Error::str(format_args!("{self} has no length"))),
            number => match number.number() {
                Some(Number::Int(integer)) if integer != i64::MIN => Self::Int(integer.abs()),
                other => Self::Float(other.map_or(0.0, Number::to_f64).abs()),
            },
        })
    }

    /// `has(key)`
    pub(crate) fn has(&self, key: &Self) -> ValR {
        match (self, key) {
            (Self::Null, key) if key.is_number() || key.as_str().is_some() => Ok(false.into()),
            (Self::Obj(object), Self::Str(name)) => {
                Ok(object.get(name.as_bytes()).is_some().into())
            }
            (Self::Arr(items), key) if key.is_number() => {
                let is_negative = key.index_number().is_some_and(|index| index < 0);
                let found = place(key, items.len()).filter(|_| !is_negative);
                Ok(found.is_some_and(|place| place < items.len()).into())
            }
            _ => Err(Error::str(format_args!(
                "cannot check whether {} has a key of the kind {}",
                self.kind(),
                key.kind()
            ))),
        }
    }

    /// `contains(other)`
    pub(crate) fn contains(&self, other: &Self) -> Result<bool, Error> {
        match (self, other) {
            (Self::Obj(left), Self::Obj(right)) => {
                for (name, right) in right.iter() {
                    match left.get(name.as_bytes()) {
                        Some(left) if left.contains_part(right)? => {}
                        _ => return Ok(false),
                    }
                }
                Ok(true)
            }
            (Self::Arr(left), Self::Arr(right)) => {
                for right in right.iter() {
                    let mut is_in = false;
                    for left in left.iter() {
                        is_in = is_in || left.contains_part(right)?;
                    }
                    if !is_in {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            (Self::Str(left), Self::Str(right)) => Ok(left.as_str().contains(right.as_str())),
            (left, right) if left.kind() == right.kind() => Ok(left == right),
            (left, right) => Err(Error::str(format_args!(
                "{left} ({}) and {right} ({}) cannot have their containment checked",
                left.kind(),
                right.kind()
            ))),
        }
    }

    /// Whether a part of a value contains another one. Values of different kinds do not.
    fn contains_part(&self, other: &Self) -> Result<bool, Error> {
        match self.kind() == other.kind() {
            true => self.contains(other),
            false => Ok(false),
        }
    }

    /// `indices(part)`: where an array or a text has a part.
    pub(crate) fn indices(&self, part: &Self) -> ValR {
        match (self, part) {
            (Self::Null, _) => Ok(Self::Null),
            (Self::Str(text), Self::Str(part)) => Ok(text_indices(text, part.as_str())),
            (Self::Arr(_), Self::Arr(part)) if part.is_empty() => Ok(Self::Null),
            (Self::Arr(items), Self::Arr(part)) => {
                let windows = items.windows(part.len()).enumerate();
                let found = windows.filter(|(_, window)| *window == part.as_slice());
                Ok(found.map(|(index, _)| Self::from(index)).collect())
            }
            (Self::Arr(items), item) => {
                let found = items.iter().enumerate().filter(|(_, found)| *found == item);
                Ok(found.map(|(index, _)| Self::from(index)).collect())
            }
            (value, part) => Err(Error::index(value.clone(), part.clone())),
        }
    }
}

/// Where a text has a part, counted in characters. Places can overlap.
fn text_indices(text: &Text, part: &str) -> Val {
    if part.is_empty() {
        return Val::Null;
    }
    let text = text.as_str();
    let chars = text.char_indices().enumerate();
    let starts = |at: usize| text.get(at..).is_some_and(|rest| rest.starts_with(part));
    let found = chars.filter(|(_, (at, _))| starts(*at));
    found.map(|(index, _)| Val::from(index)).collect()
}
