//! Promises, which are checked whenever the table is changed or a file is listed for removal.

use super::TableModel;
use super::bugs::Bug;
use super::state::{LateCommit, State, one};
use crate::model::state::Records;

/// A broken promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// An event is in the table twice.
    EventTwice,
    /// An event below the watermark is not in the table, and none with its key is.
    EventMissing,
    /// A key is in the table twice.
    KeyTwice,
    /// An event is in the table that the lake has not committed.
    NotCommitted,
    /// A file of the table is listed for removal.
    ListedFile,
    /// A commit names a file that is not there.
    FileMissing,
    /// The table names a watermark document that is not there.
    DocumentMissing,
    /// An attempt was committed to another table than the one that it was made for.
    OtherTable,
    /// Something was committed after the table was rolled back, before a person has decided.
    CommittedAfterRollback,
    /// Without further accidents, the table does not get all events.
    Stuck,
}

fn ensure(holds: bool, otherwise: Broken) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(otherwise) }
}

/// What a commit changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    All,
    Files,
    Watermark,
}

impl TableModel {
    /// The events of the chunks of the lake after one, up to another.
    pub(super) fn events(&self, after: u8, until: u8) -> Records {
        Records::range(u64::from(after) + 1, until.into()).without(self.empty)
    }

    /// Whether the catalog takes a commit.
    pub(super) fn takes(&self, state: &State, commit: LateCommit) -> bool {
        let has_events = !state.attempt(commit.attempt).events.is_empty();
        let requires_nothing = self.has(Bug::PropertiesAlone) && !has_events;
        let is_base = commit.base == state.table.current;
        let any_base = self.has(Bug::BlindRebase) || requires_nothing;
        commit.on == state.table.uuid && (is_base || any_base)
    }

    /// Changes the table by a commit of an attempt.
    pub(super) fn commit(&self, state: &mut State, id: u8, part: Part) -> Result<(), Broken> {
        let attempt = state.attempt(id);
        ensure(attempt.table == state.table.uuid, Broken::OtherTable)?;
        ensure(!state.table.is_rolled_back, Broken::CommittedAfterRollback)?;
        // An attempt that has only duplicates makes a snapshot without new files.
        let is_append = !attempt.events.is_empty() || !self.has(Bug::PropertiesAlone);
        if part != Part::Watermark && is_append {
            ensure(attempt.is_uploaded, Broken::FileMissing)?;
            ensure(!attempt.is_listed, Broken::ListedFile)?;
            let twice = state.rows().within(attempt.events);
            ensure(twice.is_empty(), Broken::EventTwice)?;
            let mut next = state.table.next();
            next.by = id;
            next.files = next.files.and(one(id));
            state.table.append(next);
        }
        if part != Part::Files {
            ensure(attempt.has_document, Broken::DocumentMissing)?;
            state.table.attempt = id;
        }
        self.check_rows(state)
    }

    fn check_rows(&self, state: &State) -> Result<(), Broken> {
        let rows = state.rows();
        let committed = self.events(0, state.committed);
        ensure(committed.has_all(rows), Broken::NotCommitted)?;
        ensure(rows.within(self.same).count() <= 1, Broken::KeyTwice)?;
        ensure(
            self.covered(rows).has_all(self.below_watermark(state)),
            Broken::EventMissing,
        )
    }

    /// Rows, and the events that need none because a row has their key.
    pub(super) fn covered(&self, rows: Records) -> Records {
        match rows.within(self.same).is_empty() {
            true => rows,
            false => rows.and(self.same),
        }
    }

    /// The events up to a chunk that become rows after an attempt: those that are no duplicates of what committed attempts
    /// have left, or of each other.
    pub(super) fn kept(&self, state: &State, after: u8, until: u8) -> Records {
        let new = self.events(state.attempt(after).until, until);
        let same = new.within(self.same);
        let known = match self.bug {
            Some(Bug::KeysOfVoidAttempts) => Records::range(1, state.attempts.len() as u64),
            Some(Bug::KeysWithoutTheLast) => state.chain(state.attempt(after).after),
            Some(Bug::KeysOfTheLastOnly) if after > 0 => one(after),
            _ => state.chain(after),
        };
        let mut known = Self::numbers(known).map(|id| state.attempt(id));
        let has_key = known.any(|it| it.is_uploaded && !it.events.within(self.same).is_empty());
        match has_key || same.is_empty() {
            true => new.without(same),
            false => new.without(same).and(Records::one(same.first())),
        }
    }

    /// The events that the table has by its watermark.
    pub(super) fn below_watermark(&self, state: &State) -> Records {
        self.events(0, state.attempt(state.table.attempt).until)
    }

    /// Lists the files of an attempt for removal.
    pub(super) fn list(&self, state: &mut State, id: u8) -> Result<(), Broken> {
        if !state.attempt(id).is_uploaded {
            return Ok(());
        }
        state.attempt_mut(id).is_listed = true;
        let mut snapshots = state.table.snapshots.iter().flatten();
        let is_used = snapshots.any(|snapshot| snapshot.files.has_all(one(id)));
        ensure(!is_used, Broken::ListedFile)
    }
}
