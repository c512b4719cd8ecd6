//! The state at one moment: what is quarantined, the documents and ledgers of the redrives, the lake, and the position
//! of each process. Lists, quarantine objects and the rest are numbers of a [`Library`](super::library::Library).

use std::fmt;

use crate::model::state::{Doc, Records};

/// The number of a quarantine object: those of the run first, then those of redrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Source(pub(super) u16);

/// The number of a list of quarantine objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct List(pub(super) u16);

/// The number of the lines that a chunk is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Lines(pub(super) u16);

/// The number of an object that a redrive has put, with its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Outcome(pub(super) u16);

/// The number of a chunk manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct ManifestNumber(pub(super) u16);

/// A claim: a redrive has an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Claim {
    pub(super) source: Source,
    pub(super) redrive: u8,
    /// The process that has put it. Only a fault uses it, so it is the first one without this.
    pub(super) by: Process,
}

/// Steps of a ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Move {
    Take,
    Pin,
    Commit,
    Finish,
}

/// A write of a ledger in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Write {
    pub(super) what: Move,
    pub(super) next: Doc,
    pub(super) seen: Option<Doc>,
    /// The lines of the range that is pinned.
    pub(super) lines: Option<Lines>,
}

/// A chunk in progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Plan {
    /// Its ordinals.
    pub(super) ordinals: Records,
    pub(super) lines: Lines,
    pub(super) release: u8,
    /// Whether it is a repetition.
    pub(super) again: bool,
    pub(super) stage: u8,
    /// How many of its objects are put.
    pub(super) put: u8,
}

/// A process that works on a redrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Work {
    pub(super) redrive: u8,
    /// The list, as the process knows it.
    pub(super) list: List,
    pub(super) known: Doc,
    pub(super) etag: Option<Doc>,
    pub(super) write: Option<Write>,
    /// The first ordinal that was neither read nor left out.
    pub(super) next: u64,
    /// Whether the next object was read and compared with its digest, and is to be claimed.
    pub(super) is_checked: bool,
    /// Ordinals that were read and are in no chunk yet.
    pub(super) buffer: Records,
    /// Those of them that were read from a damaged object.
    pub(super) damaged: Records,
    /// Ordinals that were left out because their object could not be read.
    pub(super) unread: Records,
    pub(super) plan: Option<Plan>,
}

/// The position of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum At {
    Idle,
    /// It has listed what is quarantined, and puts the document.
    Listed {
        redrive: u8,
        list: List,
    },
    /// It has read the document and the ledger.
    Found {
        redrive: u8,
        list: List,
        seen: Option<Doc>,
    },
    Work(Work),
}

/// The name of a process in leases. A process that replaces another has a name of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
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

/// A request that its process has given up. It arrives later or never.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Late {
    Document {
        redrive: u8,
        list: List,
    },
    Claim(Claim),
    Write {
        redrive: u8,
        by: Process,
        write: Write,
    },
}

/// The whole state.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct State {
    /// How many of the run's quarantine objects are committed.
    pub(super) quarantined: u16,
    /// The objects that cannot be read now. Sorted.
    pub(super) unreadable: Vec<Source>,
    pub(super) documents: [Option<List>; 2],
    /// Sorted.
    pub(super) claims: Vec<Claim>,
    pub(super) ledgers: [Option<Doc>; 2],
    /// What the pending range of each redrive was read as when it was pinned first.
    pub(super) pinned: [Option<Lines>; 2],
    /// The objects that a process of a redrive has left out because they could not be read, sorted. No process knows
    /// this: it says what may be missing at the end.
    pub(super) left_out: Vec<(u8, Source)>,
    /// Sorted.
    pub(super) lake: Vec<Outcome>,
    /// Sorted.
    pub(super) manifests: Vec<ManifestNumber>,
    pub(super) hosts: [Host; 2],
    /// Sorted.
    pub(super) late: Vec<Late>,
    /// How many more accidents can happen.
    pub(super) faults: u8,
}

impl State {
    /// The work of a host.
    pub(super) fn work(&mut self, host: usize) -> &mut Work {
        match &mut self.hosts[host].at {
            At::Work(work) => work,
            other => unreachable!("{other:?} is no work"),
        }
    }

    /// The claim of an object.
    pub(super) fn claim(&self, source: Source) -> Option<Claim> {
        let mut claims = self.claims.iter();
        claims.find(|claim| claim.source == source).copied()
    }

    /// Whether a redrive has claimed an object.
    pub(super) fn has_claimed(&self, redrive: u8, source: Source) -> bool {
        let claim = self.claim(source);
        claim.is_some_and(|claim| claim.redrive == redrive)
    }

    pub(super) fn is_readable(&self, source: Source) -> bool {
        !self.unreadable.contains(&source)
    }

    /// Puts a claim, unless the object has one.
    pub(super) fn put_claim(&mut self, claim: Claim) {
        if self.claim(claim.source).is_none() {
            self.claims.push(claim);
            self.claims.sort_unstable();
        }
    }

    /// Forgets requests that can have no effect any more, so that fewer states differ.
    pub(super) fn forget_what_comes_too_late(&mut self) {
        let Self {
            ledgers,
            documents,
            claims,
            late,
            ..
        } = self;
        late.retain(|late| match late {
            Late::Document { redrive, .. } => documents[usize::from(*redrive)].is_none(),
            Late::Claim(new) => !claims.iter().any(|claim| claim.source == new.source),
            Late::Write { redrive, write, .. } => write.seen == ledgers[usize::from(*redrive)],
        });
        late.sort_unstable();
        late.dedup();
    }
}
