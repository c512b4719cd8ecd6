//! Objects as lists, and paths: `keys`, `to_entries`, `from_entries` and `delpaths`.

use std::rc::Rc;

use jaq_core::ValT as _;

use super::{Entry, binary, once};
use crate::value::{Error, Object, Text, Val, ValR, sorted};

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
fn delete_paths(mut value: Val, paths: &Val) -> ValR {
    let Val::Arr(paths) = paths else {
        return Err(Error::typ(paths.clone(), "an array of paths"));
    };
    let mut paths: Vec<_> = paths.iter().collect();
    paths.sort_unstable();
    paths.dedup();
    for path in paths.into_iter().rev() {
        match path {
            Val::Arr(keys) => value = delete(value, keys)?,
            other => return Err(Error::typ(other.clone(), "a path")),
        }
    }
    Ok(value)
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
            if let Some(place) = crate::value::place(key, items.len())
                && place < items.len()
            {
                Rc::make_mut(items).remove(place);
            }
        }
        (Val::Arr(items), Val::Obj(range)) => {
            let range = range.get(b"start")..range.get(b"end");
            let (start, end) = crate::value::bounds(range, items.len())?;
            Rc::make_mut(items).drain(start..end);
        }
        _ => {
            let message = format!("cannot delete the field {key} of {}", value.kind());
            return Err(Error::str(message));
        }
    }
    Ok(value)
}
