//! Faults that are added to the hosts of the model, to show that it finds them.

/// A fault of a host or of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bug {
    /// A chunk is committed before its objects are put.
    CommitBeforePut,
    /// A chunk is committed before its messages are sent.
    CommitBeforeSend,
    /// A chunk is committed before its manifest is put.
    CommitBeforeManifest,
    /// Messages are sent before the objects that they may point to.
    SendBeforePut,
    /// A manifest is put before the objects that it names.
    ManifestBeforePut,
    /// A manifest follows the last record of the ledger that the store has when the manifest is put, not of
    /// the ledger that the host knows.
    PredecessorReadAgain,
    /// A host knows the chunk before from its memory, so a repetition does not know it.
    PredecessorForgotten,
    /// Objects are put before the chunk is pinned.
    PutBeforePin,
    /// A chunk is pinned before its release is stored in the lake.
    PinBeforeKeep,
    /// A fenced-out worker continues with the ledger that it finds.
    NoFenceCheck,
    /// A commit overwrites any ledger.
    CommitWithoutCondition,
    /// Acquiring a shard overwrites any ledger.
    TakeWithoutCondition,
    /// The rules give other bytes when a chunk is repeated.
    ChanceInRules,
    /// The same, and objects are overwritten.
    PutWithoutCondition,
    /// The names of objects lack the range.
    KeyWithoutRange,
    /// The range that is pinned and committed ends one record before what is written.
    RangeTooLong,
    /// A chunk is repeated by the release that is active then.
    ReleaseChosenAgain,
    /// The same, and the repetition is not pinned.
    ReplayNotPinned,
    /// A chunk is repeated by the decoding of the settings, not by the one that it pinned.
    DecodedAgain,
    /// The same, and the repetition is not pinned.
    DecodedAgainNotPinned,
    /// A chunk is pinned before its schema is stored in the lake.
    PinBeforeSchema,
    /// All schemas are stored under one name, so the next one replaces the one before.
    SchemaOverwritten,
    /// A chunk is repeated with the schema of the settings, not with the one that it pinned.
    SchemaChosenAgain,
    /// The same, and the repetition is not pinned.
    SchemaChosenAgainNotPinned,
    /// A manifest is put before the records are in the archive that it names.
    ManifestBeforeArchive,
    /// The records of a repeated chunk are put into the archive of the settings, not into the one that it pinned.
    ArchiveChosenAgain,
    /// The same, and the repetition is not pinned.
    ArchiveChosenAgainNotPinned,
    /// A chunk ends between two records of one record of the source.
    RecordDivided,
    /// In a repetition, other records can run out of time than in the first attempt.
    TimedOutRetried,
    /// A child shard is started while its parent has records left.
    ChildBeforeParent,
    /// A function does not check for records between the last committed one and its batch.
    GapUnnoticed,
    /// A function reports its whole batch as done, whatever it has committed.
    AcknowledgedEarly,
}
