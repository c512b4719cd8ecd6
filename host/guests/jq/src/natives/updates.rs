//! Updates of all that has a path, as jq does them.
//!
//! jaq updates a term from its outermost part on. So it would make a missing member `null` on the way to nothing, as in
//! `(.a | select(.)) |= 1`, and it cannot update all terms that have paths.

use std::iter;

use jaq_core::box_iter::box_once;
use jaq_core::native::Fun;
use jaq_core::path::Opt;
use jaq_core::{Bind, Native, ValT as _, ValX, ValXs};

use super::entries::delete_paths;
use crate::program::Data;
use crate::value::Val;

/// The name of a filter that is its argument, but is updated path by path. No program can have it.
pub(crate) const BY_PATHS: &str = "!by_paths";

/// The name of a filter that gives the last value of its argument, or `null`. No program can have it.
pub(crate) const LAST_OR_NULL: &str = "!last_or_null";

pub(super) fn filters() -> Vec<Fun<Data>> {
    let function = || -> Box<[Bind]> { [Bind::Fun(())].into() };
    vec![
        (BY_PATHS, function(), by_paths()),
        (LAST_OR_NULL, function(), last_or_null()),
    ]
}

fn by_paths() -> Native<Data> {
    Native::<Data>::new(|mut cv| {
        let (f, context) = cv.0.pop_fun();
        f.run((context, cv.1))
    })
    .with_paths(|mut cv| {
        let (f, context) = cv.0.pop_fun();
        f.paths((context, cv.1))
    })
    .with_update(|(mut outer, value), update| {
        let (f, context) = outer.pop_fun();
        let found = f.paths((context, (value.clone(), Default::default())));
        let paths = found.map(|found| {
            let (_, path) = found?;
            let mut keys: Vec<_> = path.iter().cloned().collect();
            keys.reverse();
            Ok(keys)
        });
        box_once(update_paths(value, paths, &update))
    })
}

fn last_or_null() -> Native<Data> {
    Native::<Data>::new(|mut cv| {
        let (f, context) = cv.0.pop_fun();
        let last = f.run((context, cv.1)).try_fold(Val::Null, |_, value| value);
        box_once(last)
    })
    .with_paths(|mut cv| {
        let (f, context) = cv.0.pop_fun();
        let last = f
            .paths((context, cv.1))
            .try_fold(None, |_, found| found.map(Some));
        Box::new(last.transpose().into_iter())
    })
}

/// Updates the values at paths, one after the other. Those that the update has no value for are deleted at the end, as since
/// jq 1.7.
fn update_paths<'a>(
    mut value: Val,
    paths: impl Iterator<Item = ValX<'a, Vec<Val>, Val>>,
    update: &dyn Fn(Val) -> ValXs<'a, Val>,
) -> ValX<'a, Val> {
    let mut deleted = Vec::new();
    for path in paths {
        let path = path?;
        let inner = path.iter().try_fold(value.clone(), Val::index)?;
        match update(inner).next().transpose()? {
            Some(new) => value = set(value, &path, &new)?,
            None => deleted.push(path.into_iter().collect()),
        }
    }
    match deleted.is_empty() {
        true => Ok(value),
        false => Ok(delete_paths(value, &deleted.into_iter().collect())?),
    }
}

fn set<'a>(value: Val, path: &[Val], new: &Val) -> ValX<'a, Val> {
    match path.split_first() {
        None => Ok(new.clone()),
        Some((key, rest)) => value.map_index(key, Opt::Essential, |inner| {
            iter::once(set(inner, rest, new))
        }),
    }
}
