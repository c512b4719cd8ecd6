//! The filters that are implemented in Rust.

mod entries;
mod formats;
mod lists;
mod numbers;
mod texts;
mod walk;

use std::iter;

use jaq_core::box_iter::box_once;
use jaq_core::native::{Fun, run, v};
use jaq_core::{Cv, RunPtr, ValXs};

use crate::program::Data;
use crate::value::{Val, ValR};

/// Filters of jaq that a program does not get: they depend on more than the record, or do more than make a value.
const REFUSED: [&str; 7] = [
    "debug_empty",
    "env",
    "halt",
    "localtime",
    "now",
    "stderr_empty",
    "strflocaltime",
];

/// A filter without arguments, or with arguments that are values: name, number of arguments, and what it does.
type Entry = (&'static str, usize, RunPtr<Data>);

/// All native filters that a program can call. The first of a name and a number of arguments counts.
pub(crate) fn all() -> impl Iterator<Item = Fun<Data>> {
    let of_jaq = jaq_core::funs::<Data>().chain(jaq_std::funs());
    let own = [
        basics(),
        entries::filters(),
        formats::filters(),
        lists::filters(),
        numbers::filters(),
        texts::filters(),
    ];
    let own = own.into_iter().flatten();
    let own = own.map(|(name, arguments, filter)| run::<Data>((name, v(arguments), filter)));
    own.chain([empty(), walk::filter()])
        .chain(of_jaq.filter(|(name, ..)| !REFUSED.contains(name)))
}

/// The names of all native filters that a program can call.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    all().map(|(name, ..)| name)
}

/// `empty`, which is also a path to nothing: an update of it changes nothing.
fn empty() -> Fun<Data> {
    let (name, arguments, filter): Fun<Data> = run(("empty", v(0), |_| Box::new(iter::empty())));
    let filter = filter.with_paths(|_| Box::new(iter::empty()));
    let filter = filter.with_update(|cv, _| box_once(Ok(cv.1)));
    (name, arguments, filter)
}

/// One value, or an error.
fn once<'a>(result: ValR) -> ValXs<'a, Val> {
    box_once(result.map_err(jaq_core::Exn::from))
}

/// The result of a filter with one argument, for its input and the value of the argument.
fn binary<'a>(mut cv: Cv<'a, Data>, filter: fn(Val, Val) -> ValR) -> ValXs<'a, Val> {
    let argument = cv.0.pop_var();
    once(filter(cv.1, argument))
}

fn basics() -> Vec<Entry> {
    vec![
        ("null", 0, |_| once(Ok(Val::Null))),
        ("true", 0, |_| once(Ok(true.into()))),
        ("false", 0, |_| once(Ok(false.into()))),
        ("not", 0, |cv| once(Ok((!cv.1.is_true()).into()))),
        ("type", 0, |cv| once(Ok(Val::text(cv.1.kind())))),
        ("length", 0, |cv| once(cv.1.length())),
        ("has", 1, |cv| binary(cv, |value, key| value.has(&key))),
        ("contains", 1, |cv| {
            binary(cv, |value, part| value.contains(&part).map(Val::from))
        }),
        ("indices", 1, |cv| {
            binary(cv, |value, part| value.indices(&part))
        }),
        ("tostring", 0, |cv| once(Ok(cv.1.into_text()))),
        ("tojson", 0, |cv| once(Ok(cv.1.json()))),
        ("fromjson", 0, |cv| once(texts::from_json(&cv.1))),
        ("tonumber", 0, |cv| once(texts::to_number(cv.1))),
    ]
}
