use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;

use futures_util::FutureExt as _;

use super::*;

/// A folder with these files, and with folders where a name ends with a slash.
fn folder(names: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in names {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        match name.ends_with('/') {
            true => fs::create_dir_all(path).unwrap(),
            false => fs::write(path, "{}\n").unwrap(),
        }
    }
    folder
}

fn expand_in(folder: &tempfile::TempDir, path: &str) -> SourceFiles {
    expand_all(&[Location::File(folder.path().join(path))])
}

/// Without objects, nothing is waited for.
fn expand_all(locations: &[Location]) -> SourceFiles {
    expand(locations, None).now_or_never().unwrap()
}

/// The paths of the files below the folder.
fn names(folder: &tempfile::TempDir, found: &SourceFiles) -> Vec<String> {
    let name = |file: &SourceFile| match &file.location {
        Location::File(path) => {
            let below = path.strip_prefix(folder.path()).unwrap();
            below.to_string_lossy().into_owned()
        }
        other => other.name().replace("standard input", "-"),
    };
    found.files.iter().map(name).collect()
}

#[track_caller]
fn assert_names(folder: &tempfile::TempDir, path: &str, expected: &[&str]) {
    let found = expand_in(folder, path);
    assert!(found.failed.is_empty(), "{path}: {found:?}");
    assert_eq!(names(folder, &found), expected, "{path}");
}

#[test]
fn a_folder_stands_for_its_files_by_name() {
    let folder = folder(&["in/b", "in/a", "in/B", "in/a.b", "in/below/c", "other"]);
    assert_names(&folder, "in", &["in/B", "in/a", "in/a.b", "in/b"]);
    assert_names(&folder, "in/", &["in/B", "in/a", "in/a.b", "in/b"]);
    let found = expand_in(&folder, "in");
    assert_eq!((found.left_out.folders, found.left_out.total()), (1, 1));
    assert!(found.files.iter().all(|file| file.is_listed));
    assert_names(&folder, "in/b", &["in/b"]);
    assert!(!expand_in(&folder, "in/b").files[0].is_listed);
}

#[test]
fn patterns_match_name_by_name() {
    let files = [
        "a/x.ndjson",
        "a/y.json",
        "a/deep/er/z.ndjson",
        "b/x.ndjson",
        "b-1/x.ndjson",
        "top.ndjson",
    ];
    let folder = folder(&files);
    assert_names(&folder, "*.ndjson", &["top.ndjson"]);
    assert_names(&folder, "?/x.ndjson", &["a/x.ndjson", "b/x.ndjson"]);
    assert_names(&folder, "[!a]*/*", &["b-1/x.ndjson", "b/x.ndjson"]);
    assert_names(&folder, "a//./*.json", &["a/y.json"]);
    let all = [
        "a/deep/er/z.ndjson",
        "a/x.ndjson",
        "b-1/x.ndjson",
        "b/x.ndjson",
        "top.ndjson",
    ];
    assert_names(&folder, "**/*.ndjson", &all);
    assert_names(&folder, "**/**/*.ndjson", &all);
    assert_names(&folder, "**/er/*", &["a/deep/er/z.ndjson"]);
    assert_names(&folder, "*/deep/**", &["a/deep/er/z.ndjson"]);
    assert_names(&folder, "*/../top.ndjson", &["a/../top.ndjson"]);
}

#[test]
fn a_path_that_exists_is_no_pattern() {
    let folder = folder(&["[a]/x", "a/y", "n*.ndjson", "now.ndjson", "q?"]);
    assert_names(&folder, "[a]", &["[a]/x"]);
    assert_names(&folder, "n*.ndjson", &["n*.ndjson"]);
    assert!(!expand_in(&folder, "n*.ndjson").files[0].is_listed);
    assert_names(&folder, "[[]a]/*", &["[a]/x"]);
    assert_names(&folder, "n?*.ndjson", &["n*.ndjson", "now.ndjson"]);
}

#[test]
fn what_is_hidden_or_unfinished_is_left_out_and_counted() {
    let files = [
        "in/.hidden",
        "in/_started",
        "in/a.tmp",
        "in/b.PART",
        "in/c~",
        "in/d",
        "in/.git/x",
        "in/_tmp/x",
        "in/sub/x",
    ];
    let folder = folder(&files);
    let found = expand_in(&folder, "in");
    assert_eq!(names(&folder, &found), ["in/d"]);
    let left_out = &found.left_out;
    let counts = [left_out.hidden, left_out.unfinished, left_out.folders];
    assert_eq!(counts, [2, 5, 1]);
    assert!(left_out.first.is_some());
    let text = left_out.to_string();
    assert!(
        text.starts_with("2 hidden; 5 unfinished by name ("),
        "{text}"
    );
    assert!(
        text.contains("; 1 sub-folder, which FOLDER/** reads too; for example"),
        "{text}"
    );
    let found = expand_in(&folder, "in/**");
    assert_eq!(names(&folder, &found), ["in/d", "in/sub/x"]);
    let left_out = &found.left_out;
    let counts = [left_out.hidden, left_out.unfinished, left_out.folders];
    assert_eq!(counts, [2, 5, 0]);
}

#[test]
fn a_pattern_that_asks_for_hidden_or_unfinished_files_takes_them() {
    let folder = folder(&[".a", "_b", "c.tmp", "_d.tmp", "e"]);
    assert_names(&folder, ".*", &[".a"]);
    assert_names(&folder, "_*", &["_b"]);
    assert_names(&folder, "_*.tmp", &["_d.tmp"]);
    assert_names(&folder, "*.tmp", &["c.tmp"]);
    let found = expand_in(&folder, "[._]*");
    assert!(found.files.is_empty(), "{found:?}");
    assert_eq!((found.left_out.hidden, found.left_out.unfinished), (1, 2));
}

#[test]
fn names_of_all_kinds_are_found() {
    let folder = folder(&["a b.ndjson", "é.ndjson", "東京.ndjson", "new\nline.ndjson"]);
    let wrong = OsStr::from_bytes(b"wrong-\xff.ndjson");
    fs::write(folder.path().join(wrong), "{}\n").unwrap();
    assert_names(&folder, "?.ndjson", &["é.ndjson"]);
    assert_names(&folder, "[東]*", &["東京.ndjson"]);
    assert_names(&folder, "a ?.*", &["a b.ndjson"]);
    assert_names(&folder, "wrong-?.ndjson", &["wrong-\u{fffd}.ndjson"]);
    assert_eq!(expand_in(&folder, "").files.len(), 5);
}

#[test]
fn each_folder_is_read_once_whatever_links_lead_to_it() {
    let folder = folder(&["in/a/x", "in/b/y", "elsewhere/z"]);
    let link = |to: &str, at: &str| symlink(to, folder.path().join(at)).unwrap();
    link("..", "in/a/loop");
    link("../elsewhere", "in/linked");
    link("b", "in/c");
    link("self", "in/self");
    link("a/x", "in/file");
    let found = expand_in(&folder, "in/**/?");
    assert_eq!(names(&folder, &found), ["in/a/x", "in/b/y", "in/linked/z"]);
    let found = expand_in(&folder, "in/**");
    // Opening a link that leads nowhere says so.
    let all = ["in/a/x", "in/b/y", "in/file", "in/linked/z", "in/self"];
    assert_eq!(names(&folder, &found), all);
}

#[test]
fn a_pattern_without_a_match_and_an_empty_folder_are_said() {
    let folder = folder(&["in/.hidden", "in/sub/x", "empty/", "file"]);
    for (path, part) in [
        ("in/*.ndjson", "matches no file to read"),
        ("nowhere/*", "matches no file to read"),
        ("file/*", "matches no file to read"),
        ("in/[", "no pattern: "),
        ("in/a**", "no pattern: "),
    ] {
        let found = expand_in(&folder, path);
        let [SourceError::NoFile { name, why }] = &found.failed[..] else {
            panic!("{path}: {found:?}");
        };
        assert!(name.ends_with(path) && why.contains(part), "{path}: {why}");
        assert!(
            found.files.is_empty() && found.empty.is_empty(),
            "{found:?}"
        );
    }
    let found = expand_in(&folder, "empty");
    assert!(found.failed.is_empty(), "{found:?}");
    assert!(
        found.empty[0].ends_with("empty: the folder has no file to read"),
        "{found:?}"
    );
    let found = expand_in(&folder, "in");
    assert!(
        found.empty[0].contains("no file to read; left out: 1 hidden; 1 sub-folder"),
        "{found:?}"
    );
    let missing = expand_in(&folder, "missing");
    assert_eq!(names(&folder, &missing), ["missing"]);
}

#[test]
fn sources_keep_their_order() {
    let folder = folder(&["z/a", "z/b", "c"]);
    let at = |name: &str| Location::File(folder.path().join(name));
    let found = expand_all(&[at("z/b"), at("z"), Location::Stdin, at("c")]);
    assert_eq!(names(&folder, &found), ["z/b", "z/a", "z/b", "-", "c"]);
    assert!(is_one_file(&at("c")) && is_one_file(&at("nothing")) && is_one_file(&Location::Stdin));
    assert!(!is_one_file(&at("z")) && !is_one_file(&at("z/*")));
}

#[test]
fn whether_a_source_reads_a_folder_is_known_before_the_folder_exists() {
    let folder = folder(&["in/sub/"]);
    let root = fs::canonicalize(folder.path()).unwrap();
    let reads =
        |path: &str, in_folder: &str| reads_in(&folder.path().join(path), &root.join(in_folder));
    for (path, in_folder) in [
        ("in", "in"),
        ("in/*", "in"),
        ("in/**/*.ndjson", "in/new/lake"),
        ("*/new/*", "in/new"),
    ] {
        assert!(reads(path, in_folder), "{path} {in_folder}");
    }
    for (path, in_folder) in [
        ("in", "in/new"),
        ("in/x.ndjson", "in"),
        ("in/**", "other"),
        ("in/**", "in/.hidden/lake"),
        ("in/sub/**", "in"),
        ("*/old/*", "in/new"),
    ] {
        assert!(!reads(path, in_folder), "{path} {in_folder}");
    }
}
