//! A run of the program with its HTTP pages, and a client for them.

use std::io::Read as _;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::exposition::Exposition;
use crate::support::program::{Ran, Running};
use crate::support::served::{Response, Served, TIMEOUT, send};

/// A run with pages on a port of its own.
pub(crate) struct Watched {
    pub(crate) run: Running,
    pub(crate) address: SocketAddr,
    output: JoinHandle<String>,
}

impl Watched {
    /// Starts a command, which must print the address of its pages.
    pub(crate) fn start(command: &mut Command) -> Self {
        command.args(["--http", "127.0.0.1:0"]);
        command.stdout(Stdio::piped());
        let served = Served::start(command, "sluice: metrics on http://");
        Self {
            run: served.process,
            address: served.place.parse().unwrap(),
            output: served.output,
        }
    }

    /// Waits until `condition` holds while the run continues.
    pub(crate) fn until(&mut self, condition: impl Fn(SocketAddr) -> bool) {
        let address = self.address;
        self.run.until(|| condition(address));
    }

    /// Waits for the end of the run, which must come by itself.
    pub(crate) fn end(mut self) -> Ran {
        let begun = Instant::now();
        let ended = loop {
            if let Some(ended) = self.run.0.try_wait().unwrap() {
                break ended;
            }
            assert!(begun.elapsed() < TIMEOUT, "no end in sight");
            thread::sleep(Duration::from_millis(5));
        };
        let mut stdout = String::new();
        let mut output = self.run.0.stdout.take().unwrap();
        output.read_to_string(&mut stdout).unwrap();
        Ran {
            code: ended.code(),
            stdout,
            stderr: self.output.join().unwrap(),
        }
    }
}

/// Sends a request without a body.
pub(crate) fn request(address: SocketAddr, method: &str, path: &str) -> Response {
    send(address, method, path, &[("Host", &address.to_string())], "")
}

pub(crate) fn get(address: SocketAddr, path: &str) -> Response {
    request(address, "GET", path)
}

/// The metrics, which must be valid.
pub(crate) fn metrics(address: SocketAddr) -> Exposition {
    let page = get(address, "/metrics");
    assert_eq!(page.status, 200);
    Exposition::parse(&page.body).unwrap_or_else(|why| panic!("{why}\n{}", page.body))
}

pub(crate) fn status(address: SocketAddr) -> Value {
    let page = get(address, "/status");
    assert_eq!(page.headers["content-type"], "application/json");
    serde_json::from_str(&page.body).unwrap()
}

/// Whether a page has this status and this text.
pub(crate) fn says(address: SocketAddr, path: &str, status: u16, text: &str) -> bool {
    let page = get(address, path);
    page.status == status && page.body.contains(text)
}
