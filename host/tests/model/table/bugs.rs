//! Faults that are added to the model of the table, to show that it finds them.

/// A fault of a builder or of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bug {
    /// If nothing but the watermark moves, it is committed alone. Such a commit requires no snapshot.
    PropertiesAlone,
    /// The watermark is committed before the files.
    WatermarkBeforeFiles,
    /// The watermark is committed after the files.
    WatermarkAfterFiles,
    /// Files are put after the commit that names them.
    CommitBeforeUpload,
    /// The watermark document is put after the commit that names it.
    CommitBeforeDocument,
    /// After a conflict, the commit is tried on the present snapshot, whatever its watermark is.
    RetryWithoutLook,
    /// The same, after an answer was lost.
    LostAnswerRetried,
    /// A commit is built on whatever snapshot the catalog has by then.
    BlindRebase,
    /// An attempt whose commit conflicts is void.
    ConflictIsVoid,
    /// An attempt whose commit conflicts has succeeded.
    ConflictIsSuccess,
    /// An attempt is void if the snapshot is another one than at its begin.
    VoidBySnapshot,
    /// The files of an attempt that could still be committed are listed for removal.
    SettleListsOpen,
    /// The files of committed attempts are listed for removal.
    SettleListsCommitted,
    /// Of the committed attempts, only the last one and those whose snapshots have not expired are known.
    SettleForgetsOlder,
    /// Nobody checks whether the table was rolled back.
    NoRollbackCheck,
    /// If the snapshot of the last commit has expired, the table is taken for rolled back.
    ExpiredIsRollback,
    /// An attempt is tried on whatever table has the name.
    NotBoundToTable,
    /// Chunks are read that are pinned and not committed.
    PendingRead,
    /// The keys of attempts that were never committed count too.
    KeysOfVoidAttempts,
    /// The keys of the last commit do not count, as if another builder had made it.
    KeysWithoutTheLast,
    /// Only the keys of the last commit count.
    KeysOfTheLastOnly,
    /// The world: the last commit expires after the table was rolled back.
    ExpiryAfterRollback,
    /// The world: the table is rolled back to a snapshot on which a builder commits at the same moment.
    RollbackUnderCommit,
}
