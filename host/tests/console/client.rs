//! A console that runs, and a client of it that sends what a browser would, and what it would not.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::html::{self, Form};
use crate::support::program::Running;

/// The timeout of everything that a console does.
const TIMEOUT: Duration = Duration::from_secs(120);

/// What precedes the address with the token.
const ADDRESS: &str = "sluice: the console is at http://";

/// The value of a header that a page is sent with.
type Header<'a> = (&'a str, &'a str);

/// A running console, and the cookie of a browser that is signed in.
pub(super) struct Console {
    pub(super) process: Running,
    pub(super) address: SocketAddr,
    pub(super) token: String,
    pub(super) cookie: String,
}

/// A response.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: String,
}

impl Console {
    /// Starts a command of the console on a free port, and signs in.
    pub(super) fn start(command: &mut Command) -> Self {
        command.args(["--port", "0"]);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut process = Running(command.spawn().unwrap());
        let mut lines = BufReader::new(process.0.stderr.take().unwrap());
        let (mut output, mut printed) = (String::new(), None);
        while printed.is_none() {
            let from = output.len();
            let read = lines.read_line(&mut output).unwrap();
            assert!(read > 0, "no console: {output}");
            let place = output[from..].strip_prefix(ADDRESS);
            printed = place.map(|place| place.trim().to_owned());
        }
        // Its later output is read continuously, so that it never waits for a reader.
        thread::spawn(move || lines.read_to_string(&mut output));
        let printed = printed.unwrap();
        let (address, token) = printed.split_once("/?token=").unwrap();
        let (address, token): (SocketAddr, _) = (address.parse().unwrap(), token.to_owned());
        let (host, path) = (address.to_string(), format!("/?token={token}"));
        let signed_in = send(address, "GET", &path, &[("Host", &host)], "");
        assert_eq!(signed_in.status, 200, "{signed_in:#?}");
        let cookie = &signed_in.headers["set-cookie"];
        Self {
            process,
            address,
            token,
            cookie: cookie.split(';').next().unwrap().to_owned(),
        }
    }

    /// Sends a request as the signed-in browser does, with more headers.
    pub(super) fn request(
        &self,
        method: &str,
        path: &str,
        more: &[Header<'_>],
        body: &str,
    ) -> Response {
        let host = self.address.to_string();
        let own = [("Host", &*host), ("Cookie", &*self.cookie)];
        send(self.address, method, path, &[&own, more].concat(), body)
    }

    /// Gets a page.
    pub(super) fn get(&self, path: &str) -> Response {
        self.request("GET", path, &[], "")
    }

    /// Gets a page, which must be there, again and again until what it is made from is read and `condition` holds.
    pub(super) fn until(&self, path: &str, condition: impl Fn(&Response) -> bool) -> Response {
        let begun = Instant::now();
        loop {
            let page = self.get(path);
            assert_eq!(page.status, 200, "{path}: {}", page.text());
            let is_read = !page.body.contains("class=\"reading\">Reading ");
            if is_read && condition(&page) {
                return page;
            }
            assert!(begun.elapsed() < TIMEOUT, "{path}: {}", page.text());
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Gets a page until it says all of this.
    pub(super) fn says(&self, path: &str, parts: &[&str]) -> Response {
        self.until(path, |page| parts.iter().all(|part| page.says(part)))
    }

    /// Posts fields as a form of a page of the console does.
    pub(super) fn post(&self, path: &str, fields: &[(&str, &str)]) -> Response {
        let origin = format!("http://{}", self.address);
        self.post_from(&origin, path, fields)
    }

    /// Posts fields as a form of a page of any origin does.
    pub(super) fn post_from(&self, origin: &str, path: &str, fields: &[(&str, &str)]) -> Response {
        let headers = [
            ("Origin", origin),
            ("Content-Type", "application/x-www-form-urlencoded"),
        ];
        let pairs = fields.iter();
        let pairs = pairs.map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
        let body = pairs.collect::<Vec<_>>().join("&");
        self.request("POST", path, &headers, &body)
    }

    /// Posts a form as it is on the page, with these fields filled in, by the button whose text begins so.
    pub(super) fn submit(&self, form: &Form, button: &str, filled: &[(&str, &str)]) -> Response {
        let mut buttons = form.buttons.iter();
        let button = buttons.find(|found| found.text.starts_with(button));
        let button = button.unwrap_or_else(|| panic!("no such button: {form:#?}"));
        let mut fields = form.fields.clone();
        for (name, value) in filled {
            assert!(fields.contains_key(*name), "{name} is not in {form:#?}");
            fields.insert((*name).to_owned(), (*value).to_owned());
        }
        fields.extend(button.field.clone());
        let fields: Vec<_> = fields.iter().map(|(a, b)| (&**a, &**b)).collect();
        self.post(button.action.as_ref().unwrap_or(&form.action), &fields)
    }

    /// Opens the stream of the live sections of a page.
    pub(super) fn live(&self, page: &str) -> Live {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        let path = format!("/live?page={}", encoded(page));
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\n\r\n",
            self.address, self.cookie
        );
        stream.write_all(head.as_bytes()).unwrap();
        Live(BufReader::new(stream))
    }
}

impl Response {
    /// What the page says, without its tags.
    pub(super) fn text(&self) -> String {
        html::text(&self.body)
    }

    /// The value of the first fact of the page with this name.
    pub(super) fn fact(&self, name: &str) -> Option<String> {
        let (_, shown) = self.body.split_once(&format!("<dt>{name}</dt><dd>"))?;
        let (value, _) = shown.split_once("</dd>")?;
        Some(html::text(value))
    }

    /// Whether the page says this, in a title too, in small or large letters.
    pub(super) fn says(&self, part: &str) -> bool {
        let part = part.to_lowercase();
        [self.text(), html::unescaped(&self.body)]
            .iter()
            .any(|text| text.to_lowercase().contains(&part))
    }
}

/// The events of a page.
pub(super) struct Live(BufReader<TcpStream>);

impl Live {
    /// Reads what comes, until the console ends, and leaves it out.
    pub(super) fn drain(mut self) {
        thread::spawn(move || io::copy(&mut self.0, &mut io::sink()));
    }

    /// The next section that is sent: its id and its HTML.
    pub(super) fn section(&mut self) -> (String, String) {
        loop {
            let mut line = String::new();
            assert!(
                self.0.read_line(&mut line).unwrap() > 0,
                "the stream has ended"
            );
            if let Some(data) = line.strip_prefix("data: ") {
                let section: Value = serde_json::from_str(data).unwrap();
                let text = |key: &str| section[key].as_str().unwrap().to_owned();
                return (text("id"), text("html"));
            }
        }
    }

    /// Reads to the end of the stream, which has no section.
    pub(super) fn ends(mut self) {
        let mut line = String::new();
        // The last chunk of a body is empty (RFC 9112, 7.1).
        while line != "0\r\n" {
            line.clear();
            assert!(self.0.read_line(&mut line).unwrap() > 0, "it is cut");
            assert!(!line.starts_with("data: "), "{line}");
        }
    }

    /// Reads sections until one says this, and returns its id.
    pub(super) fn until(&mut self, part: &str) -> String {
        loop {
            let (id, html) = self.section();
            if html::text(&html).contains(part) {
                return id;
            }
        }
    }
}

/// Sends a request, and reads the response to the end of the connection.
pub(super) fn send(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[Header<'_>],
    body: &str,
) -> Response {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    let length = body.len();
    let mut head =
        format!("{method} {path} HTTP/1.1\r\nConnection: close\r\nContent-Length: {length}\r\n");
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    stream
        .write_all(format!("{head}\r\n{body}").as_bytes())
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("a whole answer");
    let mut head = head.lines();
    let status = head.next().unwrap().split(' ').nth(1).unwrap();
    let header = |line: &str| {
        let (name, value) = line.split_once(": ").unwrap();
        (name.to_lowercase(), value.to_owned())
    };
    let headers: BTreeMap<_, _> = head.map(header).collect();
    assert_eq!(headers.get("transfer-encoding"), None, "{headers:?}");
    Response {
        status: status.parse().unwrap(),
        headers,
        body: body.to_owned(),
    }
}

/// A text as a part of a query or a form.
pub(super) fn encoded(text: &str) -> String {
    let encoded = text.bytes().map(|byte| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    });
    encoded.collect()
}
