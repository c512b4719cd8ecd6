//! Transforms that misbehave: a record gets exactly its outcome, in either call mode, and its neighbours
//! in the batch are unharmed.

mod limits;
mod memory;
mod mutants;
mod outcomes;
mod program;
mod table;
