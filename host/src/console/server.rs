//! The server: it listens on this machine's loopback addresses only.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use sluice_release::registry::Registry;
use sluice_storage::retry::RetryPolicy;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;

use super::args::Settings;
use super::cached::View;
use super::flow::Flow;
use super::guard::{Guard, guard};
use super::launch::LaunchPage;
use super::ledgers::Ledgers;
use super::loopback::Loopback;
use super::payload::inert;
use super::releases::Releases;
use super::stream::StreamShards;
#[cfg(feature = "table")]
use super::table::LakeTable;
use super::workers::Workers;
use super::{Console, Lake, RETRY_TIMEOUT, RegistryPlace, connections, live, pages};
use crate::config::{ConfigError, store_setting};
use crate::output;

/// Serves the pages until Ctrl-C or SIGTERM. A lake that is not there yet, or cannot be read at the moment, is said and not an
/// error.
///
/// # Errors
/// A lake or a registry that cannot be opened, and a port that cannot be used.
pub(super) async fn serve(settings: Settings) -> anyhow::Result<()> {
    let (port, open) = (settings.port, settings.open);
    let console = Arc::new(Console::new(settings).await?);
    let listener = Loopback::bind(port).await.map_err(|error| {
        let why =
            format!("cannot listen on port {port}: {error}; give another one, or 0 for a free one");
        ConfigError::new("port", why)
    })?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(report_lake(Arc::clone(&console)));
    let guard = Arc::new(Guard::new(listener.port()?));
    let _until_the_end = announce(&guard, open);
    console.workers.start();
    console.flow.start();
    let router = router(Arc::clone(&console), guard);
    tokio::select! {
        () = connections::serve(listener, router) => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// Prints the addresses, and opens the first one in a browser if that is wanted.
fn announce(guard: &Guard, open: bool) -> Option<LaunchPage> {
    let [url, fallback] = guard.urls();
    output::message(format_args!("sluice: the console is at {url}"));
    output::message(format_args!(
        "sluice: if your browser cannot find that name: {fallback}"
    ));
    let page = open.then(|| LaunchPage::open(&url))?;
    page.inspect_err(|error| {
        output::message(format_args!(
            "sluice: no browser could be opened ({error}); open the address yourself"
        ));
    })
    .ok()
}

/// Says once on standard error if there is no lake yet, or if it cannot be read. The pages say so too.
async fn report_lake(console: Arc<Console>) {
    let Some(lake) = &console.lake else {
        return;
    };
    let name = store_setting(&lake.location);
    if lake.is_missing() {
        return output::message(format_args!(
            "sluice: the lake {name} does not exist yet; `sluice run` makes it. If this is not the lake that you mean, \
             correct --lake"
        ));
    }
    loop {
        match console.ledgers.view().await {
            View::Reading => {}
            View::Ready(_) => return,
            View::Failed(why) => {
                return output::message(format_args!(
                    "sluice: the lake {name} cannot be read: {}; the console tries again while pages are shown",
                    inert(&why)
                ));
            }
        }
    }
}

fn router(console: Arc<Console>, with_guard: Arc<Guard>) -> Router {
    Router::new()
        .merge(pages::actions())
        .route("/live", get(live::stream))
        .route("/assets/{name}", get(pages::asset))
        .fallback(get(pages::show))
        .layer(from_fn_with_state(with_guard, guard))
        .with_state(console)
}

impl Console {
    async fn new(settings: Settings) -> anyhow::Result<Self> {
        let lake = match settings.lake {
            Some(location) => Some(Lake::open(location).await?),
            None => None,
        };
        let registry = match settings.registry {
            Some((target, location)) => {
                let registry = Registry::open(&location, RetryPolicy::new(RETRY_TIMEOUT)).await?;
                Some(Arc::new(RegistryPlace {
                    target,
                    registry,
                    keys: settings.keys,
                }))
            }
            None => None,
        };
        let ledgers = Arc::new(Ledgers::new(lake.clone()));
        Ok(Self {
            permissions: settings.permissions,
            workers: Arc::new(Workers::new(settings.workers)?),
            flow: Arc::new(Flow::new(lake.clone(), Arc::clone(&ledgers))),
            ledgers,
            stream: settings.source.map(StreamShards::new),
            releases: Releases::new(),
            #[cfg(feature = "table")]
            table: LakeTable::new(settings.table),
            pages: pages::States::default(),
            streams: Arc::new(Semaphore::new(live::STREAMS_MAX)),
            lake,
            registry,
        })
    }
}
