//! The pages of a run for whoever watches it, over plain HTTP/1.1: what is counted, whether it lives,
//! whether it is ready, how its shards are doing. They only read; nothing that a client does changes
//! or holds up the run.

mod pages;
mod process;
mod routes;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use self::pages::Pages;
use crate::config::{Listen, RunSettings};
use crate::pipeline::RunContext;
use crate::telemetry::LogFormat;

/// Clients at once; further ones wait for one of these to end.
const CONNECTIONS_MAX: usize = 64;

/// A client has so long to say what it wants, and so long in all: its connection is for one request.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(15);

/// What a request may have before its body, bytes.
const HEADER_MAX_BYTES: usize = 16 << 10;

/// When the system gives no more connections, it is asked again after this.
const AFTER_REFUSAL: Duration = Duration::from_millis(100);

/// Why there are no pages.
#[derive(Debug, Error)]
pub enum HttpError {
    /// The address that was asked for cannot be had.
    #[error("http: cannot listen on {address}: {source}; give another address or none")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
}

/// The pages, served until this is dropped.
#[derive(Debug)]
pub struct Server {
    accepting: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Serves the pages where the settings say, and says where that is. An address that nobody asked for
/// is gone without when it is taken.
///
/// # Errors
/// [`HttpError::Bind`]
pub async fn start(
    settings: &RunSettings,
    context: &Arc<RunContext>,
) -> Result<Option<Server>, HttpError> {
    let (address, is_default) = match settings.http {
        Listen::Off => return Ok(None),
        Listen::IfFree(address) => (address, true),
        Listen::At(address) => (address, false),
    };
    let bound = TcpListener::bind(address).await;
    let (listener, bound) = match bound.and_then(|bound| Ok((bound.local_addr()?, bound))) {
        Ok((bound, listener)) => (listener, bound),
        Err(error) if is_default => {
            tracing::warn!(http = %address, %error, "no metrics: the default address cannot be had");
            return Ok(None);
        }
        Err(source) => return Err(HttpError::Bind { address, source }),
    };
    tracing::info!(http = %bound, "metrics");
    if settings.log_format == LogFormat::Human {
        eprintln!("sluice: metrics on http://{bound}");
    }
    let pages = Arc::new(Pages::new(context.clone()));
    let accepting = tokio::spawn(accept(listener, pages));
    Ok(Some(Server { accepting }))
}

async fn accept(listener: TcpListener, pages: Arc<Pages>) {
    let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    while let Ok(permit) = connections.clone().acquire_owned().await {
        let Ok((stream, _)) = listener.accept().await else {
            sleep(AFTER_REFUSAL).await;
            continue;
        };
        let serving = serve(stream, pages.clone());
        tokio::spawn(async move {
            let _too_slow = timeout(CONNECTION_TIMEOUT, serving).await;
            drop(permit);
        });
    }
}

async fn serve(stream: TcpStream, pages: Arc<Pages>) {
    let service = service_fn(|request| {
        let answer = pages.answer(request.method(), request.uri().path());
        async { Ok::<_, Infallible>(answer) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(HEADER_MAX_BYTES)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a client of the metrics went wrong");
    }
}
