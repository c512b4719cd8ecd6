//! A shard of a Kinesis stream.
//!
//! - *position*: the last committed sequence number; reading resumes after it
//! - *tip*: the newest record of a shard, for now
//! - *closed*: a shard that was split or merged; it ends, and its children begin where it did

pub mod api;
pub mod description;
mod errors;
pub mod packer;
pub mod reader;
pub mod sample;
mod shard_id;
mod stream_address;

use std::time::Duration;

pub use self::api::{KinesisError, ShardInfo, Stream};
pub use self::description::StreamDescription;
pub use self::packer::{KinesisRecord, Packer, Packing};
pub use self::reader::{KinesisShard, Reading, read};
pub use self::shard_id::{is_shard_of, shard_id};
pub use self::stream_address::StreamAddress;

/// "GetRecords": five calls a second for a shard. 1 s / 5 and a little more for jitter.
const BETWEEN_CALLS: Duration = Duration::from_millis(210);
