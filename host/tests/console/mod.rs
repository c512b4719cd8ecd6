//! The console: its pages over real connections, as a browser and as an attacker would ask for them.

mod access;
pub(crate) mod attached;
mod client;
mod empty;
mod forms;
mod hostile;
mod html;
#[cfg(target_os = "linux")]
mod launch;
mod live;
mod pages;
mod refused;
mod requests;
mod rollout;
mod scale;
mod signed;
#[cfg(feature = "table")]
mod table;
mod try_rules;
mod usage;

use std::collections::{BTreeMap, VecDeque};
use std::process::Command;

use self::client::{Console, Response};
use crate::local::events;
use crate::support::cloud::Cloud;
use crate::support::program::{Place, Ran};

/// The pages that the navigation names.
const PAGES: [&str; 6] = [
    "/",
    "/shards",
    "/releases",
    "/quarantine",
    "/schema",
    "/try",
];

/// The most pages of a kind that [`visit`] reads.
const VISITED: usize = 6;

/// The events of [`place`] that land, and those records that are quarantined for two reasons.
const LANDED: usize = 20;
const MISSING: usize = 5;
const BROKEN: usize = 4;

/// A folder with a lake that has events, and quarantined records.
fn place() -> Place {
    let place = Place::new();
    let missing = (0..MISSING).map(|n| format!("{{\"event_uuid\":\"m-{n}\"}}\n"));
    let broken = (0..BROKEN).map(|n| format!("broken {n}\n"));
    let quarantined: String = missing.chain(broken).collect();
    place.write("events.ndjson", events(0..LANDED) + &quarantined);
    let landed = place.land(&[]);
    assert_eq!(landed.count("quarantined"), (MISSING + BROKEN) as u64);
    place
}

/// Starts a console in a folder.
fn console(place: &Place, args: &[&str]) -> Console {
    Console::start(&mut place.command(&[&["console"], args].concat()))
}

/// The command of a console that finds the stand-ins.
fn command_in(cloud: &Cloud, args: &[&str]) -> Command {
    let mut command = cloud.place.command(&[&["console"], args].concat());
    let run = cloud.command(&[]);
    let environment = run.get_envs();
    command.envs(environment.filter_map(|(name, value)| Some((name, value?))));
    command
}

/// `sluice transform …` on the registry of a folder.
fn transform(place: &Place, args: &[&str]) -> Ran {
    let registry = ["--registry", "file:registry"];
    place.run(&[&["transform"], args, &registry].concat())
}

/// Publishes a configuration of the enrichment, and returns the id of the release.
fn publish(place: &Place, config: &str, note: &str) -> String {
    let what = ["publish", "builtin:enrich", "--transform-config", config];
    let published = transform(place, &[&what[..], &["--note", note]].concat()).succeeded();
    published.stdout.trim().to_owned()
}

/// Reads the pages of the navigation and, of each kind of pages that these and others link to, some. Nothing in them may
/// act.
fn visit(console: &Console) -> BTreeMap<String, Response> {
    let (mut pages, mut kinds) = (BTreeMap::new(), BTreeMap::new());
    let mut next: VecDeque<_> = PAGES.map(ToOwned::to_owned).into();
    while let Some(path) = next.pop_front() {
        let visited: &mut usize = kinds.entry(kind(&path)).or_default();
        if pages.contains_key(&path) || *visited == VISITED {
            continue;
        }
        *visited += 1;
        let page = console.until(&path, |_| true);
        if page.headers["content-type"].starts_with("text/html") {
            html::assert_inert(&page.body);
            next.extend(html::links(&page.body));
        }
        pages.insert(path, page);
    }
    pages
}

/// The path of a page, and the names in its query.
fn kind(path: &str) -> Vec<String> {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let names = query.split('&').filter_map(|pair| pair.split('=').next());
    let mut kind: Vec<_> = names.map(ToOwned::to_owned).collect();
    kind.sort_unstable();
    kind.insert(0, path.to_owned());
    kind
}
