//! The archive of a chunk's records: how a host puts them, and what they promise. A manifest names the object of its
//! archive, and a chunk is committed with a manifest of its pins only. So a committed chunk has its object.

use super::Delivery;
use super::library::{archive_of, records};
use super::manifests::last;
use super::promises::{Broken, ensure};
use super::state::{Archived, Late, Plan, Records, State, Work};
use super::steps::{FAULT, FREE, Steps};

impl Steps<'_> {
    /// Puts the records of a chunk into its archive. The put can be delayed, and is then sent again.
    pub(super) fn put_into_archive(&mut self, host: usize, work: Work, plan: Plan) {
        let (model, name) = (self.model, self.name(host));
        let Some(archive) = plan.archive else {
            unreachable!("the stage is of chunks with an archive");
        };
        let archived = Archived {
            archive,
            chunk: plan.records,
            after: last(&model.library.ledger(work.known.ledger)),
        };
        let what = format_args!("{name} archives {} in {archive}", plan.records);
        self.add(what, FREE, |to| {
            model.put_archived(to, archived)?;
            to.work(host).advance(model);
            Ok(())
        });
        let what = format_args!(
            "{name} archives {} in {archive}, which is held up",
            plan.records
        );
        self.add(what, FAULT, |to| {
            to.late.push(Late::Archived(archived));
            Ok(())
        });
    }
}

impl Delivery {
    /// Puts an object into an archive, unless there is one with its name.
    pub(super) fn put_archived(&self, state: &mut State, new: Archived) -> Result<(), Broken> {
        let mut ledgers = state.ledgers.iter().flatten();
        let is_pinned = ledgers.all(|doc| {
            let ledger = self.library.ledger(*doc);
            let mut pending = ledger.pending().into_iter();
            pending.all(|chunk| {
                records(chunk.range) != new.chunk || archive_of(chunk) == Some(new.archive)
            })
        });
        ensure(is_pinned, Broken::OtherArchive)?;
        for there in &state.archived {
            if (there.archive, there.chunk) == (new.archive, new.chunk) {
                return ensure(*there == new, Broken::OtherContent);
            }
            ensure(
                there.chunk.within(new.chunk).is_empty(),
                Broken::OtherArchive,
            )?;
        }
        state.archived.push(new);
        state.archived.sort_unstable();
        Ok(())
    }
}

impl State {
    /// Whether the records of a chunk are in an archive. A chunk without one needs none.
    pub(super) fn has_archived(&self, archive: Option<u8>, chunk: Records) -> bool {
        archive.is_none_or(|archive| {
            let mut archived = self.archived.iter();
            archived.any(|there| (there.archive, there.chunk) == (archive, chunk))
        })
    }
}
