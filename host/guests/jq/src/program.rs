//! A compiled program.

use std::fmt;
use std::iter;

use jaq_core::data::HasLut;
use jaq_core::load::parse::Def;
use jaq_core::load::{Arena, File, Import, Lexer, Loader, Parser};
use jaq_core::{Compiler, Ctx, DataT, Exn, Filter, Lut, Vars};
use sluice_transform::Rejection;

use crate::program_error::{of_compiler, of_loader, refuse_imports};
use crate::rejection::{jq_error, of_error};
use crate::shortcuts::Shortcuts;
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
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Program");
        shown.field("shortcuts", &self.shortcuts);
        shown.finish_non_exhaustive()
    }
}

/// The name of the rewritten program, which is compiled as a definition: jaq takes no other program than text. No program
/// can call it, because a name has no space.
const MAIN: &str = "the program";

impl Program {
    /// Compiles a program.
    ///
    /// # Errors
    /// What is wrong with it, with the line and the column.
    pub(crate) fn compile(code: &str) -> Result<Self, String> {
        match Self::rewritten(code) {
            Some(program) => Ok(program),
            // Its errors have the places of the code.
            None => Self::as_written(code),
        }
    }

    /// Compiles a program with shortcuts; `None` if it has a fault.
    fn rewritten(code: &str) -> Option<Self> {
        let tokens = Lexer::new(code).lex().ok()?;
        let term = Parser::new(&tokens).parse(Parser::term).ok()?;
        let mut shortcuts = Shortcuts::default();
        let main = Def {
            name: MAIN,
            args: Vec::new(),
            body: shortcuts.rewrite(term),
        };
        let arena = Arena::default();
        let loader = Loader::new(prelude::definitions(code).into_iter().chain([main]));
        let file = File {
            code: MAIN,
            path: (),
        };
        let modules = loader.load(&arena, file).ok()?;
        let filters = shortcuts.filters().into_iter().chain(natives::all());
        let filter = Compiler::default().with_funs(filters).compile(modules);
        let filter = filter.ok()?;
        Some(Self { filter, shortcuts })
    }

    fn as_written(code: &str) -> Result<Self, String> {
        let arena = Arena::default();
        let refuse = |_: Import<'_, &str, ()>| Err(String::new());
        let loader = Loader::new(prelude::definitions(code)).with_read(refuse);
        let file = File { code, path: () };
        let modules = loader.load(&arena, file);
        let modules = modules.map_err(|errors| of_loader(code, errors))?;
        refuse_imports(code, &modules)?;
        let filter = Compiler::default()
            .with_funs(natives::all())
            .compile(modules)
            .map_err(|errors| of_compiler(code, errors))?;
        Ok(Self {
            filter,
            shortcuts: Shortcuts::default(),
        })
    }

    /// Runs the program on a record. Returns its values, in order, up to the first error.
    pub(crate) fn run(&self, input: Val) -> impl Iterator<Item = Result<Val, Rejection>> {
        let context = Ctx::<Data>::new(self, Vars::new(iter::empty()));
        let values = self.filter.id.run((context, input));
        values.map(|value| value.map_err(of_exception))
    }
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
