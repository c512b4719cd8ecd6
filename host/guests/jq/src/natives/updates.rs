//! Filters that can be on the left of an update where those of jaq cannot: `first(f)`, `last(f)`, `limit`, `skip` and
//! `(…)?`.

use std::iter;

use jaq_core::box_iter::box_once;
use jaq_core::native::Fun;
use jaq_core::path::Opt;
use jaq_core::{Bind, Ctx, Native, ValT as _, ValX, ValXs};

use super::entries::delete_paths;
use crate::program::Data;
use crate::value::{Error, Number, Val};

/// The name of `(…)?` as a filter, which no program can have.
pub(crate) const TRY: &str = "!try";

/// The name of a filter that gives the last value of its argument, or `null`. No program can have it.
pub(crate) const LAST_OR_NULL: &str = "!last_or_null";

/// A filter that selects some of the values of its last argument.
macro_rules! selection {
    ($select:ident) => {
        Native::<Data>::new(|mut cv| {
            let (f, context) = cv.0.pop_fun();
            $select(f.run((context, cv.1)), &mut cv.0)
        })
        .with_paths(|mut cv| {
            let (f, context) = cv.0.pop_fun();
            $select(f.paths((context, cv.1)), &mut cv.0)
        })
        .with_update(|(mut outer, value), update| {
            let (f, context) = outer.pop_fun();
            let found = f.paths((context, (value.clone(), Default::default())));
            let paths = $select(found, &mut outer).map(|found| {
                let (_, path) = found?;
                let mut keys: Vec<_> = path.iter().cloned().collect();
                keys.reverse();
                Ok(keys)
            });
            box_once(update_paths(value, paths, &update))
        })
    };
}

pub(super) fn filters() -> Vec<Fun<Data>> {
    let function = || -> Box<[Bind]> { [Bind::Fun(())].into() };
    let counted = || -> Box<[Bind]> { [Bind::Var(()), Bind::Fun(())].into() };
    vec![
        (TRY, function(), selection!(up_to_error)),
        ("first", function(), selection!(first)),
        ("last", function(), selection!(last)),
        ("limit", counted(), selection!(limit)),
        ("skip", counted(), selection!(skip)),
        (LAST_OR_NULL, function(), last_or_null()),
    ]
}

fn last_or_null() -> Native<Data> {
    Native::<Data>::new(|mut cv| {
        let (f, context) = cv.0.pop_fun();
        let last = f.run((context, cv.1)).try_fold(Val::Null, |_, value| value);
        box_once(last)
    })
    .with_paths(|mut cv| {
        let (f, context) = cv.0.pop_fun();
        last(f.paths((context, cv.1)), &mut cv.0)
    })
}

/// Values, or values with their paths.
type Found<'a, T> = Box<dyn Iterator<Item = ValX<'a, T, Val>> + 'a>;

fn first<'a, T: 'a>(found: Found<'a, T>, _: &mut Ctx<'a, Data>) -> Found<'a, T> {
    Box::new(found.take(1))
}

fn last<'a, T: 'a>(mut found: Found<'a, T>, _: &mut Ctx<'a, Data>) -> Found<'a, T> {
    let last = found.try_fold(None, |_, found| found.map(Some));
    Box::new(last.transpose().into_iter())
}

fn limit<'a, T: 'a>(found: Found<'a, T>, context: &mut Ctx<'a, Data>) -> Found<'a, T> {
    match count(context) {
        Ok(count) => Box::new(found.take(count)),
        Err(error) => box_once(Err(error.into())),
    }
}

/// An error among the skipped ones is not skipped.
fn skip<'a, T: 'a>(found: Found<'a, T>, context: &mut Ctx<'a, Data>) -> Found<'a, T> {
    match count(context) {
        Ok(0) => found,
        Ok(count) => {
            let found = found.enumerate();
            let rest = found.filter(move |(place, found)| *place >= count || found.is_err());
            Box::new(rest.map(|(_, found)| found))
        }
        Err(error) => box_once(Err(error.into())),
    }
}

/// The number of an argument: not negative, and at least the fraction.
fn count(context: &mut Ctx<'_, Data>) -> Result<usize, Error> {
    let argument = context.pop_var();
    let number = argument.number().map(Number::to_f64);
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it saturates at 0 and at the end"
    )]
    match number {
        Some(number) => Ok(number.ceil() as usize),
        None => Err(Error::typ(argument, "a number of values")),
    }
}

/// The values up to the first error, without it. Other exceptions, such as that of `break`, are passed on.
fn up_to_error<'a, T: 'a>(mut found: Found<'a, T>, _: &mut Ctx<'a, Data>) -> Found<'a, T> {
    let mut has_ended = false;
    let next = move || {
        if has_ended {
            return None;
        }
        match found.next()? {
            Ok(found) => Some(Ok(found)),
            Err(exception) => {
                has_ended = true;
                exception.get_err().err().map(Err)
            }
        }
    };
    Box::new(iter::from_fn(next))
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
