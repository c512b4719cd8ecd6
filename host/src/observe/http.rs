//! The HTTP/1.1 server of a run, or of a builder of a table: metrics, liveness, readiness and status. It is read-only,
//! and no client can change or slow down what it reports.

mod pages;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

pub use self::pages::Observed;
use crate::config::log_format::LogFormat;
use crate::config::{HttpBind, RunSettings};
use crate::output;

/// Concurrent connections; further clients wait.
const CONNECTIONS_MAX: usize = 64;

/// The timeouts of the header and of the whole connection, which is for one request.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(15);

/// The largest header of a request, bytes.
const HEADER_MAX_BYTES: usize = 16 << 10;

/// The pause after the system fails to accept a connection.
const ACCEPT_ERROR_PAUSE: Duration = Duration::from_millis(100);

/// Why the server cannot start.
#[derive(Debug, Error)]
pub enum HttpError {
    /// The address is in use or not allowed.
    #[error("http: cannot listen on {address}: {source}; give another address or none")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// The error of the system.
        source: io::Error,
    },
}

/// The server, which runs until this is dropped.
#[derive(Debug)]
pub struct Server {
    accepting: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Starts the server at the address of the settings and prints the address. If the default address is
/// in use, the run goes on without a server.
///
/// # Errors
/// [`HttpError::Bind`]
pub async fn start(
    settings: &RunSettings,
    run: Arc<dyn Observed>,
) -> Result<Option<Server>, HttpError> {
    let is_announced = settings.log_format == LogFormat::Human && !settings.quiet;
    start_at(settings.http, is_announced, run).await
}

/// Starts the server at an address, and prints the address if it is to be announced. If it is the default one and in use,
/// there is no server.
///
/// # Errors
/// [`HttpError::Bind`]
pub async fn start_at(
    bind: HttpBind,
    is_announced: bool,
    observed: Arc<dyn Observed>,
) -> Result<Option<Server>, HttpError> {
    let (address, is_default) = match bind {
        HttpBind::Off => return Ok(None),
        HttpBind::IfFree(address) => (address, true),
        HttpBind::At(address) => (address, false),
    };
    let bound = TcpListener::bind(address).await;
    let (listener, bound) = match bound.and_then(|bound| Ok((bound.local_addr()?, bound))) {
        Ok((bound, listener)) => (listener, bound),
        Err(error) if is_default => {
            tracing::warn!(http = %address, %error, "no metrics: the default address cannot be used");
            return Ok(None);
        }
        Err(source) => return Err(HttpError::Bind { address, source }),
    };
    tracing::info!(http = %bound, "metrics");
    if is_announced {
        output::message(format_args!("sluice: metrics on http://{bound}"));
    }
    let accepting = tokio::spawn(accept(listener, pages::router(observed)));
    Ok(Some(Server { accepting }))
}

/// Accepts connections. `axum::serve` has neither a limit of connections nor timeouts.
async fn accept(listener: TcpListener, pages: Router) {
    let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    while let Ok(permit) = connections.clone().acquire_owned().await {
        let Ok((stream, _)) = listener.accept().await else {
            sleep(ACCEPT_ERROR_PAUSE).await;
            continue;
        };
        let connection = serve(stream, pages.clone());
        tokio::spawn(async move {
            let _too_slow = timeout(CONNECTION_TIMEOUT, connection).await;
            drop(permit);
        });
    }
}

async fn serve(stream: TcpStream, pages: Router) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(HEADER_MAX_BYTES)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(pages));
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a connection of the metrics server failed");
    }
}
