//! The structure of the program: which module may import which.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The modules of the library, the lowest layer first, as `lib.rs` lists them. A module imports only from
/// itself and from those before it.
const LAYERS: [&str; 22] = [
    "engine",
    "storage",
    "release",
    "builtin",
    "output",
    "format",
    "ledger",
    "layout",
    "redrive",
    "quarantine",
    "source",
    "sink",
    "config",
    "observe",
    "pipeline",
    "generate",
    "table",
    "modes",
    "audit",
    "tools",
    "console",
    "cli",
];

/// The layers that are crates of their own, `sluice-engine` and so on: the compiler checks what they import
/// from each other, this test the circles within them.
const CRATES: [&str; 3] = ["engine", "storage", "release"];

/// One import: the importing and the imported module as paths, and where it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Import {
    from: Vec<String>,
    to: Vec<String>,
    place: String,
}

impl Import {
    fn line(&self) -> String {
        format!(
            "{}: {} imports {}",
            self.place,
            self.from.join("::"),
            self.to.join("::")
        )
    }
}

fn source_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn crate_folder(name: &str) -> PathBuf {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates");
    crates.join(name).join("src")
}

/// The folder of a layer's modules.
fn layer_folder(name: &str) -> PathBuf {
    if CRATES.contains(&name) {
        crate_folder(name)
    } else {
        source_folder().join(name)
    }
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// The path of a file's module, below the root of its crate; empty for `lib.rs` and `main.rs`.
fn module(root: &Path, file: &Path) -> Vec<String> {
    let path = file.strip_prefix(root).unwrap().with_extension("");
    let parts = path.iter().map(|part| part.to_str().unwrap().to_owned());
    let mut parts: Vec<_> = parts.collect();
    if matches!(
        parts.last().map(String::as_str),
        Some("mod" | "lib" | "main")
    ) {
        parts.pop();
    }
    parts
}

/// The text without comments and without the parts that are compiled for tests only. Lines stay where
/// they are.
fn code(text: &str) -> String {
    let (mut code, mut is_test) = (String::new(), false);
    for line in text.lines() {
        if line == "#[cfg(test)]" {
            is_test = true;
        } else if is_test {
            let ends = line == "}" || (line.starts_with("mod ") && line.ends_with(';'));
            is_test = !ends;
        } else if !line.trim_start().starts_with("//") {
            code.push_str(line);
        }
        code.push('\n');
    }
    code
}

/// The paths at the beginning of a text, of which one may name several in braces: `a::{b, c::d}`.
/// Returns the rest of the text as well.
fn paths(text: &str) -> (Vec<Vec<String>>, &str) {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        let mut all = Vec::new();
        loop {
            let (inner, after) = paths(rest);
            all.extend(inner);
            let after = after.trim_start();
            match after.strip_prefix(',') {
                Some(next) if !next.trim_start().starts_with('}') => rest = next,
                _ => break (all, after),
            }
        }
    } else {
        let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let (name, rest) = text.split_at(end.unwrap_or(text.len()));
        let (inner, rest) = match rest.strip_prefix("::") {
            Some(rest) => paths(rest),
            None => (vec![Vec::new()], rest),
        };
        let with_name = |path: Vec<String>| [vec![name.to_owned()], path].concat();
        (inner.into_iter().map(with_name).collect(), rest)
    }
}

/// All that a module names by `crate::`, `super::` or `self::`, or of a layer that is a crate.
fn imports_in(from: &[String], text: &str, file: &str) -> Vec<Import> {
    let code = code(text);
    let mut imports = Vec::new();
    let crates = CRATES.map(|name| format!("sluice_{name}::"));
    let own = ["crate::", "super::", "self::"].map(ToOwned::to_owned);
    for start in own.iter().chain(&crates) {
        for (at, _) in code.match_indices(start.as_str()) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':' || c == '$') {
                continue;
            }
            let place = format!("{file}:{}", code[..at].matches('\n').count() + 1);
            imports.extend(paths(&code[at..]).0.into_iter().map(|path| Import {
                from: from.to_vec(),
                to: absolute(from, &path),
                place: place.clone(),
            }));
        }
    }
    imports
}

fn absolute(from: &[String], path: &[String]) -> Vec<String> {
    let mut to = from.to_vec();
    for part in path {
        match part.as_str() {
            "crate" => {
                let is_crate = from
                    .first()
                    .is_some_and(|top| CRATES.contains(&top.as_str()));
                to.truncate(usize::from(is_crate));
            }
            "super" => drop(to.pop()),
            "self" | "" => {}
            name => match name.strip_prefix("sluice_") {
                Some(layer) => to = vec![layer.to_owned()],
                None => to.push(name.to_owned()),
            },
        }
    }
    to
}

/// The imports of all files below `root`, whose modules lie below `top`.
fn imports_below(root: &Path, top: &[String]) -> Vec<Import> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = rust_files(root).into_iter();
    let files = files.filter(|file| file.file_stem().unwrap() != "tests");
    let imports = files.flat_map(|file| {
        let relative = file.strip_prefix(manifest).unwrap();
        let name = format!("host/{}", relative.display());
        let from = [top, &module(root, &file)].concat();
        imports_in(&from, &fs::read_to_string(&file).unwrap(), &name)
    });
    imports.collect()
}

fn all_imports() -> Vec<Import> {
    let of_crates = CRATES
        .iter()
        .flat_map(|name| imports_below(&crate_folder(name), &[(*name).to_owned()]));
    let mut imports: Vec<_> = of_crates.collect();
    imports.extend(imports_below(&source_folder(), &[]));
    imports
}

fn layer(path: &[String]) -> Option<usize> {
    LAYERS
        .iter()
        .position(|layer| Some(*layer) == path.first().map(String::as_str))
}

fn is_upward(import: &Import) -> bool {
    matches!((layer(&import.from), layer(&import.to)), (Some(from), Some(to)) if to > from)
}

/// The module of the second level that a path lies in.
fn second_level(path: &[String]) -> Option<String> {
    let [top, second, ..] = path else { return None };
    let folder = layer_folder(top);
    let exists = folder.join(second).is_dir() || folder.join(format!("{second}.rs")).is_file();
    exists.then(|| format!("{top}::{second}"))
}

/// The imports between modules of the second level that are part of a circle. What a `mod.rs` defines
/// belongs to the level above.
fn circular(imports: &[Import]) -> Vec<&Import> {
    let edges = imports.iter().filter_map(|import| {
        let ends = (second_level(&import.from)?, second_level(&import.to)?);
        (ends.0 != ends.1).then_some((ends, import))
    });
    let edges: Vec<_> = edges.collect();
    let mut next: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for ((from, to), _) in &edges {
        next.entry(from).or_default().insert(to);
    }
    let leads_to = |start: &str, end: &str| {
        let (mut reached, mut open) = (BTreeSet::from([start]), vec![start]);
        while let Some(module) = open.pop() {
            let more = next.get(module).into_iter().flatten();
            open.extend(more.filter(|module| reached.insert(*module)));
        }
        reached.contains(end)
    };
    let circular = edges.iter().filter(|((from, to), _)| leads_to(to, from));
    circular.map(|(_, import)| *import).collect()
}

#[test]
fn each_module_imports_only_from_layers_above_it_in_the_list() {
    let imports = all_imports();
    let wrong: Vec<_> = imports.iter().filter(|import| is_upward(import)).collect();
    let lines: Vec<_> = wrong.iter().map(|import| import.line()).collect();
    assert!(
        lines.is_empty(),
        "a module imports only from itself and from those before it in {LAYERS:?}; move what these need \
         down, or what needs it up:\n{}",
        lines.join("\n")
    );
    assert!(
        imports.len() > 500,
        "only {} imports were found",
        imports.len()
    );
}

#[test]
fn no_modules_of_the_second_level_import_each_other_in_a_circle() {
    let imports = all_imports();
    let lines: Vec<_> = circular(&imports).into_iter().map(Import::line).collect();
    assert!(
        lines.is_empty(),
        "modules such as `modes::targets` must not import each other in a circle, directly or through \
         others; move what both need into a module of its own:\n{}",
        lines.join("\n")
    );
}

#[test]
fn the_list_of_layers_is_that_of_the_library() {
    let library = fs::read_to_string(source_folder().join("lib.rs")).unwrap();
    let listed = library
        .lines()
        .filter_map(|line| line.strip_prefix("//! - [`"));
    let listed = listed.filter_map(|line| line.split('`').next());
    let listed: Vec<_> = listed
        .map(|name| name.strip_prefix("mod@").unwrap_or(name))
        .map(|name| name.strip_prefix("sluice_").unwrap_or(name))
        .collect();
    assert_eq!(listed, LAYERS);
    let modules = library
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod "));
    let modules: BTreeSet<_> = modules.filter_map(|line| line.strip_suffix(';')).collect();
    let not_crates = LAYERS.into_iter().filter(|layer| !CRATES.contains(layer));
    assert_eq!(modules, not_crates.collect());
}

#[test]
fn an_import_is_found_however_it_is_written() {
    let from = ["modes".to_owned(), "file".to_owned()];
    let text = "\
use crate::{audit, engine::record::{Batch, self}};
use super::report;
// use crate::cli;
#[cfg(test)]
mod tests {
    use crate::tools;
}
fn f() { crate::cli::main() }
";
    let found = imports_in(&from, text, "f.rs");
    let mut found: Vec<_> = found.iter().map(Import::line).collect();
    found.sort();
    assert_eq!(
        found,
        [
            "f.rs:1: modes::file imports audit",
            "f.rs:1: modes::file imports engine::record",
            "f.rs:1: modes::file imports engine::record::Batch",
            "f.rs:2: modes::file imports modes::report",
            "f.rs:8: modes::file imports cli::main",
        ]
    );
    let upward = imports_in(&from, text, "f.rs");
    let upward = upward.iter().filter(|import| is_upward(import)).count();
    assert_eq!(upward, 2);
}

#[test]
fn a_circle_is_found_through_other_modules() {
    let import = |from: &str, to: &str| Import {
        from: from.split("::").map(str::to_owned).collect(),
        to: to.split("::").map(str::to_owned).collect(),
        place: "f.rs:1".into(),
    };
    let circle = [
        import("modes::file", "modes::rules::Rules"),
        import("modes::rules", "modes::targets::Targets"),
        import("modes::targets", "modes::file::run"),
        import("modes::file", "modes::watch"),
        import("modes::watch", "modes::SomeType"),
    ];
    assert_eq!(circular(&circle).len(), 3);
    assert!(circular(&circle[1..]).is_empty());
}
