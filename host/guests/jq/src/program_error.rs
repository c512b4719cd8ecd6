//! What is wrong with a program, with the place.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};

use jaq_core::compile::{self, Undefined};
use jaq_core::load::lex::{self, Token};
use jaq_core::load::parse;

use crate::language::Fault;
use crate::place::Place;
use crate::{natives, prelude};

/// The most faults that a message lists.
const LISTED_MAX: usize = 3;

/// Why a program cannot call a filter or use a variable that jq has.
const REFUSED: &[(&str, &str)] = &[
    ("$ENV", ENVIRONMENT),
    ("$__loc__", COMMAND_LINE),
    ("$__prog_args", COMMAND_LINE),
    ("$ARGS", COMMAND_LINE),
    ("debug", OUTPUT),
    ("env", ENVIRONMENT),
    ("get_search_list", MODULES),
    ("halt", HALT),
    ("halt_error", HALT),
    ("input", INPUTS),
    ("input_filename", INPUTS),
    ("input_line_number", INPUTS),
    ("inputs", INPUTS),
    ("localtime", TIME_ZONE),
    ("modulemeta", MODULES),
    ("now", CLOCK),
    ("rand", RANDOM),
    ("random", RANDOM),
    ("stderr", OUTPUT),
    ("strflocaltime", TIME_ZONE),
];

const CLOCK: &str = "rules are deterministic: there is no clock, because a record that is transformed again must give \
                     the same events; use a time of the record";
const COMMAND_LINE: &str = "rules are deterministic: a program has no file and no command line";
const ENVIRONMENT: &str =
    "rules are deterministic: there is no environment; write the value into the program";
const HALT: &str = "a program cannot end the host; use `error(\"code: message\")` to reject the record, or `empty` to \
                    drop it";
const INPUTS: &str =
    "rules are deterministic: each record is transformed alone, so there are no other inputs";
const MODULES: &str =
    "a release holds one program, so there are no modules; put the definitions into the program";
const OUTPUT: &str =
    "a program has no output but its events; use `sluice transform try` to look at values";
const RANDOM: &str = "rules are deterministic: there are no random numbers";
const TIME_ZONE: &str = "rules are deterministic: there is no local time zone; use `gmtime` or `strftime`, which are in UTC";

/// The faults of a program that has no tokens.
#[cold]
pub(crate) fn of_lexer(code: &str, errors: &[lex::Error<&str>]) -> String {
    let errors = errors.iter();
    let faults =
        errors.map(|(expected, found)| at(code, found, unexpected(expected.as_str(), found)));
    list(faults.collect())
}

/// The faults of a program that has no syntax tree.
#[cold]
pub(crate) fn of_parser(code: &str, errors: &[parse::TError<'_, &str>]) -> String {
    let faults = errors.iter().map(|(expected, found)| {
        let found = Token::opt_as_str(*found, code);
        at(code, found, unexpected(expected.as_str(), found))
    });
    list(faults.collect())
}

/// Faults that were found before the program was compiled.
#[cold]
pub(crate) fn of_faults(code: &str, faults: &[Fault<'_>]) -> String {
    let faults = faults.iter().map(|(part, why)| at(code, part, why));
    list(faults.collect())
}

/// The names of a program that are not defined.
#[cold]
pub(crate) fn of_compiler(
    code: &str,
    errors: compile::Errors<&str, ()>,
    defined: &[&str],
) -> String {
    let errors = errors.into_iter().flat_map(|(_, errors)| errors);
    let faults =
        errors.map(|(name, undefined)| at(code, name, undefined_name(name, &undefined, defined)));
    list(faults.collect())
}

/// Refuses `import`, `include` and `module`, which are only at the beginning of a program.
pub(crate) fn refuse_modules(code: &str, tokens: &[Token<&str>]) -> Result<(), String> {
    match tokens.first() {
        Some(Token(word @ ("import" | "include" | "module"), _)) => {
            let why = format!("`{word}` is not allowed; {MODULES}");
            Err(list(vec![at(code, word, why)]))
        }
        _ => Ok(()),
    }
}

/// A fault with its place.
fn at(code: &str, part: &str, why: impl fmt::Display) -> String {
    format!("{}: {why}", Place::of(code, part))
}

fn unexpected(expected: &str, found: &str) -> String {
    let found = found.split_whitespace().next().unwrap_or_default();
    let found: String = found.chars().take(20).collect();
    match found.as_str() {
        "" => format!("expected {expected}, found the end"),
        found => format!("expected {expected}, found `{found}`"),
    }
}

fn undefined_name(name: &str, undefined: &Undefined, defined: &[&str]) -> String {
    let refused = REFUSED.iter().find(|(refused, _)| *refused == name);
    if let Some((_, why)) = refused {
        return format!("`{name}` is not allowed; {why}");
    }
    match undefined {
        Undefined::Filter(arity) => {
            let suggestion = suggestion(name, defined).unwrap_or_default();
            format!("there is no filter `{name}/{arity}`{suggestion}")
        }
        other => format!("there is no {} `{name}`", other.as_str()),
    }
}

/// The end of a message about an unknown filter: its other numbers of arguments, or a filter with a similar name.
fn suggestion(name: &str, defined: &[&str]) -> Option<String> {
    let known: BTreeSet<_> = prelude::signatures().chain(natives::signatures()).collect();
    let same = known.iter().filter(|(known, _)| *known == name);
    let same: Vec<_> = same
        .map(|(name, arity)| format!("`{name}/{arity}`"))
        .collect();
    if !same.is_empty() {
        return Some(format!("; there is {}", same.join(" and ")));
    }
    if defined.contains(&name) {
        return Some("; it is defined elsewhere or with another number of arguments".to_owned());
    }
    let names = known
        .iter()
        .map(|(name, _)| *name)
        .chain(defined.iter().copied());
    let closest = closest(name, names)?;
    Some(format!("; did you mean `{closest}`?"))
}

/// The most similar name, or the shortest one with this name in it.
fn closest<'n>(name: &str, names: impl Iterator<Item = &'n str> + Clone) -> Option<&'n str> {
    let distance = |known: &&str| strsim::damerau_levenshtein(name, known);
    let similar = names.clone().min_by_key(distance);
    let is_similar = |known: &&str| distance(known) <= (name.chars().count() / 3).max(1);
    let is_long = name.chars().count() >= SIMILAR_MIN_CHARS;
    let similar = similar.filter(|known| is_long && is_similar(known));
    similar.or_else(|| {
        let longer = names.filter(|known| is_long && known.contains(name));
        longer.min_by_key(|known| known.len())
    })
}

/// A shorter name is similar to too many.
const SIMILAR_MIN_CHARS: usize = 3;

/// Faults as one message.
fn list(mut faults: Vec<String>) -> String {
    faults.dedup();
    let mut text = String::from("program: ");
    text += &faults
        .get(..faults.len().min(LISTED_MAX))
        .unwrap_or_default()
        .join("; ");
    if let Some(more @ 1..) = faults.len().checked_sub(LISTED_MAX) {
        let _infallible = write!(text, "; and {more} more");
    }
    text
}
