//! Regular expressions: `test`, `match`, `capture`, `scan`, `split`, `splits`, `sub` and `gsub`.

use std::ops::Range;
use std::sync::Arc;

use jaq_core::box_iter::box_once;
use jaq_core::compile::TermId;
use jaq_core::native::{Fun, run, v};
use jaq_core::ops::Math;
use jaq_core::{Bind, Ctx, Cv, Exn, RunPtr, ValXs};

use crate::program::Data;
use crate::regexes::{Flags, GLOBAL, Groups, Regex};
use crate::value::{Error, Object, Text, Val};

/// The names of the filters whose first argument is a regular expression, and the number of arguments.
pub(crate) const NAMES: [(&str, usize); 15] = [
    ("test", 1),
    ("test", 2),
    ("match", 1),
    ("match", 2),
    ("capture", 1),
    ("capture", 2),
    ("scan", 1),
    ("scan", 2),
    ("split", 2),
    ("splits", 1),
    ("splits", 2),
    ("sub", 2),
    ("sub", 3),
    ("gsub", 2),
    ("gsub", 3),
];

pub(super) fn filters() -> Vec<Fun<Data>> {
    let of_values: [(&'static str, usize, RunPtr<Data>); 11] = [
        ("test", 1, |cv| each(arguments(cv, false), test)),
        ("test", 2, |cv| each(arguments(cv, true), test)),
        ("match", 1, |cv| each(arguments(cv, false), matches)),
        ("match", 2, |cv| each(arguments(cv, true), matches)),
        ("capture", 1, |cv| each(arguments(cv, false), capture)),
        ("capture", 2, |cv| each(arguments(cv, true), capture)),
        ("scan", 1, |cv| each(global(arguments(cv, false)), scan)),
        ("scan", 2, |cv| each(global(arguments(cv, true)), scan)),
        ("split", 2, |cv| each(global(arguments(cv, true)), split)),
        ("splits", 1, |cv| each(global(arguments(cv, false)), splits)),
        ("splits", 2, |cv| each(global(arguments(cv, true)), splits)),
    ];
    let of_values = of_values
        .into_iter()
        .map(|(name, arguments, filter)| run::<Data>((name, v(arguments), filter)));
    let replacing: [(&'static str, usize, RunPtr<Data>); 4] = [
        ("sub", 2, |cv| substitute(cv, false, false)),
        ("sub", 3, |cv| substitute(cv, true, false)),
        ("gsub", 2, |cv| substitute(cv, false, true)),
        ("gsub", 3, |cv| substitute(cv, true, true)),
    ];
    let replacing = replacing.into_iter().map(|(name, arguments, filter)| {
        let binds = [Bind::Var(()), Bind::Fun(()), Bind::Var(())].into_iter();
        run::<Data>((name, binds.take(arguments).collect(), filter))
    });
    of_values.chain(replacing).collect()
}

/// An expression, and the text in which it is searched.
struct Search {
    regex: Arc<Regex>,
    flags: Flags,
    text: Text,
}

/// The search of a filter whose arguments are the expression and, perhaps, its flags.
fn arguments<'a>(mut cv: Cv<'a, Data>, with_flags: bool) -> Result<Search, Error> {
    let flags = with_flags.then(|| cv.0.pop_var());
    let expression = cv.0.pop_var();
    Search::new(&cv.0, cv.1, expression, flags)
}

fn global(search: Result<Search, Error>) -> Result<Search, Error> {
    search.map(|search| Search {
        flags: search.flags.with(GLOBAL),
        ..search
    })
}

fn each<'a>(
    search: Result<Search, Error>,
    values: impl FnOnce(&Search) -> Vec<Val>,
) -> ValXs<'a, Val> {
    match search {
        Ok(search) => {
            let mut values = values(&search);
            match values.len() {
                1 => box_once(Ok(values.pop().unwrap_or_default())),
                _ => Box::new(values.into_iter().map(Ok)),
            }
        }
        Err(error) => box_once(Err(Exn::from(error))),
    }
}

impl Search {
    /// An expression can be an array of itself and its flags.
    fn new(
        context: &Ctx<'_, Data>,
        input: Val,
        expression: Val,
        flags: Option<Val>,
    ) -> Result<Self, Error> {
        let (expression, flags) = match (&expression, flags) {
            (Val::Arr(both), None) => {
                let item = |at: usize| both.get(at).cloned().unwrap_or_default();
                (item(0), item(1))
            }
            (_, flags) => (expression, flags.unwrap_or_default()),
        };
        let flags = match &flags {
            Val::Null => Flags::default(),
            Val::Str(flags) => Flags::parse(flags.as_str()).map_err(Error::str)?,
            _ => return Err(Error::typ(flags, "the flags of a regular expression")),
        };
        let Val::Str(text) = input else {
            return Err(Error::typ(input, "a string to match"));
        };
        let Val::Str(pattern) = &expression else {
            return Err(Error::typ(expression, "a regular expression"));
        };
        let regex = context.data().regexes.get(pattern.as_str(), flags);
        Ok(Self {
            regex: regex.map_err(Error::str)?,
            flags,
            text,
        })
    }

    fn groups(&self) -> Vec<Groups> {
        self.regex.matches(self.text.as_str(), self.flags)
    }

    /// A part of the text.
    fn part(&self, range: Range<usize>) -> Val {
        let part = self.text.as_str().get(range).unwrap_or_default();
        Val::Str(self.text.sub(part))
    }

    /// The text of a group, or `null`.
    fn string(&self, group: Option<&Range<usize>>) -> Val {
        group.map_or(Val::Null, |range| self.part(range.clone()))
    }

    /// The members of named groups.
    fn named(&self, groups: &Groups) -> Val {
        let mut object = Object::default();
        for (name, group) in self.regex.names().zip(groups.iter().skip(1)) {
            if let Some(name) = name {
                object.set(Text::from(name), self.string(group.as_ref()));
            }
        }
        Val::object(object)
    }
}

fn test(search: &Search) -> Vec<Val> {
    let is_match = search.regex.is_match(search.text.as_str(), search.flags);
    vec![is_match.into()]
}

fn matches(search: &Search) -> Vec<Val> {
    let mut places = Places::of(search.text.as_str());
    let groups = search.groups().into_iter();
    let found = groups.map(|groups| {
        let whole = groups.first().and_then(Option::as_ref);
        let mut members = span(search, &mut places, whole);
        let names = search.regex.names().zip(groups.iter().skip(1));
        let captures = names.map(|(name, group)| {
            let mut members = span(search, &mut places, group.as_ref());
            members.push(("name", name.map_or(Val::Null, Val::text)));
            object(members)
        });
        members.push(("captures", captures.collect()));
        object(members)
    });
    found.collect()
}

/// Where a group is, in characters, and its text.
fn span(
    search: &Search,
    places: &mut Places<'_>,
    group: Option<&Range<usize>>,
) -> Vec<(&'static str, Val)> {
    let (offset, length) = match group {
        None => (Val::Int(-1), Val::Int(0)),
        Some(range) => {
            let start = places.character(range.start);
            let length = places.character(range.end) - start;
            (Val::from(start), Val::from(length))
        }
    };
    let string = search.string(group);
    let mut members = Vec::with_capacity(4);
    members.extend([("offset", offset), ("length", length), ("string", string)]);
    members
}

fn object(members: Vec<(&'static str, Val)>) -> Val {
    let members = members.into_iter();
    Val::object(Object::of(
        members.map(|(name, value)| (Text::from(name), value)),
    ))
}

fn capture(search: &Search) -> Vec<Val> {
    let groups = search.groups();
    groups.iter().map(|groups| search.named(groups)).collect()
}

/// The text of each match, or an array of its groups if it has some.
fn scan(search: &Search) -> Vec<Val> {
    let found = search.groups().into_iter().map(|groups| {
        let mut strings = groups.iter().map(|group| search.string(group.as_ref()));
        match groups.len() {
            0 | 1 => strings.next().unwrap_or_default(),
            _ => strings.skip(1).collect(),
        }
    });
    found.collect()
}

fn split(search: &Search) -> Vec<Val> {
    vec![splits(search).into_iter().collect()]
}

/// The parts between matches.
fn splits(search: &Search) -> Vec<Val> {
    let mut start = 0;
    let mut parts = Vec::new();
    for whole in wholes(&search.groups()) {
        parts.push(search.part(start..whole.start));
        start = whole.end;
    }
    parts.push(search.part(start..search.text.as_str().len()));
    parts
}

fn wholes(found: &[Groups]) -> impl Iterator<Item = &Range<usize>> {
    found.iter().filter_map(|groups| groups.first()?.as_ref())
}

/// Replaces matches by the values of a filter for their named groups.
fn substitute<'a>(mut cv: Cv<'a, Data>, with_flags: bool, is_global: bool) -> ValXs<'a, Val> {
    let flags = with_flags.then(|| cv.0.pop_var());
    let replacement = cv.0.pop_fun();
    let expression = cv.0.pop_var();
    let search = Search::new(&replacement.1, cv.1, expression, flags);
    let search = match is_global {
        true => global(search),
        false => search,
    };
    let replaced = search.map_err(Exn::from);
    match replaced.and_then(|search| replaced_texts(&search, &replacement)) {
        Ok(texts) => Box::new(texts.into_iter().map(Ok)),
        Err(error) => box_once(Err(error)),
    }
}

/// If the replacement has several values, there are several texts: one with all first values, one with all second ones and so
/// on. If it has none at all, the text stays. Both are as since jq 1.7.
fn replaced_texts<'a>(
    search: &Search,
    (replacement, context): &(TermId, Ctx<'a, Data>),
) -> Result<Vec<Val>, Exn<'a, Val>> {
    let mut texts: Vec<Vec<u8>> = Vec::new();
    let mut start = 0;
    for groups in &search.groups() {
        let Some(Some(whole)) = groups.first() else {
            continue;
        };
        let gap = search.part(start..whole.start);
        let values = replacement.run((context.clone(), search.named(groups)));
        for (place, value) in values.enumerate() {
            let inserted = match value? {
                Val::Str(text) => text,
                Val::Null => Text::from(""),
                other => return Err(Error::math(gap, Math::Add, other).into()),
            };
            if place == texts.len() {
                texts.push(Vec::new());
            }
            if let Some(text) = texts.get_mut(place) {
                text.extend_from_slice(gap.as_str().unwrap_or_default().as_bytes());
                text.extend_from_slice(inserted.as_bytes());
            }
        }
        start = whole.end;
    }
    if texts.is_empty() {
        return Ok(vec![Val::Str(search.text.clone())]);
    }
    let rest = search.text.as_bytes().get(start..).unwrap_or_default();
    let finish = |mut text: Vec<u8>| {
        text.extend_from_slice(rest);
        Val::Str(Text::from_utf8(text))
    };
    Ok(texts.into_iter().map(finish).collect())
}

/// Counts the characters of a text up to places that mostly go forward.
struct Places<'t> {
    text: &'t str,
    is_ascii: bool,
    byte: usize,
    characters: usize,
}

impl<'t> Places<'t> {
    fn of(text: &'t str) -> Self {
        Self {
            text,
            is_ascii: text.is_ascii(),
            byte: 0,
            characters: 0,
        }
    }

    fn character(&mut self, byte: usize) -> usize {
        if self.is_ascii {
            return byte;
        }
        let count = |range: Range<usize>| {
            let part = self.text.get(range).unwrap_or_default();
            part.chars().count()
        };
        self.characters = match byte >= self.byte {
            true => self.characters + count(self.byte..byte),
            false => self.characters - count(byte..self.byte),
        };
        self.byte = byte;
        self.characters
    }
}
