//! What is wrong with a program, with the place.

use std::fmt::Write as _;

use jaq_core::compile::{self, Undefined};
use jaq_core::load::{self, Import, Modules};

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

/// The faults of a program that cannot be read.
#[cold]
pub(crate) fn of_loader(code: &str, errors: load::Errors<&str, ()>) -> String {
    let mut faults = Vec::new();
    for (_, error) in errors {
        match error {
            load::Error::Io(imports) => {
                faults.extend(imports.iter().map(|(path, _)| module(code, path)));
            }
            load::Error::Lex(errors) => faults.extend(errors.iter().map(|(expected, found)| {
                let expected = expected.as_str();
                format!(
                    "{}: {}",
                    Place::of(code, found),
                    unexpected(expected, found)
                )
            })),
            load::Error::Parse(errors) => faults.extend(errors.iter().map(|(expected, found)| {
                let expected = expected.as_str();
                format!(
                    "{}: {}",
                    Place::of(code, found),
                    unexpected(expected, found)
                )
            })),
        }
    }
    list(&faults)
}

/// The names of a program that are not defined.
#[cold]
pub(crate) fn of_compiler(code: &str, errors: compile::Errors<&str, ()>) -> String {
    let errors = errors.into_iter().flat_map(|(_, errors)| errors);
    let faults: Vec<_> = errors
        .map(|(name, undefined)| {
            let why = undefined_name(name, &undefined);
            format!("{}: {why}", Place::of(code, name))
        })
        .collect();
    list(&faults)
}

/// Refuses imports of data. Other imports are errors of the loader.
pub(crate) fn refuse_imports(code: &str, modules: &Modules<&str, ()>) -> Result<(), String> {
    let refuse = |import: Import<'_, &str, ()>| Err(module(code, import.path));
    load::import(modules, refuse).map_err(|errors| of_loader(code, errors))
}

fn module(code: &str, path: &str) -> String {
    format!("{}: {path:?}: {MODULES}", Place::of(code, path))
}

fn unexpected(expected: &str, found: &str) -> String {
    let found = found.split_whitespace().next().unwrap_or_default();
    let found: String = found.chars().take(20).collect();
    match found.as_str() {
        "" => format!("expected {expected}, found the end"),
        found => format!("expected {expected}, found `{found}`"),
    }
}

fn undefined_name(name: &str, undefined: &Undefined) -> String {
    let refused = REFUSED.iter().find(|(refused, _)| *refused == name);
    if let Some((_, why)) = refused {
        return format!("`{name}` is not allowed; {why}");
    }
    let mut message = match undefined {
        Undefined::Filter(arity) => format!("there is no filter `{name}/{arity}`"),
        other => format!("there is no {} `{name}`", other.as_str()),
    };
    if let Undefined::Filter(_) = undefined {
        message += &suggestion(name).unwrap_or_default();
    }
    message
}

/// The end of a message about an unknown filter: a filter with a similar name, as a question.
fn suggestion(name: &str) -> Option<String> {
    let known: Vec<_> = prelude::all_names().chain(natives::names()).collect();
    if known.contains(&name) {
        return Some("; it takes another number of arguments".to_owned());
    }
    let distance = |known: &&str| strsim::damerau_levenshtein(name, known);
    let closest = known.into_iter().min_by_key(distance)?;
    let is_close = distance(&closest) <= name.chars().count() / 3;
    is_close.then(|| format!("; did you mean `{closest}`?"))
}

fn list(faults: &[String]) -> String {
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
