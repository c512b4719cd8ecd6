//! The values of the log field `event`. Alarms search for them, so they do not change with the message.
//! `docs/operate.md` says what to do about each.

/// An object exists with different content. Its shard stops until an operator resolves this.
pub const CONTENT_MISMATCH: &str = "content_mismatch";

/// A worker could not land a chunk; it retries the shard after a backoff.
pub const SHARD_STOPPED: &str = "shard_stopped";

/// Records of a stream may have been lost before they were landed.
pub const LOST_RANGE: &str = "lost_range";

/// A function could not land all of a Lambda batch; Lambda retries the rest.
pub const BATCH_UNCOMMITTED: &str = "batch_uncommitted";

/// A release failed admission; the active release stays.
pub const RELEASE_ADMISSION_ERROR: &str = "release_admission_error";

/// A release exceeds its rollback policy and is rolled back.
pub const RELEASE_ROLLBACK: &str = "release_rollback";

/// The registry, or a release in it, cannot be read or written; the active release stays.
pub const REGISTRY_FAILURE: &str = "registry_failure";

/// A builder cannot go on with its table. It tries again after a pause, unless a person has to decide first.
pub const TABLE_STOPPED: &str = "table_stopped";

/// Events drift from the schema of Parquet: said once for each type of events, path and kind of drift.
pub const SCHEMA_DRIFT: &str = "schema_drift";
