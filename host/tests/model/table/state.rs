//! The state at one moment: the lake, the table, its lease, and the position of each builder.
//!
//! Attempts and snapshots have numbers from 1 on; 0 is none. Each chunk of the lake has one event at most, so a set of
//! events is one of chunks.

use crate::model::state::Records;

/// An attempt, with what is stored of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Attempt {
    /// The table that it is made for.
    pub(super) table: u8,
    /// The attempt whose watermark it follows.
    pub(super) after: u8,
    /// The last chunk by its watermark.
    pub(super) until: u8,
    /// The events in its files. Their keys are put with them.
    pub(super) events: Records,
    /// Whether its files are put.
    pub(super) is_uploaded: bool,
    /// Whether its watermark document is put.
    pub(super) has_document: bool,
    /// Whether its files are listed for removal.
    pub(super) is_listed: bool,
}

/// A snapshot of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Snapshot {
    pub(super) parent: u8,
    /// The attempt that has made it.
    pub(super) by: u8,
    /// The attempts whose files it has.
    pub(super) files: Records,
    /// The events in files of a compaction.
    pub(super) compacted: Records,
}

/// The table that has the name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Table {
    /// Tells it from a table that had the name before.
    pub(super) uuid: u8,
    /// The attempt that its property names.
    pub(super) attempt: u8,
    /// The current snapshot.
    pub(super) current: u8,
    /// All snapshots by number, the first one at 0; `None` if it has expired.
    pub(super) snapshots: Vec<Option<Snapshot>>,
    /// Whether a person has set it back behind its watermark.
    pub(super) is_rolled_back: bool,
}

/// The document of the lease.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Lease {
    pub(super) owner: Option<usize>,
    /// The attempts that are not settled.
    pub(super) open: Records,
}

/// The stage of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Stage {
    Upload,
    Document,
    /// The present table is read, before each try.
    Look,
    /// A commit on a snapshot of a table.
    Try {
        on: u8,
        base: u8,
    },
    /// The second half of a commit in two parts: the watermark.
    Property,
    Settle,
    /// The attempts that are settled are removed from the lease.
    Forget(Records),
}

/// A builder that works on an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Work {
    pub(super) attempt: u8,
    /// The attempts of the lease, as the builder knows them.
    pub(super) open: Records,
    pub(super) stage: Stage,
    /// The snapshot at its begin. Only a fault uses it, so it is 0 without this.
    pub(super) begun_on: u8,
    /// The attempt of the watermark that decided the result.
    pub(super) present: u8,
    /// Whether a fault has decided that the attempt is void.
    pub(super) is_void: bool,
}

/// The position of a builder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum At {
    Idle,
    /// It has read the table.
    Read {
        table: u8,
        after: u8,
        current: u8,
    },
    /// It has the lease.
    Leased {
        table: u8,
        after: u8,
        current: u8,
        open: Records,
    },
    Work(Work),
}

/// A commit that its builder has given up. It arrives later or never.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct LateCommit {
    pub(super) attempt: u8,
    pub(super) on: u8,
    pub(super) base: u8,
}

/// The whole state.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct State {
    /// The number of chunks that the lake has committed. The next one is pending.
    pub(super) committed: u8,
    pub(super) table: Table,
    pub(super) lease: Lease,
    /// All attempts by number, the first one at 0.
    pub(super) attempts: Vec<Attempt>,
    pub(super) builders: [At; 2],
    /// Sorted.
    pub(super) late: Vec<LateCommit>,
    /// How many more accidents can happen.
    pub(super) faults: u8,
}

/// An attempt or a snapshot as a member of a set.
pub(super) fn one(number: u8) -> Records {
    Records::one(number.into())
}

impl Table {
    pub(super) fn snapshot(&self, number: u8) -> Option<&Snapshot> {
        let place = usize::from(number).checked_sub(1)?;
        self.snapshots.get(place)?.as_ref()
    }

    /// The numbers of the snapshots that have not expired.
    pub(super) fn known(&self) -> impl Iterator<Item = u8> + '_ {
        let all = (1u8..).zip(&self.snapshots);
        all.filter(|(_, snapshot)| snapshot.is_some())
            .map(|(number, _)| number)
    }

    /// The snapshot that an attempt has made, unless it has expired.
    pub(super) fn made_by(&self, attempt: u8) -> Option<u8> {
        let made = |number: &u8| self.snapshot(*number).is_some_and(|it| it.by == attempt);
        self.known().find(made).filter(|_| attempt > 0)
    }

    /// Whether a snapshot is the current one or before it, as far as snapshots have not expired.
    pub(super) fn has_ancestor(&self, wanted: u8) -> bool {
        let mut at = self.current;
        while let Some(snapshot) = self.snapshot(at) {
            if at == wanted {
                return true;
            }
            at = snapshot.parent;
        }
        false
    }

    /// Makes a snapshot the current one.
    pub(super) fn append(&mut self, snapshot: Snapshot) {
        self.snapshots.push(Some(snapshot));
        self.current = u8::try_from(self.snapshots.len()).unwrap();
    }

    /// A snapshot after the current one, with the same files.
    pub(super) fn next(&self) -> Snapshot {
        let empty = Snapshot {
            parent: 0,
            by: 0,
            files: Records(0),
            compacted: Records(0),
        };
        let current = self.snapshot(self.current).copied().unwrap_or(empty);
        Snapshot {
            parent: self.current,
            by: 0,
            ..current
        }
    }
}

impl State {
    pub(super) fn attempt(&self, number: u8) -> Attempt {
        let place = usize::from(number).checked_sub(1);
        place.map_or(Attempt::default(), |place| self.attempts[place])
    }

    pub(super) fn attempt_mut(&mut self, number: u8) -> &mut Attempt {
        &mut self.attempts[usize::from(number) - 1]
    }

    /// An attempt and all before it, by their watermark documents.
    pub(super) fn chain(&self, last: u8) -> Records {
        let mut chain = Records(0);
        let mut at = last;
        while at > 0 {
            chain = chain.and(one(at));
            at = self.attempt(at).after;
        }
        chain
    }

    /// The events in the table.
    pub(super) fn rows(&self) -> Records {
        self.rows_of(self.table.current)
    }

    pub(super) fn rows_of(&self, snapshot: u8) -> Records {
        let Some(snapshot) = self.table.snapshot(snapshot) else {
            return Records(0);
        };
        let files = snapshot.files.iter();
        let files = files.map(|by| self.attempt(u8::try_from(by).unwrap()).events);
        files.fold(snapshot.compacted, Records::and)
    }

    /// The work of a builder.
    pub(super) fn work(&mut self, builder: usize) -> &mut Work {
        match &mut self.builders[builder] {
            At::Work(work) => work,
            other => unreachable!("{other:?} is no work"),
        }
    }

    /// Forgets what can have no effect any more, so that fewer states differ.
    pub(super) fn forget_what_has_no_effect(&mut self) {
        let (uuid, current) = (self.table.uuid, self.table.current);
        // A snapshot becomes the current one again only by a person who rolls the table forward.
        let returns = self.table.is_rolled_back;
        self.late
            .retain(|late| late.on == uuid && (late.base == current || returns));
        self.late.sort_unstable();
        self.late.dedup();
        let live = self.live();
        for (number, attempt) in (1u8..).zip(&mut self.attempts) {
            if live.within(one(number)).is_empty() {
                *attempt = Attempt::default();
            }
        }
        while self
            .attempts
            .last()
            .is_some_and(|it| *it == Attempt::default())
        {
            self.attempts.pop();
        }
    }

    /// The attempts that somebody can still come upon.
    fn live(&self) -> Records {
        let mut live = self.chain(self.table.attempt).and(self.lease.open);
        for snapshot in self.table.snapshots.iter().flatten() {
            live = live.and(snapshot.files).and(one(snapshot.by));
        }
        for builder in &self.builders {
            live = match builder {
                At::Idle => live,
                At::Read { after, .. } => live.and(self.chain(*after)),
                At::Leased { after, open, .. } => live.and(*open).and(self.chain(*after)),
                At::Work(work) => live
                    .and(work.open)
                    .and(self.chain(work.attempt))
                    .and(self.chain(work.present)),
            };
        }
        self.late
            .iter()
            .fold(live, |live, late| live.and(one(late.attempt)))
    }
}
