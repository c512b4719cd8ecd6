//! Wrong usage ends with 2 and says what to do.

use std::net::{Ipv4Addr, TcpListener};

use super::console;
use crate::support::program::Place;

fn fails(args: &[&str], parts: &[&str]) {
    let place = Place::new();
    place.run(&[&["console"], args].concat()).failed(2, parts);
}

#[test]
fn there_must_be_something_to_show() {
    fails(
        &[],
        &["nothing to show", "--lake", "--registry", "--worker"],
    );
}

#[test]
fn targets_and_addresses_must_be_some() {
    fails(&["--lake", "nothing"], &["lake", "file:DIR"]);
    fails(&["--registry", "nothing"], &["registry", "file:DIR"]);
    for url in ["", "nothing", "ftp://127.0.0.1:9464", "http://"] {
        fails(&["--worker", url], &["--worker"]);
    }
}

#[test]
fn publishing_needs_a_registry() {
    fails(
        &["--lake", "file:lake", "--allow-publish"],
        &["--allow-publish", "--registry"],
    );
}

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    fails(
        &["--lake", "file:lake", "--port", &port],
        &["cannot listen on port", &port, "0 for a free one"],
    );
}

/// The settings of a run name the lake and the registry of a console too.
#[test]
fn the_lake_comes_from_the_environment_or_the_settings_file() {
    let place = super::place();
    place.write("sluice.toml", "lake = \"file:lake\"\n");
    console(&place, &[]).says("/quarantine", &["missing_field"]);
    place.write("sluice.toml", "");
    let mut command = place.command(&["console"]);
    let console = super::Console::start(command.env("SLUICE_LAKE", "file:lake"));
    console.says("/quarantine", &["missing_field"]);
}
