//! A compiled program.

use std::fmt;
use std::iter;

use jaq_core::data::HasLut;
use jaq_core::load::parse::Def;
use jaq_core::load::{Arena, File, Lexer, Loader, Parser};
use jaq_core::{Compiler, Ctx, DataT, Exn, Filter, Lut, Vars};
use sluice_transform::Rejection;

use crate::language::Language;
use crate::program_error::{of_compiler, of_faults, of_lexer, of_parser, refuse_modules};
use crate::regexes::Regexes;
use crate::rejection::{jq_error, of_error};
use crate::shortcuts::Shortcuts;
use crate::syntax_tree::Tree;
use crate::value::Val;
use crate::{natives, prelude};

/// The types that programs work with.
#[derive(Debug)]
pub(crate) struct Data;

impl DataT for Data {
    type V<'a> = Val;
    type Data<'a> = &'a Program;
}

impl<'a> HasLut<'a, Data> for &'a Program {
    fn lut(&self) -> &'a Lut<Data> {
        &self.filter.lut
    }
}

/// A program, ready for records.
pub(crate) struct Program {
    filter: Filter<Data>,
    /// The names that its filters look up.
    pub(crate) shortcuts: Shortcuts,
    pub(crate) regexes: Regexes,
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Program");
        shown.field("shortcuts", &self.shortcuts);
        shown.field("regexes", &self.regexes);
        shown.finish_non_exhaustive()
    }
}

impl Program {
    /// Compiles a program.
    ///
    /// # Errors
    /// What is wrong with it, with the line and the column.
    pub(crate) fn compile(code: &str) -> Result<Self, String> {
        let mut language = Language::default();
        let term = parse(code, &mut language)?;
        let term = language.rewrite(term);
        let (regexes, defined) = language
            .finish()
            .map_err(|faults| of_faults(code, &faults))?;
        let mut shortcuts = Shortcuts::default();
        // jaq takes no other program than text, so the program is a definition, which the text calls.
        let name = unused_name(code);
        let main = Def {
            name: name.as_str(),
            args: Vec::new(),
            body: shortcuts.rewrite(term),
        };
        let arena = Arena::default();
        let loader = Loader::new(prelude::definitions(code).into_iter().chain([main]));
        let file = File {
            code: name.as_str(),
            path: (),
        };
        let modules = loader.load(&arena, file);
        let modules = modules.map_err(|_| "program: it cannot be loaded".to_owned())?;
        let filters = shortcuts.filters().into_iter().chain(natives::all());
        let filter = Compiler::default().with_funs(filters).compile(modules);
        let filter = filter.map_err(|errors| of_compiler(code, errors, &defined))?;
        Ok(Self {
            filter,
            shortcuts,
            regexes,
        })
    }

    /// Runs the program on a record. Returns its values, in order, up to the first error.
    pub(crate) fn run(&self, input: Val) -> impl Iterator<Item = Result<Val, Rejection>> {
        let context = Ctx::<Data>::new(self, Vars::new(iter::empty()));
        let values = self.filter.id.run((context, input));
        values.map(|value| value.map_err(of_exception))
    }
}

fn parse<'p>(code: &'p str, language: &mut Language<'p>) -> Result<Tree<'p>, String> {
    let tokens = Lexer::new(code).lex();
    let mut tokens = tokens.map_err(|errors| of_lexer(code, &errors))?;
    refuse_modules(code, &tokens)?;
    let prepared = language.prepare(&mut tokens);
    prepared.map_err(|fault| of_faults(code, &[fault]))?;
    let term = Parser::new(&tokens).parse(Parser::term);
    term.map_err(|errors| of_parser(code, &errors))
}

/// A name that is nowhere in a program.
fn unused_name(code: &str) -> String {
    let mut name = "main".to_owned();
    while code.contains(&name) {
        name.push('_');
    }
    name
}

#[cold]
fn of_exception(exception: Exn<'_, Val>) -> Rejection {
    match exception.get_err() {
        Ok(error) => of_error(error),
        // `halt` is not defined.
        Err(_) => jq_error("the program ends early"),
    }
}

#[cfg(test)]
mod tests;
