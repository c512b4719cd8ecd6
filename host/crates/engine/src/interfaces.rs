//! The interfaces of the contract that a component exports.

use wasmtime::Store;
use wasmtime::component::{self, InstancePre};

use super::bindings::exports::sluice::transform::{batch, fields, records, rules};
use super::instance::Instance;
use super::state::State;

/// The interfaces by which records can be given to a component.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// Calls per record.
    pub records: bool,
    /// Batch calls: many records in each call.
    pub batch: bool,
    /// Calls by fields: the declared members of many records in each call.
    pub fields: bool,
}

impl Calls {
    /// The names of the interfaces, in the order in which the host prefers them.
    #[must_use]
    pub fn names(self) -> Vec<&'static str> {
        let all = [
            (self.fields, "fields"),
            (self.batch, "batch"),
            (self.records, "records"),
        ];
        let exported = all.into_iter().filter(|(exported, _)| *exported);
        exported.map(|(_, name)| name).collect()
    }
}

/// Where the contract's interfaces are among a component's exports.
#[derive(Clone)]
pub(super) struct Interfaces {
    rules: rules::GuestIndices,
    records: Option<records::GuestIndices>,
    batch: Option<batch::GuestIndices>,
    fields: Option<fields::GuestIndices>,
}

impl Interfaces {
    /// Finds them in a component.
    ///
    /// # Errors
    /// An interface that `calls` names, or `rules`, has other types than in the contract.
    pub(super) fn new(pre: &InstancePre<State>, calls: Calls) -> wasmtime::Result<Self> {
        let exported = |exported: bool| exported.then_some(pre);
        Ok(Self {
            rules: rules::GuestIndices::new(pre)?,
            records: exported(calls.records)
                .map(records::GuestIndices::new)
                .transpose()?,
            batch: exported(calls.batch)
                .map(batch::GuestIndices::new)
                .transpose()?,
            fields: exported(calls.fields)
                .map(fields::GuestIndices::new)
                .transpose()?,
        })
    }

    /// Finds the functions of an instance of the component.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub(super) fn load(
        &self,
        mut store: Store<State>,
        raw: &component::Instance,
    ) -> wasmtime::Result<Instance> {
        let records = self.records.as_ref();
        let batch = self.batch.as_ref();
        let fields = self.fields.as_ref();
        Ok(Instance {
            rules: self.rules.load(&mut store, raw)?,
            records: records.map(|it| it.load(&mut store, raw)).transpose()?,
            batch: batch.map(|it| it.load(&mut store, raw)).transpose()?,
            fields: fields.map(|it| it.load(&mut store, raw)).transpose()?,
            store,
        })
    }
}
