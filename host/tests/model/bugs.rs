//! Faults that are added to the hosts of the model, to show that it finds them.

use super::promises::Broken;
use super::{Changes, Mode};

use Mode::{Functions, Workers};

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
    /// A host notes all messages that are under way as accepted by the bus.
    NotedUnacknowledged,
    /// A host notes how many messages the bus has accepted, although one before them is missing.
    NotedWithGap,
    /// What is noted of a chunk's messages is kept when the next chunk is pinned.
    SentKept,
    /// A repetition skips messages that another bus has, and notes none of its own.
    SkippedOnAnotherBus,
    /// A repetition that makes other messages skips as many of them as another program has noted of its own.
    SkippedOfOthers,
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

impl Bug {
    /// The shards of the search that finds it.
    pub(super) fn shards(self) -> &'static [u64] {
        match self {
            Self::ChildBeforeParent => &[1, 1],
            Self::ReleaseChosenAgain
            | Self::DecodedAgain
            | Self::SchemaChosenAgain
            | Self::ArchiveChosenAgain => &[1],
            Self::NotedUnacknowledged
            | Self::NotedWithGap
            | Self::SentKept
            | Self::SkippedOnAnotherBus
            | Self::SkippedOfOthers => &[2],
            _ => &[3],
        }
    }

    /// What can change in that search.
    pub(super) fn changes(self) -> Changes {
        match self {
            Self::DecodedAgain | Self::DecodedAgainNotPinned | Self::RecordDivided => {
                Changes::Decoding
            }
            Self::PinBeforeSchema
            | Self::SchemaOverwritten
            | Self::SchemaChosenAgain
            | Self::SchemaChosenAgainNotPinned => Changes::Schema,
            Self::ManifestBeforeArchive
            | Self::ArchiveChosenAgain
            | Self::ArchiveChosenAgainNotPinned => Changes::Archive,
            Self::NotedUnacknowledged
            | Self::NotedWithGap
            | Self::SentKept
            | Self::SkippedOnAnotherBus => Changes::Bus,
            Self::SkippedOfOthers => Changes::Packing,
            _ => Changes::Release,
        }
    }
}

/// Each seeded fault, the hosts that have it, and the promise that it breaks first.
pub(super) const SEEDED: [(Bug, Mode, Broken); 44] = [
    (Bug::CommitBeforePut, Workers, Broken::CommittedEarly),
    (Bug::CommitBeforeSend, Workers, Broken::CommittedEarly),
    (
        Bug::CommitBeforeManifest,
        Workers,
        Broken::CommittedWithoutManifest,
    ),
    (Bug::SendBeforePut, Workers, Broken::MessageBeforeObject),
    (
        Bug::ManifestBeforePut,
        Workers,
        Broken::ManifestBeforeObject,
    ),
    (Bug::PredecessorReadAgain, Workers, Broken::OtherContent),
    (
        Bug::PredecessorForgotten,
        Workers,
        Broken::ManifestOutOfTurn,
    ),
    (Bug::PutBeforePin, Workers, Broken::TwoChunks),
    (Bug::PinBeforeKeep, Workers, Broken::ReleaseNotKept),
    (Bug::NoFenceCheck, Workers, Broken::StaleWriter),
    (Bug::NoFenceCheck, Functions, Broken::StaleWriter),
    (Bug::CommitWithoutCondition, Workers, Broken::StaleWriter),
    (Bug::TakeWithoutCondition, Workers, Broken::StaleWriter),
    (Bug::ChanceInRules, Workers, Broken::OtherContent),
    (Bug::PutWithoutCondition, Workers, Broken::Overwritten),
    (Bug::KeyWithoutRange, Workers, Broken::OtherContent),
    (Bug::RangeTooLong, Functions, Broken::CommittedEarly),
    (Bug::ReleaseChosenAgain, Workers, Broken::Stuck),
    (Bug::ReplayNotPinned, Workers, Broken::TwoChunks),
    (Bug::DecodedAgain, Workers, Broken::Stuck),
    (Bug::DecodedAgainNotPinned, Workers, Broken::TwoChunks),
    (Bug::DecodedAgainNotPinned, Functions, Broken::TwoChunks),
    (Bug::PinBeforeSchema, Workers, Broken::SchemaNotKept),
    (Bug::SchemaOverwritten, Workers, Broken::SchemaNotKept),
    (Bug::SchemaChosenAgain, Workers, Broken::Stuck),
    (
        Bug::SchemaChosenAgainNotPinned,
        Workers,
        Broken::OtherSchema,
    ),
    (
        Bug::SchemaChosenAgainNotPinned,
        Functions,
        Broken::OtherSchema,
    ),
    (
        Bug::ManifestBeforeArchive,
        Workers,
        Broken::ManifestBeforeObject,
    ),
    (Bug::ArchiveChosenAgain, Workers, Broken::Stuck),
    (
        Bug::ArchiveChosenAgainNotPinned,
        Workers,
        Broken::OtherArchive,
    ),
    (
        Bug::ArchiveChosenAgainNotPinned,
        Functions,
        Broken::OtherArchive,
    ),
    (Bug::NotedUnacknowledged, Workers, Broken::NotedTooEarly),
    (Bug::NotedUnacknowledged, Functions, Broken::NotedTooEarly),
    (Bug::NotedWithGap, Workers, Broken::NotedTooEarly),
    (Bug::SentKept, Workers, Broken::NotedTooEarly),
    (Bug::SkippedOnAnotherBus, Workers, Broken::CommittedEarly),
    (Bug::SkippedOnAnotherBus, Functions, Broken::CommittedEarly),
    (Bug::SkippedOfOthers, Workers, Broken::CommittedEarly),
    (Bug::SkippedOfOthers, Functions, Broken::CommittedEarly),
    (Bug::RecordDivided, Workers, Broken::CommittedEarly),
    (Bug::TimedOutRetried, Workers, Broken::TwoOutcomes),
    (Bug::ChildBeforeParent, Workers, Broken::ChildBeforeParent),
    (Bug::GapUnnoticed, Functions, Broken::RangeOutOfTurn),
    (Bug::AcknowledgedEarly, Functions, Broken::AcknowledgedEarly),
];
