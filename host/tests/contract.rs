//! Version 1.0 of the contract never changes, and a host runs components of every 1.x version.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use sluice::ENRICH;
use wit_component::WitPrinter;
use wit_parser::Resolve;

use crate::support::guests::{Tiny, rogue};
use crate::support::outcomes::{CallMode, admitted, limits, obeyed, try_admit, words};
use crate::support::program::Place;

/// What to do about a change of the contract.
const ADVICE: &str = "Components that are built for version 1.0 must run with every 1.x host, so `wit/` keeps what \
    `host/tests/fixtures/contract-1.0/` has. For something new, add an optional interface in a new file of `wit/`, and \
    raise the minor version of the package in all files (ARCHITECTURE.md, \"An import for transforms\"; \
    docs/transforms.md, \"What 1.0 promises\"). Any other change is version 2.0: a package of its own next to this one. \
    Comments may change. Never change the frozen copy.";

fn host() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn current() -> PathBuf {
    host().join("../wit")
}

fn frozen() -> PathBuf {
    host().join("tests/fixtures/contract-1.0")
}

/// A contract without its comments.
struct Contract {
    major: u64,
    minor: u64,
    /// The interfaces and the worlds, by their first lines.
    items: BTreeMap<String, String>,
}

impl Contract {
    fn read(folder: &Path) -> Self {
        let mut resolve = Resolve::default();
        let (package, _) = resolve.push_dir(folder).unwrap();
        let version = resolve.packages[package].name.version.as_ref().unwrap();
        let mut printer = WitPrinter::default();
        printer.emit_docs(false);
        printer.print(&resolve, package, &[]).unwrap();
        Self {
            major: version.major,
            minor: version.minor,
            items: items(&printer.output.to_string()),
        }
    }

    /// What a component that is built for the `frozen` contract could notice.
    fn complaints(&self, frozen: &Self) -> Vec<String> {
        let mut complaints = Vec::new();
        for (name, was) in &frozen.items {
            match self.items.get(name) {
                None => complaints.push(format!("`{name}` is missing")),
                Some(is) if is == was => {}
                Some(is) => complaints.push(format!("`{name}` has changed from\n{was}to\n{is}")),
            }
        }
        if self.major != frozen.major {
            complaints.push(format!("the package has the major version {}", self.major));
        }
        let added = self.items.keys();
        let added = added.filter(|name| !frozen.items.contains_key(*name));
        if self.minor <= frozen.minor {
            let added = added.map(|name| format!("`{name}` is new, in the same version"));
            complaints.extend(added);
        }
        complaints
    }
}

/// The blocks of a printed package that begin with `interface` or `world`.
fn items(printed: &str) -> BTreeMap<String, String> {
    let mut items = BTreeMap::new();
    let mut name = None;
    for line in printed.lines() {
        if line.starts_with("interface ") || line.starts_with("world ") {
            name = Some(line.trim_end_matches(" {").to_owned());
        }
        if let Some(name) = &name {
            let text: &mut String = items.entry(name.clone()).or_default();
            text.push_str(line);
            text.push('\n');
        }
        if line == "}" {
            name = None;
        }
    }
    items
}

#[test]
fn version_1_0_has_not_changed() {
    let frozen = Contract::read(&frozen());
    let names = [
        "interface batch",
        "interface fields",
        "interface log",
        "interface records",
        "interface rules",
        "world transform",
        "world transform-all",
        "world transform-batch",
        "world transform-fields",
    ];
    assert!(frozen.items.keys().eq(&names), "{:?}", frozen.items.keys());
    assert_eq!((frozen.major, frozen.minor), (1, 0));
    let complaints = Contract::read(&current()).complaints(&frozen);
    assert!(complaints.is_empty(), "{}\n{ADVICE}", complaints.join("\n"));
}

/// The complaints about a copy of the frozen contract that is changed.
fn complaints_of(change: impl Fn(&str) -> String) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    for name in ["log.wit", "transform.wit"] {
        let text = fs::read_to_string(frozen().join(name)).unwrap();
        fs::write(folder.path().join(name), change(&text)).unwrap();
    }
    let changed = Contract::read(folder.path());
    changed.complaints(&Contract::read(&frozen()))
}

#[test]
fn a_change_of_a_type_is_noticed_and_one_of_a_comment_is_not() {
    let replaced = |was: &'static str, is: &'static str| {
        complaints_of(move |text| {
            let text = text.replace("@1.0.0;", "@1.1.0;");
            text.replace(was, is)
        })
    };
    assert_eq!(replaced("/// One event", "/// An event"), [""; 0]);
    for (was, is) in [
        ("arrived-at: u64", "arrived-at: s64"),
        ("partition-key: string,", ""),
        ("        bus,\n", "        bus,\n        archive,\n"),
        (
            "wanted: wanted,",
            "wanted: wanted,\n        fallback: string,",
        ),
        ("declare: func()", "declare: func(config: string)"),
        (
            "    import log;\n    export rules;\n    export records;",
            "    export rules;\n    export records;",
        ),
    ] {
        let complaints = replaced(was, is);
        let changed = complaints.iter().filter(|it| it.contains("has changed"));
        assert!(changed.count() > 0, "{was}: {complaints:?}");
    }
}

#[test]
fn a_new_interface_needs_a_new_minor_version() {
    let with_trace = |version: &str| {
        complaints_of(|text| {
            let text = text.replace("@1.0.0;", version);
            if text.contains("interface log") {
                text + "\ninterface trace {\n    span: func(name: string);\n}\n"
            } else {
                text
            }
        })
    };
    assert_eq!(with_trace("@1.1.0;"), [""; 0]);
    let same = with_trace("@1.0.0;");
    assert!(same.len() == 1 && same[0].contains("trace"), "{same:?}");
    let major = with_trace("@2.0.0;");
    assert!(major.iter().any(|it| it.contains("major")), "{major:?}");
}

/// A component as one that was built for another version of the contract, whose name is as long.
fn built_for(component: &[u8], version: &str) -> Vec<u8> {
    let (ours, theirs) = (b"@1.0.0", version.as_bytes());
    assert_eq!(ours.len(), theirs.len());
    let mut component = component.to_vec();
    let mut at = 0;
    while at + ours.len() <= component.len() {
        if component[at..].starts_with(ours) {
            component[at..at + ours.len()].copy_from_slice(theirs);
        }
        at += 1;
    }
    component
}

/// The version is in the names of interfaces. A component of a later 1.x version that uses nothing new runs.
#[test]
fn a_component_of_another_minor_version_runs() {
    for version in ["@1.0.9", "@1.9.0"] {
        let tiny = built_for(&Tiny::default().component(), version);
        let release = admitted(&tiny, "{}", &limits());
        assert_eq!(release.contract(), version.strip_prefix('@'));
        let results = obeyed(&release, CallMode::Usual, &["a", "b"]);
        assert_eq!(words(&results), ["dropped", "dropped"]);
        for component in [ENRICH, &rogue().by_all] {
            let release = admitted(&built_for(component, version), "{}", &limits());
            assert_eq!(release.contract(), version.strip_prefix('@'));
        }
    }
}

#[test]
fn a_component_of_the_next_major_version_is_refused_by_its_names() {
    for component in [&Tiny::default().component()[..], ENRICH] {
        let next = built_for(component, "@2.0.0");
        let error = try_admit(&next, "{}", &limits()).err().unwrap().to_string();
        let expected = "world: the component is built for version 2.0.0 of the contract; this program runs version 1.x";
        assert_eq!(error, expected);
    }
}

/// Golden cases compare messages too. If the host's own rejections changed, releases with such cases would fail
/// admission, and a repetition could quarantine other records.
#[test]
fn what_is_json_and_the_words_of_its_rejections_are_those_of_1_0() {
    // Lands each record unchanged, on the bus only, where any JSON object may go.
    let keeps = Tiny::by_fields("(i32.store8 (i32.const 776) (i32.const 2))");
    let place = Place::new();
    place.write("keeps.wasm", keeps.component());
    let cases = host().join("tests/fixtures/contract-1.0-cases");
    let cases = cases.to_str().unwrap();
    let ran = place.run(&["transform", "test", "keeps.wasm", "--cases", cases]);
    assert_eq!(ran.code, Some(0), "{}{}\n{ADVICE}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("3 of 3 cases passed"), "{ran:?}");
}
