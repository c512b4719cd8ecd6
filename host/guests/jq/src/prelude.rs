//! The filters that are defined in jq.

use std::collections::BTreeSet;

use jaq_core::load::parse::Def;
use jaq_core::load::{Lexer, Parser};

use crate::language::rename;
use crate::natives::INTERNAL;

/// One definition a line. A definition uses only those before it, itself and native filters.
const DEFINITIONS: &str = include_str!("prelude.jq");

/// The definitions that a program can use: all whose name is somewhere in it, and those that these use. Others would
/// cost each instance the time to compile them.
pub(crate) fn definitions(program: &str) -> Vec<Def<&'static str>> {
    let mut used: BTreeSet<&str> = names(program).collect();
    let mut lines = Vec::new();
    for line in DEFINITIONS.lines().rev() {
        if used.contains(defined_name(line)) {
            used.extend(names(line));
            lines.push(line);
        }
    }
    let definitions = lines.iter().rev();
    definitions.copied().flat_map(parse).collect()
}

fn parse(line: &'static str) -> Vec<Def<&'static str>> {
    let mut tokens = Lexer::new(line).lex().unwrap_or_default();
    rename(&mut tokens, &INTERNAL);
    let definitions = Parser::new(&tokens).parse(Parser::defs);
    definitions.unwrap_or_default()
}

/// The names and numbers of arguments of all definitions.
pub(crate) fn signatures() -> impl Iterator<Item = (&'static str, usize)> {
    let definitions = DEFINITIONS.lines().flat_map(parse);
    definitions.map(|definition| (definition.name, definition.args.len()))
}

fn defined_name(line: &str) -> &str {
    let rest = line.strip_prefix("def ").unwrap_or_default();
    let end = rest.find(['(', ':']).unwrap_or_default();
    rest.get(..end).unwrap_or_default()
}

/// All names of filters and formats in a program, and more: also the words of its texts.
fn names(program: &str) -> impl Iterator<Item = &str> {
    let is_in_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '@';
    program
        .split(move |c| !is_in_name(c))
        .filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_definition_is_read() {
        let all: Vec<_> = signatures().map(|(name, _)| name).collect();
        assert_eq!(all.len(), DEFINITIONS.lines().count());
        assert_eq!(definitions(&all.join(" ")).len(), all.len());
    }

    #[test]
    fn a_program_gets_what_it_uses_and_what_that_uses() {
        let names = |program| -> Vec<_> {
            let found = definitions(program);
            found.iter().map(|definition| definition.name).collect()
        };
        assert_eq!(names(".a"), [""; 0]);
        assert_eq!(names(".a | first"), ["first"]);
        assert_eq!(names("@base64 \"x\\(.)\""), ["@base64"]);
        let of_entries = names("with_entries(.value)");
        assert_eq!(of_entries, ["map", "with_entries"]);
    }
}
