//! A run of the program with its HTTP pages, and a client for them.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::exposition::Exposition;
use crate::support::program::{Ran, Running};

/// The timeout for the end of a run and for a response.
const TIMEOUT: Duration = Duration::from_secs(120);

/// A run with pages on a port of its own.
pub(crate) struct Watched {
    pub(crate) run: Running,
    pub(crate) address: SocketAddr,
    output: JoinHandle<String>,
}

/// A response.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Watched {
    /// Starts a command, which must print the address of its pages.
    pub(crate) fn start(command: &mut Command) -> Self {
        command.args(["--http", "127.0.0.1:0"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut run = Running(command.spawn().unwrap());
        let mut lines = BufReader::new(run.0.stderr.take().unwrap());
        let (mut output, mut address) = (String::new(), None);
        while address.is_none() {
            let from = output.len();
            assert!(
                lines.read_line(&mut output).unwrap() > 0,
                "no pages: {output}"
            );
            let place = output[from..].strip_prefix("sluice: metrics on http://");
            address = place.and_then(|place| place.trim().parse().ok());
        }
        // Its later output is read continuously, so that it never waits for a reader.
        let output = thread::spawn(move || {
            lines.read_to_string(&mut output).unwrap();
            output
        });
        let address = address.unwrap();
        Self {
            run,
            address,
            output,
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

/// Sends a request without a body, and reads the response to the end of the connection.
pub(crate) fn request(address: SocketAddr, method: &str, path: &str) -> Page {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    let request = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("a whole answer");
    let mut head = head.lines();
    let status = head.next().unwrap().split(' ').nth(1).unwrap();
    let header = |line: &str| {
        let (name, value) = line.split_once(": ").unwrap();
        (name.to_lowercase(), value.to_owned())
    };
    Page {
        status: status.parse().unwrap(),
        headers: head.map(header).collect(),
        body: body.to_owned(),
    }
}

pub(crate) fn get(address: SocketAddr, path: &str) -> Page {
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
