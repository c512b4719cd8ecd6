//! Redrives: what a lake keeps of records that are taken out of quarantine again.
//!
//! ```text
//! _sluice/redrives/<id>.json                               the list of a redrive, which never changes
//! _sluice/redrives/claims/reason=<code>/<object>.json      the redrive that an object of quarantine belongs to
//! ```
//!
//! A redrive is a shard of its own with a ledger of its own. The sequence numbers of that shard are ordinals: the place of
//! a record in the list.

mod claim;
mod document;
mod landed;
mod names;
mod store;

pub use self::claim::Claim;
pub use self::document::{RedriveDocument, RedriveError, RedriveId, RedriveObject, RedriveRequest};
pub use self::landed::LandedChunks;
pub use self::names::{CLAIMS, LISTS, claim_key};
pub use self::store::{CLAIM_MAX_BYTES, Claimed, RedriveStore, RedriveStoreError, StoredRedrives};
