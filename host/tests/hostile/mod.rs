//! Transforms that misbehave: each record gets its outcome, in both call modes, and the other
//! records of the batch are not affected.

mod fields;
mod limits;
mod memory;
mod mutants;
mod outcomes;
mod program;
mod table;
