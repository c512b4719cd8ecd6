//! What a chunk becomes: its objects, their keys, quarantine lines and notifications. Everything here is
//! pure: no client, no clock, no file.

pub mod chunk;
pub mod object_key;
pub mod object_notification;
pub mod quarantine;

use sluice_engine::digest::Digest;
use sluice_engine::outcome::ReasonCode;
use sluice_engine::partition::PartitionPath;

use crate::format::Format;
use crate::layout::object_key::Origin;

/// The destination of a line of a chunk. Each destination is one object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Destination {
    /// Events of a partition of the lake.
    Lake(PartitionPath),
    /// Quarantined records of one reason.
    Quarantine(ReasonCode),
}

/// An encoded object to put.
#[derive(Debug)]
pub struct Object {
    /// Its key in the lake.
    pub key: String,
    /// Its encoded bytes.
    pub body: Vec<u8>,
    /// The format of these bytes.
    pub format: Format,
    /// The digest of its content before compression, if the lake stores one.
    pub digest: Option<Digest>,
    /// The number of its lines.
    pub lines: u64,
    /// The chunk and the release that it comes from.
    pub origin: Origin,
}
