//! Transforms that misbehave: a record gets exactly its outcome, by either way in, and its neighbours
//! in the batch are unharmed.

mod limits;
mod memory;
mod mutants;
mod outcomes;
mod program;
mod table;
