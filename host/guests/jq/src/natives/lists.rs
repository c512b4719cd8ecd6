//! Arrays: `add`, `join`, `flatten`, `reverse`, `unique`, `min` and `max`.

use std::rc::Rc;

use super::{Entry, binary, once};
use crate::value::{Error, Text, Val, ValR};

pub(super) fn filters() -> Vec<Entry> {
    vec![
        ("add", 0, |cv| once(add(cv.1))),
        ("join", 1, |cv| binary(cv, |value, by| join(&value, &by))),
        ("flatten", 0, |cv| once(flatten(&cv.1, &Val::Int(i64::MAX)))),
        ("flatten", 1, |cv| {
            binary(cv, |value, depth| flatten(&value, &depth))
        }),
        ("reverse", 0, |cv| once(reverse(cv.1))),
        ("unique", 0, |cv| once(unique(&cv.1))),
        ("min", 0, |cv| once(best(&cv.1, |items| items.iter().min()))),
        ("max", 0, |cv| once(best(&cv.1, |items| items.iter().max()))),
        ("bsearch", 1, |cv| {
            binary(cv, |value, wanted| binary_search(&value, &wanted))
        }),
    ]
}

fn items(value: &Val) -> Result<&Rc<Vec<Val>>, Error> {
    match value {
        Val::Arr(items) => Ok(items),
        other => Err(Error::typ(other.clone(), "an array")),
    }
}

/// The sum of the values of an array or an object.
fn add(value: Val) -> ValR {
    let mut values: Box<dyn Iterator<Item = &Val>> = match &value {
        Val::Arr(items) => Box::new(items.iter()),
        Val::Obj(object) => Box::new(object.iter().map(|(_, value)| value)),
        _ => return Err(Error::typ(value, "an array or an object")),
    };
    values.try_fold(Val::Null, |sum, value| sum + value.clone())
}

fn join(value: &Val, separator: &Val) -> ValR {
    let separator = separator.as_str();
    let separator =
        separator.ok_or_else(|| Error::str("join needs a separator that is a string"))?;
    let mut joined = Vec::new();
    for (index, item) in items(value)?.iter().enumerate() {
        if index > 0 {
            joined.extend_from_slice(separator.as_bytes());
        }
        match item {
            Val::Null => {}
            Val::Arr(_) | Val::Obj(_) => {
                return Err(Error::str(format_args!("cannot join {item}")));
            }
            other => {
                let text = other.clone().into_text();
                joined.extend_from_slice(text.as_str().unwrap_or_default().as_bytes());
            }
        }
    }
    Ok(Val::Str(Text::from_utf8(joined)))
}

fn flatten(value: &Val, depth: &Val) -> ValR {
    let depth = depth.index_number();
    let depth = depth.filter(|depth| *depth >= 0);
    let depth = depth.ok_or_else(|| Error::str("flatten depth must not be negative"))?;
    let mut flat = Vec::new();
    match value {
        Val::Obj(object) => object
            .iter()
            .for_each(|(_, value)| flatten_into(value, depth, &mut flat)),
        other => items(other)?
            .iter()
            .for_each(|item| flatten_into(item, depth, &mut flat)),
    }
    Ok(Val::Arr(Rc::new(flat)))
}

fn flatten_into(value: &Val, depth: i64, flat: &mut Vec<Val>) {
    match value {
        Val::Arr(items) if depth > 0 => {
            items
                .iter()
                .for_each(|item| flatten_into(item, depth - 1, flat));
        }
        other => flat.push(other.clone()),
    }
}

fn reverse(value: Val) -> ValR {
    Ok(match value {
        Val::Null => Val::Arr(Rc::default()),
        Val::Str(text) => Val::from(text.as_str().chars().rev().collect::<String>()),
        Val::Arr(mut items) => {
            Rc::make_mut(&mut items).reverse();
            Val::Arr(items)
        }
        other => return Err(Error::typ(other, "an array or a string")),
    })
}

fn unique(value: &Val) -> ValR {
    let mut items = items(value)?.to_vec();
    items.sort_unstable();
    items.dedup();
    Ok(Val::Arr(Rc::new(items)))
}

fn best(value: &Val, choose: fn(&[Val]) -> Option<&Val>) -> ValR {
    Ok(choose(items(value)?).cloned().unwrap_or_default())
}

/// The place of a value in a sorted array, or where it would be as a negative number.
fn binary_search(value: &Val, wanted: &Val) -> ValR {
    Ok(match items(value)?.binary_search(wanted) {
        Ok(place) => Val::from(place),
        Err(place) => Val::Int(-1 - i64::try_from(place).unwrap_or(i64::MAX)),
    })
}
