//! Buses: where messages about events go. To add one, implement [`Bus`] in a module of its own, and add
//! its `KIND` to `KINDS`: settings, messages and modes follow from that.

pub mod folder;
mod progress;
pub mod sqs;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use aws_config::SdkConfig;
use futures_util::future::BoxFuture;
use sluice_engine::digest::Digest;
use sluice_engine::record::ShardId;
use sluice_storage::calls::CallMetrics;
use sluice_storage::retry::RetryPolicy;
use tokio::sync::OnceCell;

use crate::layout::chunk::Chunk;
use crate::layout::object_key::Origin;
use crate::layout::object_notification::ObjectNotification;
use crate::ledger::messages::{MessageRules, Messages};
use crate::sink::SinkError;

pub use self::progress::SendProgress;

/// The default size of a packed message, bytes with its attributes.
pub const PACK_BYTES: usize = 256 << 10;

/// The smallest and the largest size of packed messages that can be asked for. SQS accepts no message above 1 MiB.
pub const PACK_BYTES_LEAST: usize = 16 << 10;
/// See [`PACK_BYTES_LEAST`].
pub const PACK_BYTES_MOST: usize = 1 << 20;

/// What the settings say about messages.
#[derive(Clone, Debug, Default)]
pub struct MessageSettings {
    /// What they are about.
    pub messages: Messages,
    /// The largest packed message, bytes with its attributes; `None` for the default.
    pub bytes: Option<usize>,
    /// The metrics of calls that send them.
    pub calls: CallMetrics,
}

/// The kinds of buses.
const KINDS: &[&BusKind] = &[&folder::KIND, &sqs::KIND];

/// The bus of one shard.
///
/// # Delivery
/// - **At least once.** A call returns `Ok` only after the bus has accepted every message of the chunk
///   durably. Only then is the chunk committed. After an error the chunk stays pending, and its replay
///   sends all messages again that are not known as sent.
/// - **Recognizable.** Each message carries what makes it unique and is the same in a replay: the id of
///   its record, the index of its event and the release; or the key of its object. A bus that can drop
///   duplicates by that must do so.
/// - **Order.** If the bus keeps an order, it keeps that of the records within a partition key, or within
///   the shard if there is none. Calls for one shard come one after the other.
/// - **After the objects.** A message may point to an object of its chunk, which is in the lake by then.
/// - **Errors** are permanent: the implementation retries transient ones until the retry timeout.
pub trait Bus: fmt::Debug + Send + Sync {
    /// What a ledger calls it that notes how many messages it has; `None` if it can tell by itself what it has.
    fn id(&self) -> Option<Digest> {
        None
    }

    /// Sends the messages of a chunk, without those that the bus is known to have, and says how far it has come. Before that, it
    /// [says](SendProgress::begin) how many messages there are, if it has an [id](Self::id). Returns how many it has sent.
    ///
    /// # Errors
    /// [`SinkError`]; any part of the messages may have been accepted.
    fn send<'a>(
        &'a self,
        chunk: &'a Chunk,
        progress: &'a SendProgress,
    ) -> BoxFuture<'a, Result<u64, SinkError>>;

    /// Sends messages about the objects of a chunk, at least one.
    ///
    /// # Errors
    /// [`SinkError`]; any part of the messages may have been accepted.
    fn notify<'a>(
        &'a self,
        origin: &'a Origin,
        messages: &'a [ObjectNotification],
    ) -> BoxFuture<'a, Result<(), SinkError>>;

    /// Removes what only the work on the shard needed, at its end.
    ///
    /// # Errors
    /// The file system fails.
    fn close(&self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A bus that a run is connected to.
pub struct BusConnection {
    /// Its messages and their limits.
    pub rules: MessageRules,
    /// Whether it keeps the order in which it gets messages.
    pub keeps_order: bool,
    open: Box<OpenBus>,
}

/// Opens the bus of a shard.
type OpenBus = dyn Fn(&ShardId) -> Result<Arc<dyn Bus>, SinkError> + Send + Sync;

impl BusConnection {
    /// Opens the bus for the owner of a shard.
    ///
    /// # Errors
    /// [`SinkError`]
    pub fn open(&self, shard: &ShardId) -> Result<Arc<dyn Bus>, SinkError> {
        (self.open)(shard)
    }
}

/// What a bus may need to connect.
#[derive(Clone, Copy)]
pub struct ConnectOptions<'a> {
    /// The configuration that all AWS clients share, read when it is first needed.
    pub sdk: &'a OnceCell<SdkConfig>,
    /// The lake as the settings name it, for messages that point to its objects.
    pub lake: &'a str,
    /// How transient errors are retried.
    pub retry_policy: &'a RetryPolicy,
    /// What is sent.
    pub messages: &'a MessageSettings,
}

/// A kind of bus.
#[derive(Debug)]
struct BusKind {
    /// The part of the setting before the colon.
    scheme: &'static str,
    /// The setting as a user writes it.
    syntax: &'static str,
    /// What the part after the colon is, for the help of the setting.
    help: &'static str,
    /// Checks the part of the setting after the colon. An error says what is wrong with it.
    check: fn(&str) -> Result<(), String>,
    /// The bus in output for people, from the part of the setting after the colon.
    describe: fn(&str) -> String,
    /// The folder with the messages, if they can be read back.
    folder: fn(&str) -> Option<PathBuf>,
    connect: for<'a> fn(&'a str, ConnectOptions<'a>) -> Connecting<'a>,
}

type Connecting<'a> = BoxFuture<'a, Result<BusConnection, SinkError>>;

/// Where messages go, as the settings name it.
#[derive(Clone, Debug)]
pub struct BusTarget {
    kind: &'static BusKind,
    address: String,
}

impl BusTarget {
    /// Parses `SCHEME:ADDRESS`; `None` for anything that is not in [`syntaxes`](Self::syntaxes).
    #[must_use]
    pub fn parse(target: &str) -> Option<Self> {
        let (scheme, address) = target.split_once(':')?;
        let kind = KINDS.iter().find(|kind| kind.scheme == scheme)?;
        (!address.is_empty()).then(|| Self {
            kind,
            address: address.to_owned(),
        })
    }

    /// What can be parsed, such as `file:DIR` and `sqs:QUEUE`.
    pub fn syntaxes() -> impl Iterator<Item = &'static str> {
        KINDS.iter().map(|kind| kind.syntax)
    }

    /// All forms of the setting with what they mean, for its help.
    pub fn help() -> impl Iterator<Item = String> {
        KINDS
            .iter()
            .map(|kind| format!("`{}` ({})", kind.syntax, kind.help))
    }

    /// Checks the address.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn check(&self) -> Result<(), String> {
        (self.kind.check)(&self.address)
    }

    /// The folder with the messages; `None` if they cannot be read back.
    #[must_use]
    pub fn folder(&self) -> Option<PathBuf> {
        (self.kind.folder)(&self.address)
    }

    /// Connects to the bus, without writing to it.
    ///
    /// # Errors
    /// [`SinkError`]: the bus does not exist or cannot be used.
    pub async fn connect(&self, options: ConnectOptions<'_>) -> Result<BusConnection, SinkError> {
        (self.kind.connect)(&self.address, options).await
    }
}

impl fmt::Display for BusTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&(self.kind.describe)(&self.address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bus_is_told_by_its_scheme() {
        let url = "https://sqs.eu-west-1.amazonaws.com/1/q";
        let queue = BusTarget::parse(&format!("sqs:{url}")).unwrap();
        assert_eq!(queue.to_string(), format!("the queue {url}"));
        assert_eq!(queue.folder(), None);
        let folder = BusTarget::parse("file:bus").unwrap();
        assert_eq!(folder.to_string(), "bus");
        assert_eq!(folder.folder(), Some("bus".into()));
        for bus in ["", "none", "sqs:", "file:", "kafka:x"] {
            assert!(BusTarget::parse(bus).is_none(), "{bus:?}");
        }
    }

    #[test]
    fn each_scheme_is_of_one_kind() {
        let mut schemes: Vec<_> = KINDS.iter().map(|kind| kind.scheme).collect();
        schemes.sort_unstable();
        schemes.dedup();
        assert_eq!(schemes.len(), KINDS.len());
        for kind in KINDS {
            assert!(kind.syntax.starts_with(&format!("{}:", kind.scheme)));
        }
    }
}
