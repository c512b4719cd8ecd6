//! The connections of browsers. Every program of this machine can connect to the port, so neither many connections nor
//! silent ones may keep the signed-in browser from its pages: `axum::serve` has neither a limit of connections nor timeouts.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use axum::Router;
use axum::serve::Listener as _;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::task::AbortHandle;

use super::loopback::Loopback;
use crate::output;

/// The most connections at once.
const CONNECTIONS_MAX: usize = 256;

/// The timeout of a header, from when the connection is open or the last response is sent.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// How often standard error says at most that there are too many connections.
const MESSAGE_INTERVAL: Duration = Duration::from_secs(60);

/// A request in progress. While it or a copy of it exists, its connection is not closed for another one.
#[derive(Clone)]
pub(super) struct InProgress {
    _request: Arc<()>,
}

/// An open connection.
struct Connection {
    /// The task has one reference, and each copy of a request in progress has one.
    references: Weak<()>,
    task: AbortHandle,
}

/// The open connections, the oldest first.
#[derive(Default)]
struct Connections {
    open: VecDeque<Connection>,
    last_message: Option<Instant>,
}

/// Serves the pages to whoever connects, without an end.
pub(super) async fn serve(mut listener: Loopback, pages: Router) {
    let mut connections = Connections::default();
    loop {
        let (stream, _) = listener.accept().await;
        if connections.make_room() {
            connections.add(stream, pages.clone());
        }
    }
}

impl Connections {
    /// Closes the oldest connection that has no request in progress, if there are too many. Returns `false` if all of them
    /// have one: requests without the cookie are answered at once, so these are of signed-in browsers.
    fn make_room(&mut self) -> bool {
        self.open
            .retain(|connection| !connection.task.is_finished());
        if self.open.len() < CONNECTIONS_MAX {
            return true;
        }
        self.report();
        let idle = self.open.iter().position(Connection::is_idle);
        let closed = idle.and_then(|at| self.open.remove(at));
        closed
            .inspect(|connection| connection.task.abort())
            .is_some()
    }

    fn add(&mut self, stream: TcpStream, pages: Router) {
        let reference = Arc::new(());
        let references = Arc::downgrade(&reference);
        let task = tokio::spawn(serve_connection(stream, pages, reference)).abort_handle();
        self.open.push_back(Connection { references, task });
    }

    fn report(&mut self) {
        let is_recent = |last: Instant| last.elapsed() < MESSAGE_INTERVAL;
        if self.last_message.is_some_and(is_recent) {
            return;
        }
        self.last_message = Some(Instant::now());
        output::message(format_args!(
            "sluice: the console has {CONNECTIONS_MAX} open connections, the most at once, and closes the oldest idle ones. If \
             they are not from your browsers, another program on this machine opens them"
        ));
    }
}

impl Connection {
    fn is_idle(&self) -> bool {
        self.references.strong_count() <= 1
    }
}

async fn serve_connection(stream: TcpStream, pages: Router, reference: Arc<()>) {
    let pages = TowerToHyperService::new(pages);
    let service = service_fn(move |mut request: Request<Incoming>| {
        let in_progress = InProgress {
            _request: Arc::clone(&reference),
        };
        request.extensions_mut().insert(in_progress.clone());
        let response = pages.call(request);
        async move {
            let _until_then = in_progress;
            response.await
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    let _client_has_gone = connection.await;
}
