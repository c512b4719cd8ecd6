//! An HTTP server on a thread of its own, so that it also serves a test that blocks its thread.

use std::convert::Infallible;
use std::net::{Ipv4Addr, TcpListener};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::sync::oneshot;

/// Why there is no response.
pub type Failed = Box<dyn std::error::Error + Send + Sync>;

/// The body of a response.
pub type Body = UnsyncBoxBody<Bytes, Failed>;

/// The result of a request. An error closes the connection without a response.
pub type Answer = Result<Response<Body>, Failed>;

/// A server on a free port of this machine. It stops when it is dropped.
pub struct Server {
    endpoint: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Server {
    /// Starts the server.
    pub fn start<H, F>(handler: H) -> Self
    where
        H: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
        F: Future<Output = Answer> + Send + 'static,
    {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel();
        let thread = thread::spawn(move || run(listener, handler, stopped));
        Self {
            endpoint,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// The URL, without a trailing slash.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let joined = thread.join();
            assert!(joined.is_ok() || thread::panicking(), "the server panicked");
        }
    }
}

fn run<H, F>(listener: TcpListener, handler: H, stopped: oneshot::Receiver<()>)
where
    H: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async move {
        tokio::select! {
            () = serve(listener, handler) => {}
            _ = stopped => {}
        }
    });
    // Requests in flight on other threads get time to finish a file.
    runtime.shutdown_timeout(Duration::from_secs(2));
}

async fn serve<H, F>(listener: TcpListener, handler: H)
where
    H: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let _ = stream.set_nodelay(true);
        let service = service_fn(handler.clone());
        tokio::spawn(async move {
            // A client that disconnects is not an error of the server.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

/// A body whose content is known.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    let never = |never: Infallible| match never {};
    Full::new(bytes.into()).map_err(never).boxed_unsync()
}

/// Reads the whole body of a request.
pub async fn collected(body: Incoming) -> Result<Bytes, Failed> {
    Ok(body.collect().await?.to_bytes())
}
