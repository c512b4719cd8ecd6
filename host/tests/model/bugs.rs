//! Faults that are put into the hosts of the model, to see that it would find them.

/// What a host, or the store, does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bug {
    /// A chunk is committed before its objects are put.
    CommitBeforePut,
    /// A chunk is committed before its messages are sent.
    CommitBeforeSend,
    /// Messages are sent before the objects that they may point to.
    SendBeforePut,
    /// Objects are put before the chunk is pinned.
    PutBeforePin,
    /// A chunk is pinned before its release is kept in the lake.
    PinBeforeKeep,
    /// A worker that was fenced out goes on with the ledger as it finds it.
    NoFenceCheck,
    /// A commit overwrites whatever the ledger is.
    CommitWithoutCondition,
    /// Taking a shard overwrites whatever the ledger is.
    TakeWithoutCondition,
    /// The rules give other bytes when a chunk is repeated.
    ChanceInRules,
    /// The same, and objects are put over those that are there.
    PutWithoutCondition,
    /// The names of objects lack the range.
    KeyWithoutRange,
    /// The range that is pinned and committed ends one record behind what is written.
    RangeTooLong,
    /// A chunk is repeated by the release that serves by then.
    ReleaseChosenAgain,
    /// The same, and a repetition is not pinned.
    ReplayNotPinned,
    /// A repetition may find other records out of time than the first attempt.
    TimedOutRetried,
    /// A child is begun while its parent has records left.
    ChildBeforeParent,
    /// A function does not look for records between what is committed and its batch.
    GapUnnoticed,
    /// A function tells the mapping that its whole batch is done, whatever it committed.
    AcknowledgedEarly,
}
