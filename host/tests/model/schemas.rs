//! Schemas of objects with columns: how a host stores them, and what they promise.

use super::Delivery;
use super::bugs::Bug;
use super::library::{Object, records, schema_of};
use super::promises::{Broken, ensure};
use super::state::{Plan, State};
use super::steps::{FREE, Steps};

impl Steps<'_> {
    /// Stores the schema of a chunk, unless the lake has it.
    pub(super) fn keep_schema(&mut self, host: usize, plan: Plan) {
        let (model, name) = (self.model, self.name(host));
        self.add(format_args!("{name} keeps the schema"), FREE, |to| {
            model.put_schema(to, plan.schema)?;
            to.work(host).advance(model);
            Ok(())
        });
    }
}

impl Delivery {
    fn put_schema(&self, state: &mut State, schema: Option<u8>) -> Result<(), Broken> {
        let new = bit(schema);
        state.schemas = match self.bug {
            Some(Bug::SchemaOverwritten) => new,
            _ => state.schemas | new,
        };
        self.check_kept_schemas(state)
    }

    /// A repetition and an audit find each schema by the digest that a chunk has pinned.
    fn check_kept_schemas(&self, state: &State) -> Result<(), Broken> {
        let objects = state.lake.iter();
        let mut objects = objects.map(|object| self.library.object(*object).schema);
        let mut ledgers = state.ledgers.iter().flatten();
        let has_pinned = ledgers.all(|doc| {
            let ledger = self.library.ledger(*doc);
            state.has_schema(ledger.pending().and_then(schema_of))
        });
        let has_all = has_pinned && objects.all(|schema| state.has_schema(schema));
        ensure(has_all, Broken::SchemaNotKept)
    }

    /// An object is put with the schema that its chunk has pinned, and the lake has that schema.
    pub(super) fn check_schema(&self, state: &State, new: &Object) -> Result<(), Broken> {
        if new.schema.is_none() {
            return Ok(());
        }
        ensure(state.has_schema(new.schema), Broken::SchemaNotKept)?;
        let mut ledgers = state.ledgers.iter().flatten();
        let is_pinned = ledgers.all(|doc| {
            let ledger = self.library.ledger(*doc);
            let mut pending = ledger.pending().into_iter();
            pending.all(|chunk| records(chunk.range) != new.chunk || schema_of(chunk) == new.schema)
        });
        ensure(is_pinned, Broken::OtherSchema)
    }
}

impl State {
    /// Whether the lake has a schema. Objects without columns need none.
    pub(super) fn has_schema(&self, schema: Option<u8>) -> bool {
        self.schemas & bit(schema) == bit(schema)
    }
}

/// Its bit in a set of schemas.
fn bit(schema: Option<u8>) -> u8 {
    schema.map_or(0, |schema| 1 << schema)
}
