//! The languages of a new package, and the files of each.

use clap::ValueEnum;

use super::sdk;

/// The language of the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Language {
    /// A crate with the SDK.
    Rust,
    /// A jq program for the built-in transform `jq`; nothing is built.
    Jq,
    /// A script; Node 20 or later packs it with an interpreter.
    #[value(name = "javascript")]
    JavaScript,
}

/// The path of a file in the package, and its content with placeholders for the names.
type Template = (&'static str, &'static str);

/// A file of the templates in this repository, at its path in the package.
macro_rules! templates {
    ($($path:literal from $origin:literal)*) => {
        &[$(($path, include_str!(concat!("template/", $origin)))),*]
    };
}

/// Those besides the SDK.
const RUST: &[Template] = templates!(
    "Cargo.toml" from "Cargo.toml.in"
    "README.md" from "README.md.in"
    ".gitignore" from "gitignore.in"
    "src/lib.rs" from "lib.rs.in"
);

const JQ: &[Template] = templates!(
    "README.md" from "jq/README.md.in"
    "rules.jq" from "jq/rules.jq.in"
    "config.json" from "jq/config.json"
    "cases/lesson.in.json" from "lesson.in.json"
    "cases/lesson.out.ndjson" from "jq/lesson.out.ndjson"
    "cases/rejected.in.ndjson" from "rejected.in.ndjson"
    "cases/rejected.out.ndjson" from "jq/rejected.out.ndjson"
);

/// Those besides the contract.
const JAVASCRIPT: &[Template] = templates!(
    "README.md" from "javascript/README.md.in"
    "package.json" from "javascript/package.json.in"
    ".gitignore" from "javascript/gitignore.in"
    "rules.js" from "javascript/rules.js.in"
);

/// The cases of packages whose edits Sluice applies, so that the results do not depend on the language.
const CASES: &[Template] = templates!(
    "cases/lesson.in.json" from "lesson.in.json"
    "cases/lesson.out.ndjson" from "lesson.out.ndjson"
    "cases/rejected.in.ndjson" from "rejected.in.ndjson"
    "cases/rejected.out.ndjson" from "rejected.out.ndjson"
);

/// The versions of the packages that build a component, which are those of the example.
const PACKAGE_LOCK: &str = include_str!("../../../examples/guest-js/package-lock.json");

const NEXT_RUST: &str = "{{folder}} is ready; see its README.md. Next, in this folder:
  cargo build --release --target wasm32-unknown-unknown
  sluice transform wrap target/wasm32-unknown-unknown/release/{{module}}.wasm --out {{name}}.wasm
  sluice transform test {{name}}.wasm --cases cases
";

const NEXT_JQ: &str = "{{folder}} is ready; see its README.md. Next, in this folder:
  sluice transform test --jq rules.jq --transform-config config.json --cases cases
";

const NEXT_JAVASCRIPT: &str = "{{folder}} is ready; see its README.md. Next, in this folder:
  npm ci && npm run build
  sluice transform test {{name}}.wasm --cases cases
";

impl Language {
    /// The files of a package.
    pub(super) fn files(self) -> Vec<(String, String)> {
        let owned = |(path, text): &Template| ((*path).to_owned(), (*text).to_owned());
        match self {
            Self::Rust => {
                let sdk = sdk::files().map(|(path, text)| (path.to_owned(), text));
                let templates = RUST.iter().chain(CASES).map(owned);
                templates.chain(sdk).collect()
            }
            Self::Jq => JQ.iter().map(owned).collect(),
            Self::JavaScript => {
                let contract: Vec<_> = sdk::contract().collect();
                let mut files: Vec<_> = JAVASCRIPT.iter().chain(CASES).map(owned).collect();
                files.extend(contract.iter().map(owned));
                files.push(("package-lock.json".to_owned(), package_lock()));
                files
            }
        }
    }

    /// The next steps, printed at the end.
    pub(super) fn next_steps(self) -> &'static str {
        match self {
            Self::Rust => NEXT_RUST,
            Self::Jq => NEXT_JQ,
            Self::JavaScript => NEXT_JAVASCRIPT,
        }
    }
}

fn package_lock() -> String {
    let named = PACKAGE_LOCK.replace(r#""name": "guest-js""#, r#""name": "{{name}}""#);
    named.replace(
        "      \"license\": \"Apache-2.0\",\n      \"devDependencies\"",
        "      \"devDependencies\"",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(language: Language, path: &str) -> String {
        let files = language.files();
        let found = files.into_iter().find(|(found, _)| found == path);
        found
            .unwrap_or_else(|| panic!("{language:?} has no {path}"))
            .1
    }

    #[test]
    fn each_package_has_a_readme_cases_and_no_unknown_placeholder() {
        for language in Language::value_variants() {
            assert!(file(*language, "README.md").starts_with("# {{name}}\n"));
            let mut cases = 0;
            for (path, text) in language.files() {
                let filled = text.replace("{{name}}", "x").replace("{{module}}", "x");
                // The source of the SDK is no template.
                let is_source = path.starts_with("sluice/") && path.ends_with(".rs");
                assert!(is_source || !filled.contains("{{"), "{language:?}: {path}");
                cases += usize::from(path.starts_with("cases/"));
            }
            assert_eq!(cases, 4, "{language:?}");
        }
    }

    #[test]
    fn a_package_of_javascript_pins_the_tools_of_the_example() {
        let parsed = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        let example = include_str!("../../../examples/guest-js/package.json");
        let (package, example) = (
            parsed(&file(Language::JavaScript, "package.json")),
            parsed(example),
        );
        assert_eq!(package["devDependencies"], example["devDependencies"]);
        assert_eq!(package["engines"], example["engines"]);
        let lock = file(Language::JavaScript, "package-lock.json");
        assert!(!lock.contains("://"), "the name of a registry's host");
        let lock = parsed(&lock);
        assert_eq!(lock["name"], "{{name}}");
        let own = &lock["packages"][""];
        for member in ["name", "version", "devDependencies", "engines"] {
            assert_eq!(own[member], package[member], "{member}");
        }
        assert!(
            own.get("license").is_none(),
            "the package has no license yet"
        );
    }
}
