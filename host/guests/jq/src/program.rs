//! A compiled program.

use std::fmt;
use std::iter;

use jaq_core::data::JustLut;
use jaq_core::load::{Arena, File, Import, Loader};
use jaq_core::{Compiler, Ctx, Exn, Filter, Vars};
use jaq_json::Val;
use sluice_transform::Rejection;

use crate::program_error::{of_compiler, of_loader, refuse_imports};
use crate::rejection::{jq_error, of_error};
use crate::{natives, prelude};

/// The types that programs work with.
pub(crate) type Data = JustLut<Val>;

/// A program, ready for records.
pub(crate) struct Program {
    filter: Filter<Data>,
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program").finish_non_exhaustive()
    }
}

impl Program {
    /// Compiles a program.
    ///
    /// # Errors
    /// What is wrong with it, with the line and the column.
    pub(crate) fn compile(code: &str) -> Result<Self, String> {
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
        Ok(Self { filter })
    }

    /// Runs the program on a record. Returns its values, in order, up to the first error.
    pub(crate) fn run(&self, input: Val) -> impl Iterator<Item = Result<Val, Rejection>> {
        let context = Ctx::<Data>::new(&self.filter.lut, Vars::new(iter::empty()));
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
