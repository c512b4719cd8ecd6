//! The state at one moment: the ledgers, the lake, the bus, and the position of each host. Ledgers,
//! objects and chunk manifests are numbers of a [`Library`](super::library::Library).

use std::fmt;

/// The number of a ledger document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Doc(pub(super) u16);

/// The number of an object with its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Obj(pub(super) u16);

/// The number of a chunk manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct ManifestNumber(pub(super) u16);

/// A set of records. Sequence numbers begin with 1, across all shards, and end with 7. A record of the source can hold
/// two records: the number of the second one is larger by [`SECOND`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Records(pub(super) u16);

/// The difference between the numbers of the two records in a record of the source.
const SECOND: u64 = 8;

/// The record of the source that has this record, and its place there.
pub(super) fn in_source(record: u64) -> (u64, u64) {
    (record % SECOND, record / SECOND)
}

impl Records {
    pub(super) fn range(first: u64, last: u64) -> Self {
        (first..=last).fold(Self(0), |set, record| set.and(Self::one(record)))
    }

    pub(super) fn one(record: u64) -> Self {
        Self(1 << record)
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(super) fn within(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(super) fn has_all(self, other: Self) -> bool {
        other.without(self).is_empty()
    }

    /// What these records of the source hold, by a decoding: one record each, or two.
    pub(super) fn decoded(self, decoding: u8) -> Self {
        match decoding {
            0 => self,
            _ => Self(self.0 | (self.0 << SECOND)),
        }
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) fn iter(self) -> impl DoubleEndedIterator<Item = u64> {
        (0..16).filter(move |record| self.0 & (1 << record) != 0)
    }

    pub(super) fn count(self) -> u64 {
        self.0.count_ones().into()
    }

    /// Its first record; 0 if it is empty.
    pub(super) fn first(self) -> u64 {
        self.iter().next().unwrap_or(0)
    }

    /// Its last record; 0 if it is empty.
    pub(super) fn last(self) -> u64 {
        self.iter().next_back().unwrap_or(0)
    }
}

impl fmt::Display for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digit = |record| match in_source(record) {
            (record, 0) => record.to_string(),
            (record, _) => format!("{record}'"),
        };
        let digits: String = self.iter().map(digit).collect();
        f.write_str(if digits.is_empty() { "-" } else { &digits })
    }
}

/// A ledger as a host knows it, and the version that its next write requires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Known {
    pub(super) ledger: Doc,
    pub(super) etag: Option<Doc>,
}

/// Steps of a ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Move {
    Take,
    Renew,
    Pin,
    /// Notes how many messages the bus has.
    Note,
    Commit,
    Finish,
    GiveBack,
}

/// A write of a ledger in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Write {
    pub(super) what: Move,
    pub(super) next: Doc,
    pub(super) seen: Option<Doc>,
    /// The store has rejected it, and the host has not read the ledger yet.
    pub(super) rejected: bool,
}

/// A chunk in progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Plan {
    /// The records of the source.
    pub(super) records: Records,
    pub(super) release: u8,
    /// How they are decoded: each of them holds one record, or two.
    pub(super) decoding: u8,
    /// The schema of its objects, if they have columns.
    pub(super) schema: Option<u8>,
    /// The archive of its records, if it has one.
    pub(super) archive: Option<u8>,
    /// The bus of its messages.
    pub(super) bus: u8,
    /// How its messages are made, if they are sent one by one: of one record each, or of two.
    pub(super) packing: u8,
    /// The messages that the host knows the bus to have, if they are sent one by one.
    pub(super) acknowledged: Records,
    /// The records that ran out of time.
    pub(super) timed_out: Records,
    /// Whether it is a repetition.
    pub(super) again: bool,
    /// Its stage.
    pub(super) stage: u8,
    /// Which of its objects are put, one bit each.
    pub(super) put: u8,
}

/// A host that works on a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Work {
    pub(super) shard: u8,
    pub(super) known: Known,
    /// Records that are not read yet.
    pub(super) unread: Records,
    pub(super) plan: Option<Plan>,
    pub(super) write: Option<Write>,
    /// The batch of a function.
    pub(super) batch: Records,
}

/// The position of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum At {
    /// Between two shards or two batches. A function keeps the ledger that it knows.
    Idle(Option<Known>),
    /// It has seen a shard that it can acquire.
    Found { shard: u8, seen: Option<Doc> },
    /// It works on a shard.
    Work(Work),
}

/// The name of a process in leases. A process that replaces another has a name of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Process {
    pub(super) host: usize,
    pub(super) life: u8,
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", ["a", "b"][self.host], self.life)
    }
}

/// A process and its replacements after kills.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Host {
    pub(super) life: u8,
    pub(super) at: At,
}

/// A request that its host has given up. It arrives later or never.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Late {
    Write {
        shard: u8,
        by: Process,
        write: Write,
    },
    Put(Obj),
    Manifest(ManifestNumber),
    Archived(Archived),
}

/// An object of an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Archived {
    pub(super) archive: u8,
    pub(super) chunk: Records,
    /// The last record of the chunk before.
    pub(super) after: Option<u64>,
}

/// The whole state.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct State {
    pub(super) ledgers: [Option<Doc>; 2],
    /// Sorted.
    pub(super) lake: Vec<Obj>,
    /// Sorted.
    pub(super) manifests: Vec<ManifestNumber>,
    /// The messages that each bus has.
    pub(super) buses: [Records; 2],
    /// The bus of the settings.
    pub(super) bus: u8,
    /// How the program makes messages.
    pub(super) packing: u8,
    /// The releases that the lake has, one bit each.
    pub(super) kept: u8,
    pub(super) active: u8,
    /// How the settings say that records are decoded.
    pub(super) decoding: u8,
    /// The schemas that the lake has, one bit each.
    pub(super) schemas: u8,
    /// The schema of the settings.
    pub(super) schema: u8,
    /// What the archives have. Sorted.
    pub(super) archived: Vec<Archived>,
    /// The archive of the settings.
    pub(super) archive: u8,
    pub(super) hosts: [Host; 2],
    /// Sorted.
    pub(super) late: Vec<Late>,
    /// How many more accidents can happen.
    pub(super) faults: u8,
    /// The records that the mapping considers done.
    pub(super) acknowledged: Records,
    /// The records that the mapping has discarded.
    pub(super) discarded: Records,
}
