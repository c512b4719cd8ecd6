//! A program that serves pages, and a client of them.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::program::Running;

/// The timeout for the next bytes of a response.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(120);

/// A name and a value of a header.
pub(crate) type Header<'a> = (&'a str, &'a str);

/// A program that has printed where it serves.
pub(crate) struct Served {
    pub(crate) process: Running,
    /// What follows the words before the address.
    pub(crate) place: String,
    /// All that it prints on standard error.
    pub(crate) output: JoinHandle<String>,
}

/// A response.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Served {
    /// Starts a command, and reads its standard error up to the line that begins with these words.
    pub(crate) fn start(command: &mut Command, words: &str) -> Self {
        let mut process = Running(command.stderr(Stdio::piped()).spawn().unwrap());
        let mut lines = BufReader::new(process.0.stderr.take().unwrap());
        let (mut output, mut place) = (String::new(), None);
        while place.is_none() {
            let from = output.len();
            let read = lines.read_line(&mut output).unwrap();
            assert!(read > 0, "it serves nothing: {output}");
            let printed = output[from..].strip_prefix(words);
            place = printed.map(|place| place.trim().to_owned());
        }
        // Its later output is read continuously, so that it never waits for a reader.
        let output = thread::spawn(move || {
            lines.read_to_string(&mut output).unwrap();
            output
        });
        Self {
            process,
            place: place.unwrap(),
            output,
        }
    }
}

/// Sends a request, and reads the response to the end of the connection.
pub(crate) fn send(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[Header<'_>],
    body: &str,
) -> Response {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    let mut request = format!("{method} {path} HTTP/1.1\r\n");
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    request += &format!("\r\n{body}");
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
    Response {
        status: status.parse().unwrap(),
        headers: head.map(header).collect(),
        body: body.to_owned(),
    }
}
