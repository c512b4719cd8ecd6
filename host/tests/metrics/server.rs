//! The HTTP server: its responses, its limits and its address.

use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::Stdio;

use serde_json::Value;

use super::watched::{Watched, get, request};
use crate::support::cloud::Cloud;
use crate::support::program::{Place, Ran};

/// A run that waits for its input.
fn waiting(place: &Place) -> Watched {
    let mut command = place.command(&["run", "--source", "-", "--lake", "file:lake"]);
    Watched::start(command.stdin(Stdio::piped()))
}

#[test]
fn pages_are_read_and_nothing_else_is_done() {
    let place = Place::new();
    let watched = waiting(&place);
    let ask = |method, path| request(watched.address, method, path);
    for path in ["/metrics", "/livez", "/readyz", "/status"] {
        let (page, head) = (ask("GET", path), ask("HEAD", path));
        assert_eq!((page.status, head.status), (200, 200), "{path}");
        assert_eq!((page.body.is_empty(), head.body.is_empty()), (false, true));
        assert_eq!(page.headers["content-type"], head.headers["content-type"]);
        for method in ["POST", "PUT", "DELETE"] {
            let response = ask(method, path);
            assert_eq!(response.status, 405, "{method} {path}");
            assert_eq!(response.headers["allow"], "GET, HEAD");
        }
    }
    assert_eq!(
        ask("GET", "/metrics").headers["content-type"],
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    assert_eq!(ask("GET", "/metrics?name=x").status, 200);
    for path in ["/", "/metric", "/metrics/", "/Metrics", "/status/shards"] {
        assert_eq!(ask("GET", path).status, 404, "{path}");
    }
}

#[test]
fn silent_and_flooding_clients_do_not_block_others() {
    let place = Place::new();
    let watched = waiting(&place);
    // More connections than are served at once.
    let silent: Vec<_> = (0..70)
        .map(|_| TcpStream::connect(watched.address).unwrap())
        .collect();
    let mut endless = TcpStream::connect(watched.address).unwrap();
    // The server can close the connection while the client still writes.
    let _closed = endless.write_all(&b"GET / HTTP/1.1\r\nX: ".repeat(5_000));
    assert_eq!(get(watched.address, "/livez").status, 200);
    drop(silent);
    assert_eq!(get(watched.address, "/livez").status, 200);
}

#[test]
fn a_configured_address_in_use_ends_the_run() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let place = Place::new();
    place.write("events.ndjson", "{}\n");
    let ran = place.try_land(&["--http", &address]);
    ran.failed(1, &["http: cannot listen on", &address]);
    assert!(!place.lake().exists());
}

#[test]
fn a_worker_runs_without_pages_if_the_default_address_is_in_use() {
    // If this fails, another program uses the address, which is as good.
    let _taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 9464));
    let cloud = Cloud::new(1);
    let mut command = cloud.command(&["--exit-when-caught-up"]);
    let ran = Ran::from(command.env_remove("SLUICE_HTTP").output().unwrap());
    assert!(ran.stderr.contains("127.0.0.1:9464"), "{ran:?}");
    assert_eq!(ran.summary().count("records"), 0);
}

#[test]
fn none_turns_the_pages_off() {
    let cloud = Cloud::new(1);
    let output = cloud.command(&["--exit-when-caught-up"]).output().unwrap();
    let ran = Ran::from(output).succeeded();
    assert!(!ran.stderr.contains("metrics"), "{ran:?}");
    let place = Place::new();
    place.write("events.ndjson", "{}\n");
    let ran = place.try_land(&[]).succeeded();
    assert!(!ran.stderr.contains("metrics"), "{ran:?}");
}

#[test]
fn a_json_log_has_the_address_as_a_field() {
    let place = Place::new();
    place.write("events.ndjson", "{}\n");
    let log = ["--log-format", "json", "--log-level", "info"];
    let ran = place.try_land(&[&log[..], &["--http", "127.0.0.1:0"]].concat());
    let lines = ran.stderr.lines();
    let lines: Vec<Value> = lines.map(|l| serde_json::from_str(l).unwrap()).collect();
    let mut addresses = lines.iter().filter_map(|line| line["http"].as_str());
    let address = addresses.next().expect("an address");
    assert!(
        address.starts_with("127.0.0.1:") && !address.ends_with(":0"),
        "{address}"
    );
}

#[test]
fn help_says_how_the_default_differs() {
    let place = Place::new();
    let help = place.run(&["run", "--help"]).succeeded().stdout;
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(help.contains("127.0.0.1:9464 for a stream"), "{help}");
    assert!(help.contains("none for files"), "{help}");
}
