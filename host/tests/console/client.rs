//! A console that runs, and a client of it that sends what a browser would, and what it would not.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::html::{self, Form};
use crate::support::program::Running;
pub(super) use crate::support::served::Response;
use crate::support::served::{self, Header, Served, TIMEOUT};

/// What precedes the address with the token.
const ADDRESS: &str = "sluice: the console is at http://";

/// A running console, and the cookie of a browser that is signed in.
pub(super) struct Console {
    pub(super) process: Running,
    pub(super) address: SocketAddr,
    /// The name and the port that the console has printed.
    pub(super) host: String,
    pub(super) token: String,
    pub(super) cookie: String,
    /// All that it prints on standard error.
    pub(super) output: JoinHandle<String>,
}

impl Console {
    /// Starts a command of the console on a free port, and signs in.
    pub(super) fn start(command: &mut Command) -> Self {
        command.args(["--port", "0"]);
        let served = Served::start(command.stdout(Stdio::null()), ADDRESS);
        let (host, token) = served.place.split_once("/?token=").unwrap();
        let (host, token) = (host.to_owned(), token.to_owned());
        let (name, port) = host.split_once(':').unwrap();
        assert!(name.ends_with(".localhost"), "{name}");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.parse::<u16>().unwrap()));
        let path = format!("/?token={token}");
        let signed_in = send(address, "GET", &path, &[("Host", &host)], "");
        assert_eq!(signed_in.status, 200, "{signed_in:#?}");
        let cookie = &signed_in.headers["set-cookie"];
        Self {
            process: served.process,
            address,
            host,
            token,
            cookie: cookie.split(';').next().unwrap().to_owned(),
            output: served.output,
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
        let own = [("Host", &*self.host), ("Cookie", &*self.cookie)];
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
        let origin = format!("http://{}", self.host);
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

    /// The page that a response leads to; itself, if it is one.
    pub(super) fn followed(&self, response: Response) -> Response {
        match response.status {
            303 => self.get(&response.headers["location"]),
            _ => response,
        }
    }

    /// Opens the stream of the live sections of a page.
    pub(super) fn live(&self, page: &str) -> Live {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        let path = format!("/live?page={}", encoded(page));
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\n\r\n",
            self.host, self.cookie
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
    /// Reads the first line of the response, which has the status.
    pub(super) fn status_line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

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
    let length = body.len().to_string();
    let own = [("Connection", "close"), ("Content-Length", &*length)];
    let response = served::send(address, method, path, &[&own, headers].concat(), body);
    let encoding = response.headers.get("transfer-encoding");
    assert_eq!(encoding, None, "{response:?}");
    response
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
