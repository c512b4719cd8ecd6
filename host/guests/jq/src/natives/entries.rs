//! Objects as lists, and paths: `keys`, `to_entries`, `from_entries` and `delpaths`.

use std::rc::Rc;

use jaq_core::ValT as _;

use super::{Entry, binary, once};
use crate::value::{Error, Object, Text, Val, ValR, bounds, place, sorted};

pub(super) fn filters() -> Vec<Entry> {
    vec![
        ("keys", 0, |cv| once(keys(&cv.1))),
        ("to_entries", 0, |cv| once(to_entries(&cv.1))),
        ("from_entries", 0, |cv| once(from_entries(&cv.1))),
        ("delpaths", 1, |cv| {
            binary(cv, |value, paths| delete_paths(value, &paths))
        }),
    ]
}

/// The sorted names of an object, or the indexes of an array.
fn keys(value: &Val) -> ValR {
    match value {
        Val::Obj(object) => {
            let names = sorted(object).into_iter();
            Ok(names.map(|(name, _)| Val::Str(name.clone())).collect())
        }
        Val::Arr(items) => Ok((0..items.len()).map(Val::from).collect()),
        _ => Err(Error::str(format_args!("{} has no keys", value.kind()))),
    }
}

fn to_entries(value: &Val) -> ValR {
    let entry = |key: Val, value: &Val| {
        let members = [
            (Text::from("key"), key),
            (Text::from("value"), value.clone()),
        ];
        Val::object(Object::of(members.into_iter()))
    };
    match value {
        Val::Obj(object) => {
            let members = object.iter();
            Ok(members
                .map(|(name, value)| entry(Val::Str(name.clone()), value))
                .collect())
        }
        Val::Arr(items) => {
            let items = items.iter().enumerate();
            Ok(items
                .map(|(index, item)| entry(Val::from(index), item))
                .collect())
        }
        _ => Err(Error::str(format_args!("{} has no keys", value.kind()))),
    }
}

/// The names that a key and a value can have in an entry, in the order in which they are looked for.
const KEYS: [&[u8]; 6] = [b"key", b"k", b"name", b"Name", b"Key", b"K"];
const VALUES: [&[u8]; 4] = [b"value", b"v", b"Value", b"V"];

fn from_entries(entries: &Val) -> ValR {
    let Val::Arr(entries) = entries else {
        return Err(Error::typ(entries.clone(), "an array of entries"));
    };
    let mut object = Object::default();
    for entry in entries.iter() {
        let Val::Obj(entry) = entry else {
            return Err(Error::typ(entry.clone(), "an entry of an object"));
        };
        let keys = KEYS.iter().filter_map(|name| entry.get(name));
        let key = keys.clone().find(|key| key.is_true());
        let key = key
            .or_else(|| keys.clone().next())
            .cloned()
            .unwrap_or_default();
        let name = match key {
            Val::Str(name) => name,
            Val::Null | Val::Bool(_) | Val::Int(_) | Val::Float(_) | Val::Decimal(_) => {
                match key.json() {
                    Val::Str(name) => name,
                    _ => Text::from(""),
                }
            }
            other => return Err(Error::typ(other, "the name of a member")),
        };
        let value = VALUES.iter().find_map(|name| entry.get(name));
        object.set(name, value.cloned().unwrap_or_default());
    }
    Ok(Val::object(object))
}

/// Deletes the last path first, so that those before it stay right.
pub(super) fn delete_paths(mut value: Val, paths: &Val) -> ValR {
    let Val::Arr(paths) = paths else {
        return Err(Error::typ(paths.clone(), "an array of paths"));
    };
    let mut places = Vec::new();
    for path in paths.iter() {
        match path {
            Val::Arr(keys) => resolve(&value, keys, &mut Vec::new(), &mut places)?,
            other => return Err(Error::typ(other.clone(), "a path")),
        }
    }
    places.sort_unstable();
    places.dedup();
    for path in places.into_iter().rev() {
        value = delete(value, &path)?;
    }
    Ok(value)
}

/// Adds the paths that `path` below `before` means in `value`, with each item of an array by its place. So two paths to
/// one item are the same, and the last places can be deleted first. A path to nothing adds none.
fn resolve(
    value: &Val,
    path: &[Val],
    before: &mut Vec<Val>,
    places: &mut Vec<Vec<Val>>,
) -> Result<(), Error> {
    let Some((key, rest)) = path.split_first() else {
        places.push(before.clone());
        return Ok(());
    };
    let mut below = |key: Val, inner: &Val, rest: &[Val]| {
        before.push(key);
        let resolved = resolve(inner, rest, before, places);
        before.pop();
        resolved
    };
    match (value, key) {
        (Val::Null, _) => Ok(()),
        (Val::Obj(object), Val::Str(name)) => match object.get(name.as_bytes()) {
            Some(inner) => below(key.clone(), inner, rest),
            None => Ok(()),
        },
        (Val::Arr(items), key) if key.is_number() => {
            let found = place(key, items.len()).and_then(|at| Some((at, items.get(at)?)));
            found.map_or(Ok(()), |(at, inner)| below(number(at), inner, rest))
        }
        (Val::Arr(items), Val::Obj(range)) => {
            let range = range.get(b"start")..range.get(b"end");
            let (start, end) = bounds(range, items.len())?;
            let part = items.get(start..end).unwrap_or_default();
            match rest.split_first() {
                None => (start..)
                    .zip(part)
                    .try_for_each(|(at, inner)| below(number(at), inner, rest)),
                Some((key, rest)) if key.is_number() => {
                    let found = place(key, part.len()).and_then(|at| Some((at, part.get(at)?)));
                    found.map_or(Ok(()), |(at, inner)| below(number(start + at), inner, rest))
                }
                // The error of `delete`, or a part of a part.
                Some(_) => {
                    places.push([before.as_slice(), path].concat());
                    Ok(())
                }
            }
        }
        // The error of `delete`.
        _ => {
            places.push([before.as_slice(), path].concat());
            Ok(())
        }
    }
}

/// A place as a value. Arrays are far shorter than an `i64`.
fn number(place: usize) -> Val {
    Val::Int(i64::try_from(place).unwrap_or(i64::MAX))
}

fn delete(mut value: Val, path: &[Val]) -> ValR {
    let Some((key, rest)) = path.split_first() else {
        return Ok(Val::Null);
    };
    if matches!(value, Val::Null) {
        return Ok(value);
    }
    if !rest.is_empty() {
        // A member that there is not need not be deleted, and must not be made.
        return match value.clone().index(key)? {
            Val::Null => Ok(value),
            inner => {
                let inner = delete(inner, rest)?;
                let set = value.map_index(key, jaq_core::path::Opt::Essential, |_| {
                    std::iter::once(Ok(inner.clone()))
                });
                set.map_err(|error| error.get_err().unwrap_or_else(|_| Error::str("delpaths")))
            }
        };
    }
    match (&mut value, key) {
        (Val::Obj(object), Val::Str(name)) => Rc::make_mut(object).remove(name.as_bytes()),
        (Val::Arr(items), key) if key.is_number() => {
            if let Some(place) = place(key, items.len())
                && place < items.len()
            {
                Rc::make_mut(items).remove(place);
            }
        }
        (Val::Arr(items), Val::Obj(range)) => {
            let range = range.get(b"start")..range.get(b"end");
            let (start, end) = bounds(range, items.len())?;
            Rc::make_mut(items).drain(start..end);
        }
        _ => {
            let message = format!("cannot delete the field {key} of {}", value.kind());
            return Err(Error::str(message));
        }
    }
    Ok(value)
}
