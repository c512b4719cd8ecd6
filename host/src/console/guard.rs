//! Who may use the console: whoever has its token, from a page of the console itself.
//!
//! Any page in a browser on this machine can send requests to a port of it, and any name can be made to resolve to
//! 127.0.0.1. So a request is rejected unless its `Host` is the console's own, and it has the token, which is in the
//! printed URL and then in a cookie that no other site's requests carry (`SameSite=Strict`, RFC 6265bis 5.6.7). A request
//! must not be begun by a page of another address (`Sec-Fetch-Site`, Fetch Metadata 2.2), and one that changes something
//! has to come from a page of the console (`Origin`, Fetch standard 3.2).
//!
//! Cookies are shared by all ports of a host (RFC 6265, 8.5), and all ports of a host are one site. So each start has a
//! name of its own below `localhost`, which browsers resolve to this machine: no other port gets the cookie by it. Browsers
//! that do not resolve it can use 127.0.0.1.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::Rng as _;
use sluice_engine::digest::Digest;

use super::launch::forward;

/// The bytes of a token.
const TOKEN_BYTES: usize = 32;

/// What a browser may load and do: all of it comes from the console.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The headers of every response.
const HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // With `no-referrer`, a form of a page would be sent with `Origin: null` (Fetch standard, 3.2).
    (header::REFERRER_POLICY, "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

/// The token of this process, and its addresses.
pub(super) struct Guard {
    port: u16,
    /// The hosts that a request can name, with the port. The first one is of this process only.
    hosts: [String; 3],
    token: String,
    /// The digest of the token, which is compared instead of it: how long that takes says nothing of the token.
    digest: Digest,
}

impl Guard {
    /// A new token, and a new name.
    pub(super) fn new(port: u16) -> Self {
        let mut bytes = [0; TOKEN_BYTES];
        let mut rng = rand::rng();
        rng.fill_bytes(&mut bytes);
        let token = URL_SAFE_NO_PAD.encode(bytes);
        let own = format!("console-{:08x}.localhost", rng.next_u32());
        // A browser leaves out the port that a URL has by default.
        let with_port = |host: &str| match port {
            80 => host.to_owned(),
            _ => format!("{host}:{port}"),
        };
        Self {
            port,
            hosts: [own.as_str(), "127.0.0.1", "localhost"].map(with_port),
            digest: Digest::of(token.as_bytes()),
            token,
        }
    }

    /// The URLs that open the console: by its own name, and by the address for browsers that do not find the name.
    pub(super) fn urls(&self) -> [String; 2] {
        let [own, address, _] = &self.hosts;
        [own, address].map(|host| format!("http://{host}/?token={}", self.token))
    }

    /// The cookie's name. At 127.0.0.1, several consoles share their cookies, so each one has its own.
    fn cookie(&self) -> String {
        format!("sluice_console_{}", self.port)
    }

    fn is_token(&self, text: &str) -> bool {
        Digest::of(text.as_bytes()) == self.digest
    }

    /// The host that the request names, if it is the console's.
    fn own_host<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let host = text(headers, "host");
        host.filter(|host| self.hosts.iter().any(|own| own == host))
    }

    fn has_cookie(&self, headers: &HeaderMap) -> bool {
        let cookies = headers.get_all(header::COOKIE).into_iter();
        let cookies = cookies.filter_map(|cookies| cookies.to_str().ok());
        let mut pairs = cookies.flat_map(|cookies| cookies.split(';'));
        let name = self.cookie();
        pairs.any(|pair| {
            let pair = pair.trim().split_once('=');
            pair.is_some_and(|(named, value)| named == name && self.is_token(value))
        })
    }

    /// What becomes of a request: `None` if it may pass.
    fn decide(&self, request: &Request) -> Option<Response> {
        let headers = request.headers();
        let Some(host) = self.own_host(headers) else {
            return Some(refused(
                "This is not the address of the console. Open the one that it has printed.",
            ));
        };
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
        if let (true, Some(token)) = (is_read, token_of(request)) {
            return Some(match self.is_token(token) {
                true => self.signed_in(request.uri()),
                false => refused(NO_TOKEN),
            });
        }
        if !self.has_cookie(headers) {
            return Some(refused(NO_TOKEN));
        }
        // A browser says `none` if the user opens an address. One that says nothing gets what it asks for.
        let site = text(headers, "sec-fetch-site");
        if site.is_some_and(|site| !matches!(site, "same-origin" | "none")) {
            return Some(refused(FOREIGN));
        }
        let origin = text(headers, "origin").and_then(|origin| origin.strip_prefix("http://"));
        if !is_read && origin != Some(host) {
            return Some(refused(FOREIGN));
        }
        None
    }

    /// Sets the cookie, and goes on to the page by a new navigation: one that another program began carries no strict
    /// cookie, also after a redirect.
    fn signed_in(&self, uri: &Uri) -> Response {
        let cookie = format!(
            "{}={}; Path=/; HttpOnly; SameSite=Strict",
            self.cookie(),
            self.token
        );
        let page = forward(&without_token(uri), Some("/assets/icon.svg"));
        ([(header::SET_COOKIE, cookie)], page).into_response()
    }
}

/// The path and the query of an address, without the token.
fn without_token(uri: &Uri) -> String {
    let rest = uri.path().strip_prefix('/').unwrap_or_default();
    // Two slashes, which a browser takes for the name of a host, begin no page.
    let path = match rest.starts_with(['/', '\\']) {
        true => "/",
        false => uri.path(),
    };
    let pairs = uri.query().unwrap_or_default().split('&');
    let pairs: Vec<_> = pairs
        .filter(|pair| !pair.is_empty() && !pair.starts_with(TOKEN))
        .collect();
    match pairs.is_empty() {
        true => path.to_owned(),
        false => format!("{path}?{}", pairs.join("&")),
    }
}

/// What precedes the token in a query.
const TOKEN: &str = "token=";

const NO_TOKEN: &str = "The token is missing or wrong. Open the address that `sluice console` has printed; it has a \
                        new token after each start.";

const FOREIGN: &str = "This request does not come from a page of the console. Open the address that `sluice console` has \
                       printed in a new tab.";

/// The value of `token` in the query of a request.
fn token_of(request: &Request) -> Option<&str> {
    let mut pairs = request.uri().query()?.split('&');
    pairs.find_map(|pair| pair.strip_prefix(TOKEN))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn refused(why: &'static str) -> Response {
    (StatusCode::FORBIDDEN, format!("{why}\n")).into_response()
}

/// Lets a request pass that may, and adds the headers to its response.
pub(super) async fn guard(
    State(guard): State<Arc<Guard>>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = match guard.decide(&request) {
        Some(response) => response,
        None => next.run(request).await,
    };
    for (name, value) in HEADERS {
        let headers = response.headers_mut();
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn request(method: &str, uri: &str, headers: &[(&str, &str)]) -> Request {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Body::empty()).unwrap()
    }

    fn status(guard: &Guard, request: &Request) -> Option<u16> {
        let response = guard.decide(request)?;
        Some(response.status().as_u16())
    }

    #[test]
    fn the_token_of_the_url_becomes_a_cookie() {
        let guard = Guard::new(9465);
        for url in guard.urls() {
            let (host, query) = url["http://".len()..].split_once("/?").unwrap();
            let first = request("GET", &format!("/shards?{query}"), &[("host", host)]);
            let response = guard.decide(&first).unwrap();
            assert_eq!(response.status(), 200);
            let cookie = response.headers()["set-cookie"].to_str().unwrap();
            assert!(cookie.contains("HttpOnly; SameSite=Strict"), "{cookie}");
            let cookie = cookie.split(';').next().unwrap();
            let other = format!("a=b; {cookie}x");
            let status = |guard: &Guard, cookie: &str| {
                let own = [("host", host), ("cookie", cookie)];
                status(guard, &request("GET", "/shards", &own))
            };
            assert_eq!(status(&guard, cookie), None);
            assert_eq!(status(&guard, &other), Some(403));
            assert_eq!(status(&Guard::new(9465), cookie), Some(403));
        }
    }

    #[test]
    fn each_start_has_a_name_of_its_own() {
        let [one, two] = [Guard::new(9465), Guard::new(9465)];
        let name = &one.hosts[0];
        assert!(
            name.starts_with("console-") && name.ends_with(".localhost:9465"),
            "{name}"
        );
        assert_ne!(one.hosts[0], two.hosts[0]);
        let cookie = format!("{}={}", two.cookie(), two.token);
        let asked = request("GET", "/", &[("host", name), ("cookie", &cookie)]);
        assert_eq!(status(&two, &asked), Some(403));
    }

    #[test]
    fn without_the_token_nothing_is_shown() {
        let guard = Guard::new(9465);
        let host = ("host", "127.0.0.1:9465");
        for uri in [
            "/",
            "/?token=",
            "/?token=wrong",
            "/assets/style.css",
            "/live",
        ] {
            assert_eq!(
                status(&guard, &request("GET", uri, &[host])),
                Some(403),
                "{uri}"
            );
        }
    }

    #[test]
    fn the_query_stays_when_the_token_goes() {
        let without = |uri: &str| without_token(&uri.parse().unwrap());
        for (uri, expected) in [
            ("/?token=a", "/"),
            ("/shards?token=a", "/shards"),
            ("/record?rid=x:1&token=a", "/record?rid=x:1"),
            ("/try?token=a&reason=b&&token=c&d=", "/try?reason=b&d="),
            ("/?tokens=a", "/?tokens=a"),
            ("//elsewhere.example/?token=a", "/"),
        ] {
            assert_eq!(without(uri), expected, "{uri}");
        }
    }

    /// Of a signed-in browser.
    fn decided(guard: &Guard, method: &str, host: &str, more: &[(&str, &str)]) -> Option<u16> {
        let cookie = format!("{}={}", guard.cookie(), guard.token);
        let own = [("host", host), ("cookie", cookie.as_str())];
        status(guard, &request(method, "/releases", &[&own, more].concat()))
    }

    #[test]
    fn only_pages_of_the_console_change_something() {
        let guard = Guard::new(9465);
        for host in &guard.hosts {
            let with =
                |host: &str, origin: &str| decided(&guard, "POST", host, &[("origin", origin)]);
            assert_eq!(with(host, &format!("http://{host}")), None, "{host}");
            assert_eq!(decided(&guard, "POST", host, &[]), Some(403));
            let https = format!("https://{host}");
            for origin in [
                "null",
                "http://127.0.0.1:9466",
                "http://console.localhost:9465",
                &https,
            ] {
                assert_eq!(with(host, origin), Some(403), "{origin}");
            }
            // A name of another site that resolves to this machine.
            assert_eq!(
                with("evil.example:9465", "http://evil.example:9465"),
                Some(403)
            );
        }
    }

    /// Another port of the same host is the same site, so its requests carry the cookie.
    #[test]
    fn pages_of_other_addresses_read_nothing() {
        let guard = Guard::new(9465);
        let host = &guard.hosts[1];
        for (site, expected) in [
            ("same-origin", None),
            ("none", None),
            ("same-site", Some(403)),
            ("cross-site", Some(403)),
        ] {
            let read = decided(&guard, "GET", host, &[("sec-fetch-site", site)]);
            assert_eq!(read, expected, "{site}");
        }
    }

    /// Browsers leave out the port that `http` has by default.
    #[test]
    fn a_console_on_port_80_has_no_port() {
        let guard = Guard::new(80);
        let [url, fallback] = guard.urls();
        assert!(url.contains(".localhost/?token="), "{url}");
        assert!(
            fallback.starts_with("http://127.0.0.1/?token="),
            "{fallback}"
        );
        let origin = ("origin", "http://127.0.0.1");
        assert_eq!(decided(&guard, "POST", "127.0.0.1", &[origin]), None);
        assert_eq!(decided(&guard, "GET", "127.0.0.1:81", &[]), Some(403));
    }
}
