//! Who may use the console: whoever has its token, from a page of the console itself.
//!
//! Any page in a browser on this machine can send requests to a port of it, and any name can be made to resolve to
//! 127.0.0.1. So a request is rejected unless its `Host` is the console's own, and it has the token, which is in the
//! printed URL and then in a cookie that no other site's requests carry (`SameSite=Strict`, RFC 6265bis 5.6.7). A request
//! that changes something also has to come from a page of the console (`Origin`, Fetch standard 3.2).

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use maud::{DOCTYPE, html};
use rand::Rng as _;
use sluice_engine::digest::Digest;

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

/// The token of this process, and the port that it listens on.
pub(super) struct Guard {
    port: u16,
    token: String,
    /// The digest of the token, which is compared instead of it: how long that takes says nothing of the token.
    digest: Digest,
}

impl Guard {
    /// A new token.
    pub(super) fn new(port: u16) -> Self {
        let mut bytes = [0; TOKEN_BYTES];
        rand::rng().fill_bytes(&mut bytes);
        let token = URL_SAFE_NO_PAD.encode(bytes);
        Self {
            port,
            digest: Digest::of(token.as_bytes()),
            token,
        }
    }

    /// The URL that opens the console.
    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/?token={}", self.port, self.token)
    }

    /// The cookie's name. Cookies are shared by all ports of a host, so each console has its own.
    fn cookie(&self) -> String {
        format!("sluice_console_{}", self.port)
    }

    fn is_token(&self, text: &str) -> bool {
        Digest::of(text.as_bytes()) == self.digest
    }

    fn hosts(&self) -> [String; 2] {
        ["127.0.0.1", "localhost"].map(|host| format!("{host}:{}", self.port))
    }

    fn has_own_host(&self, headers: &HeaderMap) -> bool {
        let host = text(headers, &header::HOST);
        host.is_some_and(|host| self.hosts().iter().any(|own| own == host))
    }

    fn has_own_origin(&self, headers: &HeaderMap) -> bool {
        let origin =
            text(headers, &header::ORIGIN).and_then(|origin| origin.strip_prefix("http://"));
        origin.is_some_and(|origin| self.hosts().iter().any(|own| own == origin))
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
        if !self.has_own_host(headers) {
            return Some(refused(
                "This is not the address of the console. Open the one that it has printed.",
            ));
        }
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
        if let (true, Some(token)) = (is_read, token_of(request)) {
            return Some(match self.is_token(token) {
                true => self.signed_in(request.uri().path()),
                false => refused(NO_TOKEN),
            });
        }
        if !self.has_cookie(headers) {
            return Some(refused(NO_TOKEN));
        }
        if !is_read && !self.has_own_origin(headers) {
            return Some(refused(
                "This request does not come from a page of the console.",
            ));
        }
        None
    }

    /// Sets the cookie, and goes on to the page by a new navigation: one that another program began carries no strict
    /// cookie, also after a redirect.
    fn signed_in(&self, path: &str) -> Response {
        // Two slashes, which a browser takes for the name of a host, begin no page.
        let rest = path.strip_prefix('/').unwrap_or_default();
        let path = match rest.starts_with(['/', '\\']) {
            true => "/",
            false => path,
        };
        let cookie = format!(
            "{}={}; Path=/; HttpOnly; SameSite=Strict",
            self.cookie(),
            self.token
        );
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta http-equiv="refresh" content={ "0; url=" (path) };
                    link rel="icon" type="image/svg+xml" href="/assets/icon.svg";
                    title { "Sluice" }
                }
                body { p { a href=(path) { "Open the console" } } }
            }
        };
        ([(header::SET_COOKIE, cookie)], page).into_response()
    }
}

const NO_TOKEN: &str = "The token is missing or wrong. Open the address that `sluice console` has printed; it has a \
                        new token after each start.";

/// The value of `token` in the query of a request.
fn token_of(request: &Request) -> Option<&str> {
    let mut pairs = request.uri().query()?.split('&');
    pairs.find_map(|pair| pair.strip_prefix("token="))
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
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
        let url = guard.url();
        let (_, query) = url.split_once('?').unwrap();
        let first = request(
            "GET",
            &format!("/shards?{query}"),
            &[("host", "127.0.0.1:9465")],
        );
        let response = guard.decide(&first).unwrap();
        assert_eq!(response.status(), 200);
        let cookie = response.headers()["set-cookie"].to_str().unwrap();
        assert!(cookie.contains("HttpOnly; SameSite=Strict"), "{cookie}");
        let cookie = cookie.split(';').next().unwrap();
        let own = [("host", "localhost:9465"), ("cookie", cookie)];
        assert_eq!(status(&guard, &request("GET", "/shards", &own)), None);
        let other = format!("a=b; {cookie}x");
        let wrong = [("host", "localhost:9465"), ("cookie", other.as_str())];
        assert_eq!(
            status(&guard, &request("GET", "/shards", &wrong)),
            Some(403)
        );
        assert_eq!(
            status(&Guard::new(9465), &request("GET", "/shards", &own)),
            Some(403)
        );
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
    fn only_pages_of_the_console_change_something() {
        let guard = Guard::new(80);
        let cookie = format!("sluice_console_80={}", guard.token);
        let with = |host, origin: Option<&str>| {
            let mut headers = vec![("host", host), ("cookie", cookie.as_str())];
            headers.extend(origin.map(|origin| ("origin", origin)));
            status(&guard, &request("POST", "/releases/activate", &headers))
        };
        assert_eq!(with("127.0.0.1:80", Some("http://127.0.0.1:80")), None);
        for origin in [
            None,
            Some("null"),
            Some("http://127.0.0.1:81"),
            Some("https://127.0.0.1:80"),
        ] {
            assert_eq!(with("127.0.0.1:80", origin), Some(403), "{origin:?}");
        }
        // A name of another site that resolves to this machine.
        assert_eq!(
            with("evil.example:80", Some("http://evil.example:80")),
            Some(403)
        );
    }
}
