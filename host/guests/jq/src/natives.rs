//! The filters that are implemented in Rust.

mod entries;
mod formats;
mod lists;
pub(crate) mod matching;
mod numbers;
mod texts;
mod updates;
mod walk;

use std::iter;

use jaq_core::box_iter::box_once;
use jaq_core::native::{Fun, run, v};
use jaq_core::{Cv, RunPtr, ValXs};

use crate::program::Data;
use crate::value::{Val, ValR};

pub(crate) use updates::{BY_PATHS, LAST_OR_NULL};

/// Filters of jaq that only the [prelude](crate::prelude) uses, and the names that they get, which no program can have.
pub(crate) const INTERNAL: [(&str, &str); 9] = [
    ("decode_base64", "!decode_base64"),
    ("decode_uri", "!decode_uri"),
    ("encode_base64", "!encode_base64"),
    ("encode_uri", "!encode_uri"),
    ("error_empty", "!error_empty"),
    ("ilogb", "!ilogb"),
    ("max_by_or_empty", "!max_by_or_empty"),
    ("min_by_or_empty", "!min_by_or_empty"),
    ("path_value", "!path_value"),
];

/// Filters of jaq that a program does not get: they are not those of jq, depend on more than the record, or do more than
/// make a value.
const REFUSED: [&str; 14] = [
    "debug_empty",
    "env",
    "escape_html",
    "escape_sh",
    "halt",
    "key_values",
    "localtime",
    "matches",
    "now",
    "split_",
    "split_matches",
    "stderr_empty",
    "strflocaltime",
    "unescape_html",
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
    let own = own.chain([empty(), walk::filter()]);
    let own = own.chain(matching::filters()).chain(updates::filters());
    let of_jaq = of_jaq.filter(|(name, ..)| !REFUSED.contains(name));
    own.chain(of_jaq.map(|(name, arguments, filter)| {
        let internal = INTERNAL.iter().find(|(of_jaq, _)| of_jaq == &name);
        (
            internal.map_or(name, |(_, internal)| internal),
            arguments,
            filter,
        )
    }))
}

/// The names and numbers of arguments of all native filters that a program can call.
pub(crate) fn signatures() -> impl Iterator<Item = (&'static str, usize)> {
    let all = all().map(|(name, arguments, _)| (name, arguments.len()));
    all.filter(|(name, _)| !name.starts_with('!'))
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
