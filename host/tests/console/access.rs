//! Who may see the console, and who may change something: whoever has its token, from its own pages.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv6Addr, SocketAddr, TcpListener, TcpStream};

use super::client::{Response, send};
use super::{Console, PAGES, console, html, place, publish, transform, visit};
use crate::support::lake;
use crate::support::served::TIMEOUT;

/// What every response must have.
fn assert_headers(response: &Response) {
    let header = |name: &str| response.headers.get(name).map_or("", String::as_str);
    let policy = header("content-security-policy");
    for part in [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ] {
        assert!(policy.contains(part), "{part}: {response:#?}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
        ("cache-control", "no-store"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(header(name), value, "{response:#?}");
    }
    assert!(!response.headers.contains_key("access-control-allow-origin"));
}

/// Sends a request that nobody is signed in for.
fn anonymous(console: &Console, host: &str, path: &str, cookie: Option<&str>) -> Response {
    let mut headers = vec![("Host", host)];
    headers.extend(cookie.map(|cookie| ("Cookie", cookie)));
    send(console.address, "GET", path, &headers, "")
}

#[test]
fn each_response_has_the_headers_that_keep_others_out() {
    let place = place();
    let console = console(&place, &["--lake", "file:lake"]);
    let host = console.address.to_string();
    for path in PAGES {
        assert_headers(&console.get(path));
    }
    for name in ["style.css", "script.js", "icon.svg"] {
        let asset = console.get(&format!("/assets/{name}"));
        assert_eq!(asset.status, 200);
        assert_headers(&asset);
    }
    for path in ["/nothing", "/assets/nothing", "/shard", "/release?id=x"] {
        let response = console.get(path);
        assert!((400..500).contains(&response.status), "{path}");
        assert_headers(&response);
    }
    assert_headers(&anonymous(&console, &host, "/", None));
}

#[test]
fn without_the_token_nothing_is_shown() {
    let place = place();
    let console = console(&place, &["--lake", "file:lake"]);
    let host = console.address.to_string();
    let wrong = format!("{}x", console.cookie);
    for path in [
        "/",
        "/quarantine",
        "/live?page=/",
        "/assets/script.js",
        "/?token=wrong",
        "/?token=",
    ] {
        for cookie in [None, Some(wrong.as_str()), Some("sluice_console=x")] {
            let response = anonymous(&console, &host, path, cookie);
            assert_eq!(response.status, 403, "{path} {cookie:?}");
            assert!(response.body.contains("token"), "{response:#?}");
            assert!(!response.body.contains(&console.token));
            assert!(!response.headers.contains_key("set-cookie"));
        }
    }
    // The token in the address of any page opens this page.
    let path = format!("/quarantine?token={}", console.token);
    let response = anonymous(&console, &host, &path, None);
    assert_eq!(response.status, 200);
    assert!(response.body.contains("url=/quarantine"), "{response:#?}");
    assert!(response.headers["set-cookie"].contains("SameSite=Strict"));
    let path = format!("/record?rid=x:1&token={}", console.token);
    let response = anonymous(&console, &host, &path, None);
    assert!(
        response.body.contains("url=/record?rid=x:1\""),
        "{response:#?}"
    );
    // No page repeats the token: who looks over a shoulder or at a screenshot does not see it.
    assert!(!console.get("/").body.contains(&console.token));
}

/// A name of another site can be made to resolve to this machine.
#[test]
fn a_request_for_another_host_is_rejected() {
    let place = place();
    let console = console(&place, &["--lake", "file:lake"]);
    let port = console.address.port();
    let cookie = Some(console.cookie.as_str());
    let of_token = format!("/?token={}", console.token);
    let others = [
        "evil.example".to_owned(),
        format!("evil.example:{port}"),
        "127.0.0.1".to_owned(),
        format!("127.0.0.1:{}", port ^ 1),
        format!("console.localhost:{port}"),
        console
            .host
            .replace(".localhost", ".localhost.evil.example"),
        format!("127.0.0.1.evil.example:{port}"),
    ];
    for host in others {
        for path in ["/", &of_token] {
            let response = anonymous(&console, &host, path, cookie);
            assert_eq!(response.status, 403, "{host} {path}");
            assert!(!response.headers.contains_key("set-cookie"));
        }
    }
    let address = console.address.to_string();
    let local = format!("localhost:{port}");
    for host in [&console.host, &address, &local] {
        assert_eq!(anonymous(&console, host, "/", cookie).status, 200, "{host}");
        let signed_in = anonymous(&console, host, &of_token, None);
        let set = &signed_in.headers["set-cookie"];
        assert!(set.starts_with(&console.cookie), "{host}: {set}");
    }
}

/// A page of another port of 127.0.0.1 is of the same site: the browser sends the cookie with its requests.
#[test]
fn a_page_of_another_port_reads_nothing() {
    let place = place();
    let console = console(&place, &["--lake", "file:lake"]);
    for path in [&PAGES[..], &["/live?page=/", "/assets/script.js"]].concat() {
        for site in ["same-site", "cross-site"] {
            let response = console.request("GET", path, &[("Sec-Fetch-Site", site)], "");
            assert_eq!(response.status, 403, "{path} {site}");
        }
    }
    for site in ["same-origin", "none"] {
        let response = console.request("GET", "/", &[("Sec-Fetch-Site", site)], "");
        assert_eq!(response.status, 200, "{site}");
    }
    // The first request is begun by another program, or by the file of `--open`.
    let path = format!("/?token={}", console.token);
    let headers = [("Host", &*console.host), ("Sec-Fetch-Site", "cross-site")];
    assert_eq!(
        send(console.address, "GET", &path, &headers, "").status,
        200
    );
}

/// Browsers look for a name below `localhost` at this address first.
#[test]
fn nobody_else_can_listen_on_the_other_address_of_the_name() {
    let place = place();
    let console = console(&place, &["--lake", "file:lake"]);
    let address = SocketAddr::from((Ipv6Addr::LOCALHOST, console.address.port()));
    match TcpListener::bind(address).map_err(|error| error.kind()) {
        Err(ErrorKind::AddrInUse) => {
            let headers = [("Host", &*console.host), ("Cookie", &*console.cookie)];
            assert_eq!(send(address, "GET", "/", &headers, "").status, 200);
        }
        // This machine has no IPv6.
        Err(_) => {}
        Ok(_) => panic!("the token can be caught at {address}"),
    }
}

/// A request that a button of a page sends.
struct Action {
    path: String,
    fields: Vec<(String, String)>,
}

impl Action {
    fn fields(&self) -> Vec<(&str, &str)> {
        let fields = self.fields.iter();
        fields.map(|(name, value)| (&**name, &**value)).collect()
    }
}

/// What the buttons of all pages of a console send, with a value in each field. Each path is there once.
fn actions(console: &Console) -> Vec<Action> {
    let mut actions = BTreeMap::new();
    for page in visit(console).values() {
        for form in html::forms(&page.body) {
            for button in &form.buttons {
                let path = button.action.clone().unwrap_or(form.action.clone());
                let mut fields = form.fields.clone();
                fields.extend(button.field.clone());
                let fields = fields.into_iter().map(|(name, value)| match &*value {
                    "" => (name, "a reason".to_owned()),
                    _ => (name, value),
                });
                actions.entry(path).or_insert_with(|| fields.collect());
            }
        }
    }
    let actions = actions.into_iter();
    actions
        .map(|(path, fields)| Action { path, fields })
        .collect()
}

#[test]
fn a_page_of_another_origin_changes_nothing() {
    let place = place();
    let release = publish(&place, "{}", "the first one");
    transform(&place, &["activate", &release]).succeeded();
    publish(&place, r#"{"partition_by":["date"]}"#, "the second one");
    let args = ["--lake", "file:lake", "--registry", "file:registry"];
    let console = console(&place, &[&args[..], &["--allow-publish"]].concat());
    let before = lake::tree(&place.path("registry"));
    let actions = actions(&console);
    assert!(!actions.is_empty());
    let port = console.address.port();
    let others = [
        "null".to_owned(),
        "http://evil.example".to_owned(),
        format!("https://127.0.0.1:{port}"),
        format!("http://127.0.0.1:{}", port ^ 1),
        format!("http://127.0.0.1.evil.example:{port}"),
    ];
    for action in &actions {
        let path = &action.path;
        for origin in &others {
            let response = console.post_from(origin, path, &action.fields());
            assert_eq!(response.status, 403, "{origin} {path}");
        }
        let without = console.request("POST", path, &[], "");
        assert_eq!(without.status, 403, "{path}");
    }
    assert_eq!(lake::tree(&place.path("registry")), before);
}

/// A console that only reads shows no form that publishes, and rejects what such a form would send.
#[test]
fn a_console_that_only_reads_writes_nothing() {
    let place = place();
    let release = publish(&place, "{}", "the first one");
    transform(&place, &["activate", &release]).succeeded();
    publish(&place, r#"{"partition_by":["date"]}"#, "the second one");
    let args = ["--lake", "file:lake", "--registry", "file:registry"];
    let mut actions = {
        let publisher = console(&place, &[&args[..], &["--allow-publish"]].concat());
        actions(&publisher)
    };
    let trees = || ["registry", "lake"].map(|folder| lake::tree(&place.path(folder)));
    let before = trees();
    let reader = console(&place, &args);
    let change = [("action", "rollback"), ("why", "a reason"), ("seen", "1")];
    actions.push(Action {
        path: "/releases/change".to_owned(),
        fields: change
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
    });
    let mut refused = Vec::new();
    for action in &actions {
        let response = reader.post(&action.path, &action.fields());
        // What only tries something may pass.
        if response.status == 403 {
            assert!(response.says("--allow-publish"), "{response:#?}");
            refused.push(&action.path);
        }
        assert_eq!(trees(), before, "{}", action.path);
    }
    for path in ["/releases/change", "/releases/confirm", "/try/publish"] {
        assert!(
            refused.iter().any(|refused| *refused == path),
            "{refused:?}"
        );
    }
    let shown = reader.get("/releases");
    assert!(html::forms(&shown.body).is_empty(), "{shown:#?}");
    assert!(shown.says("--allow-publish"));
}

/// Opens a connection that sends this and no more.
fn connect(console: &Console, sent: &str) -> TcpStream {
    let mut stream = TcpStream::connect(console.address).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    stream.write_all(sent.as_bytes()).unwrap();
    stream
}

/// Half a header, which any program of the machine can send.
const HALF_A_HEADER: &str = "GET / HTTP/1.1\r\nHost: ";

#[test]
fn silent_connections_keep_nobody_from_the_pages() {
    let place = place();
    let console = console(&place, &["--lake", "file:lake"]);
    let mut live = console.live("/shards");
    assert_eq!(live.status_line(), "HTTP/1.1 200 OK");
    let sent = ["", HALF_A_HEADER];
    let others = (0..400).map(|n| connect(&console, sent[n % sent.len()]));
    let others: Vec<_> = others.collect();
    assert_eq!(console.get("/shards").status, 200);
    // What the signed-in browser has open stays open.
    live.section();
    drop(others);
    drop(console.process);
    let printed = console.output.join().unwrap();
    assert!(printed.contains("has 256 open connections"), "{printed}");
}

#[test]
fn a_connection_without_a_request_is_closed() {
    let place = place();
    let console = console(&place, &["--lake", "file:lake"]);
    let whole = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", console.address);
    for (mut stream, status) in ["", HALF_A_HEADER, &whole]
        .map(|sent| connect(&console, sent))
        .into_iter()
        .zip(["", "", "HTTP/1.1 403 Forbidden"])
    {
        let mut received = String::new();
        // It ends, although nothing asks for this.
        stream.read_to_string(&mut received).unwrap();
        assert!(received.starts_with(status), "{received}");
        assert_eq!(received.is_empty(), status.is_empty(), "{received}");
    }
}

#[test]
fn pages_load_when_too_many_are_updated_live() {
    let place = place();
    let console = console(&place, &["--lake", "file:lake"]);
    let open = (0..100).map(|_| {
        let mut live = console.live("/shards");
        assert_eq!(live.status_line(), "HTTP/1.1 200 OK");
        live
    });
    let open: Vec<_> = open.collect();
    let refused = console.get("/live?page=/shards");
    assert_eq!(refused.status, 503, "{refused:#?}");
    assert_eq!(refused.headers["retry-after"], "10");
    assert_eq!(console.get("/shards").status, 200);
    drop(open);
}
