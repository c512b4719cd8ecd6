//! Faults that are added to the model of redrives, to show that it finds them.

/// A fault of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bug {
    /// A range is pinned before its objects are claimed.
    PinBeforeClaim,
    /// The claims of a redrive are removed when it is finished.
    ClaimsRemoved,
    /// A claim replaces the claim of another redrive.
    ClaimOverwrites,
    /// Objects are redriven whoever has claimed them.
    ClaimIgnored,
    /// A claim belongs to the process that put it, not to its redrive.
    ClaimOfProcess,
    /// A claim that exists is taken for that of another redrive, although the answer to the own one was lost.
    OwnClaimNotRead,
    /// A range continues behind an object that was left out because it could not be read, and when the range is repeated,
    /// the object is claimed.
    RepeatClaimsAnew,
    /// A range continues behind an object that was left out because it could not be read.
    RangeAcrossUnreadable,
    /// An object that cannot be read is left out although the redrive has claimed it.
    OwnObjectSkipped,
    /// Ordinals count the records of the objects that the redrive can have, not those of its list.
    OrdinalsOfWhatIsLeft,
    /// An object is read without a comparison with its digest.
    NoDigestCheck,
    /// A document replaces the one that another process has put.
    DocumentOverwritten,
    /// A process goes on with the list that it has made, whatever document is there.
    DocumentNotRead,
    /// Objects are listed before their chunk is committed.
    UncommittedListed,
    /// A pending range is repeated by the rules that the process was started with.
    RulesChosenAgain,
    /// A fenced-out process continues with the ledger that it finds.
    NoFenceCheck,
    /// A chunk is committed before its manifest is put.
    CommitBeforeManifest,
    /// A redrive is finished when all of its list is read.
    FinishedWhenRead,
}
