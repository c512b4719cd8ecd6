//! New packages in languages other than Rust work at once.

use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use crate::support::lake;
use crate::support::program::Place;

/// Creates the package `my-rules`.
fn new(place: &Place, language: &str) -> String {
    let args = ["transform", "new", "my-rules", "--language", language];
    place.run(&args).succeeded().stdout
}

/// The last line of a text that begins with these words.
fn command<'a>(text: &'a str, start: &str) -> Vec<&'a str> {
    let mut lines = text.lines().map(str::trim);
    let found = lines.rfind(|line| line.starts_with(start));
    let found = found.unwrap_or_else(|| panic!("no {start:?} in {text}"));
    found.split(' ').skip(1).collect()
}

/// Runs a command of `sluice` in the package.
fn run_in_package(place: &Place, args: &[&str]) -> crate::support::program::Ran {
    let mut command = place.command(args);
    command.current_dir(place.path("my-rules"));
    command.output().unwrap().into()
}

#[test]
fn a_new_package_in_jq_passes_its_own_cases_and_serves() {
    let place = Place::new();
    let next = new(&place, "jq");
    let test = command(&next, "sluice transform test");
    let ran = run_in_package(&place, &test).succeeded();
    assert!(ran.stdout.contains("2 of 2 cases passed"), "{ran:#?}");
    // The page of the package says the same, and how to run it.
    let readme = fs::read_to_string(place.path("my-rules/README.md")).unwrap();
    assert_eq!(command(&readme, "sluice transform test"), test);
    for start in ["sluice generate", "sluice run --jq"] {
        run_in_package(&place, &command(&readme, start)).succeeded();
    }
    let events = lake::events(&place.path("my-rules/lake"));
    assert_eq!(events.values().map(Vec::len).sum::<usize>(), 1_000);
    assert!(
        events
            .keys()
            .all(|folder| folder.starts_with("event_type="))
    );
}

#[test]
fn a_new_package_in_javascript_has_the_contract_and_names_no_path() {
    let place = Place::new();
    let next = new(&place, "javascript");
    assert!(next.contains("npm ci && npm run build"), "{next}");
    let file = |path: &str| fs::read_to_string(place.path("my-rules").join(path)).unwrap();
    let contract = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
    for name in ["log.wit", "transform.wit"] {
        let expected = fs::read_to_string(contract.join(name)).unwrap();
        assert_eq!(file(&format!("wit/{name}")), expected);
    }
    let script = file("package.json");
    assert!(script.contains("--output my-rules.wasm"), "{script}");
    for path in ["package.json", "package-lock.json", "rules.js", "README.md"] {
        let text = file(path);
        let home = env!("CARGO_MANIFEST_DIR");
        assert!(
            !text.contains(home) && !text.contains("{{"),
            "{path}: {text}"
        );
    }
}

#[test]
fn an_unknown_language_is_wrong_usage() {
    let place = Place::new();
    let args = ["transform", "new", "my-rules", "--language", "python"];
    place
        .run(&args)
        .failed(2, &["python", "rust", "jq", "javascript"]);
    assert!(!place.path("my-rules").exists());
}

/// `make guest-js` runs this with the packages that it has installed.
#[test]
#[ignore = "needs Node and its packages: make guest-js"]
fn a_new_package_in_javascript_builds_and_passes_its_own_cases() {
    let modules = env::var_os("SLUICE_NODE_MODULES").expect("the folder node_modules");
    let place = Place::new();
    new(&place, "javascript");
    let folder = place.path("my-rules");
    symlink(modules, folder.join("node_modules")).unwrap();
    let mut npm = Command::new("npm");
    npm.args(["run", "build"]).current_dir(&folder);
    let built = npm.output().expect("npm starts");
    assert!(built.status.success(), "{built:?}");
    let test = ["transform", "test", "my-rules.wasm", "--cases", "cases"];
    let ran = run_in_package(&place, &test).succeeded();
    assert!(ran.stdout.contains("2 of 2 cases passed"), "{ran:#?}");
    let component = fs::read(folder.join("my-rules.wasm")).unwrap();
    let home = folder.to_str().unwrap().as_bytes();
    let mut parts = component.windows(home.len());
    assert!(parts.all(|part| part != home), "the path of the package");
}
