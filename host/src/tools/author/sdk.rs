//! The guest SDK in a new package: its source, from the files of its crates, because it is not published.

/// The version of the program and of all crates of its workspace.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The path of each file in the package, and its content in this repository.
macro_rules! sources {
    ($folder:literal from $origin:literal: $($file:literal)*) => {
        &[$((concat!($folder, $file), include_str!(concat!($origin, $file)))),*]
    };
}

const TRANSFORM: &[(&str, &str)] = sources!(
    "sluice/transform/src/" from "../../../crates/transform/src/":
    "batch.rs" "bytes.rs" "component.rs" "configured.rs" "declaration.rs" "destination_rule.rs" "destinations.rs"
    "events.rs" "fields.rs" "json.rs" "lib.rs" "log.rs" "number_text.rs" "partition.rs" "raw_text.rs" "record.rs"
    "record/moment.rs" "rejection.rs" "testing.rs" "testing/partition.rs" "time.rs" "time/decimal.rs" "time/format.rs"
    "time/iso8601.rs" "whole_records.rs"
);

const JSON_SCAN: &[(&str, &str)] = sources!(
    "sluice/json-scan/src/" from "../../../crates/json-scan/src/":
    "edit.rs" "kind.rs" "lib.rs" "members.rs" "members/learned.rs" "members/names.rs" "nesting.rs" "profile.rs"
    "profile/name.rs" "profile/names.rs" "profile/number.rs" "profile/path.rs" "profile/simple.rs"
    "profile/surrogates.rs" "profile/walk.rs" "stops.rs" "stops/avx2.rs" "syntax_error.rs" "text.rs"
);

const CONTRACT: &[(&str, &str)] = sources!(
    "sluice/wit/" from "../../../../wit/": "log.wit" "transform.wit"
);

const MANIFESTS: &[(&str, &str)] = &[
    (
        "sluice/transform/Cargo.toml",
        include_str!("template/sdk/transform.toml.in"),
    ),
    (
        "sluice/json-scan/Cargo.toml",
        include_str!("template/sdk/json-scan.toml.in"),
    ),
];

/// The path and the content of each file of the SDK.
pub(super) fn files() -> impl Iterator<Item = (&'static str, String)> {
    let manifests = MANIFESTS.iter();
    let manifests = manifests.map(|(path, text)| (*path, text.replace("{{sluice}}", VERSION)));
    let sources = [TRANSFORM, JSON_SCAN, CONTRACT].into_iter().flatten();
    manifests.chain(sources.map(|(path, text)| (*path, near_contract(text))))
}

/// The path and the content of each file of the contract, for a package without the SDK.
pub(super) fn contract() -> impl Iterator<Item = (&'static str, &'static str)> {
    let files = CONTRACT.iter();
    files.map(|(path, text)| (path.trim_start_matches("sluice/"), *text))
}

/// In a package, the contract is next to the crate.
fn near_contract(source: &str) -> String {
    source.replace("path: \"../../../wit\"", "path: \"../wit\"")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::{Path, PathBuf};

    use toml::{Table, Value};

    use super::*;

    fn repository() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
    }

    fn read(path: &str) -> String {
        fs::read_to_string(repository().join(path)).unwrap()
    }

    /// All files below a folder, by their paths from there.
    fn below(folder: &Path) -> Vec<String> {
        let mut found = Vec::new();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                found.extend(below(&path).iter().map(|file| format!("{name}/{file}")));
            } else {
                found.push(name);
            }
        }
        found
    }

    /// Whether the module above declares a module for tests only.
    fn is_test(crate_source: &str, file: &str) -> bool {
        let module = file.strip_suffix(".rs").unwrap();
        let (above, name) = module.rsplit_once('/').unwrap_or(("lib", module));
        let above = read(&format!("{crate_source}/{above}.rs"));
        above.contains(&format!("#[cfg(test)]\nmod {name};"))
    }

    fn check_complete(listed: &[(&str, &str)], crate_source: &str) {
        let mut expected = below(&repository().join(crate_source));
        expected.retain(|file| file == "lib.rs" || !is_test(crate_source, file));
        expected.sort_unstable();
        let file = |(path, _): &(&str, &str)| path.split_once("/src/").unwrap().1.to_owned();
        let listed: Vec<_> = listed.iter().map(file).collect();
        assert_eq!(listed, expected, "the sources of {crate_source} in sdk.rs");
    }

    #[test]
    fn all_sources_are_listed() {
        check_complete(TRANSFORM, "host/crates/transform/src");
        check_complete(JSON_SCAN, "host/crates/json-scan/src");
        let mut contract = below(&repository().join("wit"));
        contract.sort_unstable();
        let listed = CONTRACT
            .iter()
            .map(|(path, _)| path.rsplit_once('/').unwrap().1);
        assert_eq!(listed.collect::<Vec<_>>(), contract);
    }

    #[test]
    fn the_contract_is_found() {
        let component = files().find(|(path, _)| path.ends_with("/component.rs"));
        let (_, component) = component.unwrap();
        assert!(component.contains("path: \"../wit\"") && !component.contains("../../wit"));
    }

    /// What a manifest demands of a dependency: its version, whether it has the default features, and its features.
    type Demand = (Option<String>, bool, Vec<String>);

    fn demand(dependency: &Value) -> Demand {
        let (version, table) = match dependency {
            Value::String(version) => (Some(version.clone()), Table::new()),
            other => (None, other.as_table().unwrap().clone()),
        };
        let of_table = table.get("version").and_then(Value::as_str);
        let features = table.get("features").and_then(Value::as_array);
        let features = features.into_iter().flatten();
        let defaults = table.get("default-features").and_then(Value::as_bool);
        (
            version.or(of_table.map(str::to_owned)),
            defaults.unwrap_or(true),
            features.map(|it| it.as_str().unwrap().to_owned()).collect(),
        )
    }

    /// The demands of all dependencies but those of tests. A dependency of the workspace has its demand there.
    fn demands(manifest: &str, workspace: &Table) -> BTreeMap<String, Demand> {
        let manifest: Value = toml::from_str(manifest).unwrap();
        let targets = manifest.get("target").and_then(Value::as_table);
        let targets = targets.into_iter().flat_map(Table::values);
        let tables = [&manifest].into_iter().chain(targets);
        let dependencies = tables.filter_map(|table| table.get("dependencies")?.as_table());
        let mut demands = BTreeMap::new();
        for (name, dependency) in dependencies.flatten() {
            let shared = dependency.get("workspace").is_some();
            let dependency = if shared { &workspace[name] } else { dependency };
            demands.insert(name.clone(), demand(dependency));
        }
        demands
    }

    #[test]
    fn the_manifests_demand_what_those_of_the_crates_do() {
        let workspace: Table = toml::from_str(&read("Cargo.toml")).unwrap();
        let workspace = workspace["workspace"]["dependencies"].as_table().unwrap();
        for (path, manifest) in files().filter(|(path, _)| path.ends_with("Cargo.toml")) {
            let own = read(&path.replace("sluice/", "host/crates/"));
            assert_eq!(
                demands(&manifest, workspace),
                demands(&own, workspace),
                "{path}"
            );
            assert!(!manifest.contains("{{"), "{path}");
        }
    }
}
