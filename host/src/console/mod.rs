//! The console: pages that show a lake, a registry and workers, and try rules, for browsers on this machine.
//!
//! ```text
//! browser ─▶ guard (host, token, origin) ─▶ page ─▶ sections ─▶ HTML, and again whenever a section changes
//!                                             └── views: what was read of the lake, the registry and the workers
//! ```
//!
//! A page is a function of the views. Views are read when a page needs them and kept for a moment, so that many
//! browsers cost no more than one.

mod args;
mod cached;
mod components;
mod connections;
mod flow;
mod guard;
mod history;
mod latest;
mod launch;
mod ledgers;
mod live;
mod loopback;
mod manifests;
mod page;
mod pages;
mod payload;
mod plot;
mod publishing;
mod recent_chunks;
mod releases;
mod server;
mod stream;
#[cfg(feature = "table")]
mod table;
mod tasks;
mod words;
mod workers;

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use sluice_release::registry::Registry;
use sluice_release::signature::{PrivateKey, PublicKey};
use sluice_storage::location::StoreLocation;
use sluice_storage::object_store::ObjectStore;
use sluice_storage::retry::RetryPolicy;
use tokio::sync::Semaphore;

pub use self::args::ConsoleArgs;
use self::flow::Flow;
use self::ledgers::Ledgers;
use self::releases::Releases;
use self::stream::StreamShards;
#[cfg(feature = "table")]
use self::table::LakeTable;
use self::workers::Workers;

/// The retry timeout of a request to the lake or the registry. A page does not wait for longer.
const RETRY_TIMEOUT: Duration = Duration::from_secs(20);

/// What the pages are made from.
struct Console {
    permissions: Permissions,
    lake: Option<Lake>,
    registry: Option<Arc<RegistryPlace>>,
    workers: Arc<Workers>,
    ledgers: Arc<Ledgers>,
    flow: Arc<Flow>,
    /// The shards of the source, if it is given.
    stream: Option<StreamShards>,
    releases: Releases,
    #[cfg(feature = "table")]
    table: LakeTable,
    pages: pages::States,
    /// Has a permit for each stream of live sections that may be open.
    streams: Arc<Semaphore>,
}

/// What the user allows.
#[derive(Clone, Copy, Debug)]
struct Permissions {
    /// To publish and activate releases.
    publish: bool,
    /// To show what is in records and events.
    payloads: bool,
}

/// The lake that the pages show.
#[derive(Clone, Debug)]
struct Lake {
    location: StoreLocation,
    store: Arc<dyn ObjectStore>,
    /// How many objects are read at once.
    reads_at_once: usize,
}

/// The registry that the pages show.
struct RegistryPlace {
    /// As the user has written it.
    target: String,
    registry: Registry,
    keys: Keys,
}

/// The keys of releases.
#[derive(Default)]
struct Keys {
    /// Signs what is published here.
    sign: Option<PrivateKey>,
    /// What is activated here must be signed with it.
    public: Option<PublicKey>,
}

impl Lake {
    async fn open(location: StoreLocation) -> anyhow::Result<Self> {
        let retries = RetryPolicy::new(RETRY_TIMEOUT).without_waiting_for_permission();
        let store = location.open(retries).await?;
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            reads_at_once: store.operations_at_once(cores),
            location,
            store,
        })
    }

    /// Whether it is in a folder that does not exist, so that no run has made it yet.
    fn is_missing(&self) -> bool {
        match &self.location {
            StoreLocation::Folder(folder) => matches!(folder.try_exists(), Ok(false)),
            StoreLocation::S3 { .. } => false,
        }
    }
}

/// Serves the console until it is stopped.
///
/// # Errors
/// Wrong usage, a lake or a registry that cannot be opened, and a port that cannot be used.
pub fn console(args: &ConsoleArgs) -> anyhow::Result<()> {
    let settings = args.settings()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let served = runtime.block_on(server::serve(settings));
    // What pages still read or try is not waited for: nothing is written by halves.
    runtime.shutdown_background();
    served
}
