//! Which keys of a bucket a source names: all below a prefix, or those that match a pattern. The rules are those of
//! folders: each part of a key between two slashes is a name.

use std::ffi::OsStr;

use glob::PatternError;

use super::left_out::Reason;
use super::pattern::{NamePattern, Part, WILDCARDS, enters, has_wildcards};

/// Keys below a folder.
#[derive(Debug)]
pub(super) struct KeyPattern {
    /// The folder: empty, or ending with a slash.
    folder: String,
    /// What the names behind it match; the last one is for objects.
    parts: Vec<Part>,
    /// What all keys begin with that can match.
    prefix: String,
}

/// Whether an object is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict<'a> {
    Taken,
    /// It is left out, or the folder around it is: the key up to there.
    LeftOut(Reason, &'a str),
    /// The pattern does not ask for it.
    Unmatched,
}

/// A verdict about a key by the place of a name in it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Matched {
    Taken,
    LeftOut(Reason, usize),
    Unmatched,
}

impl KeyPattern {
    /// Parses what the settings give: a pattern if it has wildcards, otherwise all keys below a folder.
    ///
    /// # Errors
    /// A bracket is not closed, or `**` is a part of a name.
    pub(super) fn parse(key: &str) -> Result<Self, PatternError> {
        if !has_wildcards(key) {
            let slash = match key {
                "" => "",
                key if key.ends_with('/') => "",
                _ => "/",
            };
            let folder = format!("{key}{slash}");
            return Ok(Self {
                prefix: folder.clone(),
                folder,
                parts: vec![Part::Folders, Part::Name(NamePattern::ALL)],
            });
        }
        let wildcard = key.find(WILDCARDS).unwrap_or(key.len());
        let behind = key[..wildcard].rfind('/').map_or(0, |slash| slash + 1);
        let (folder, names) = key.split_at(behind);
        let parts: Result<Vec<_>, _> = names.split('/').map(Part::parse).collect();
        let mut parts = parts?;
        if matches!(parts.last(), Some(Part::Folders)) {
            parts.push(Part::Name(NamePattern::ALL));
        }
        Ok(Self {
            folder: folder.to_owned(),
            parts,
            prefix: key[..wildcard].to_owned(),
        })
    }

    /// What to list.
    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Whether an object with this key and size is read.
    pub(super) fn judge<'a>(&self, key: &'a str, bytes: u64) -> Verdict<'a> {
        let Some(below) = key.strip_prefix(&*self.folder) else {
            return Verdict::Unmatched;
        };
        let names: Vec<&str> = below.split('/').collect();
        match matched(&self.parts, &names, 0, false) {
            // The console of AWS makes such an object for a folder.
            Matched::Taken if bytes == 0 && key.ends_with('/') => {
                Verdict::LeftOut(Reason::Other, key)
            }
            Matched::Taken => Verdict::Taken,
            Matched::LeftOut(reason, at) => {
                let length: usize = names[..=at].iter().map(|name| name.len() + 1).sum();
                let end = (self.folder.len() + length).min(key.len());
                Verdict::LeftOut(reason, &key[..end])
            }
            Matched::Unmatched => Verdict::Unmatched,
        }
    }

    /// Whether objects below `folder`, which is empty or ends with a slash, can be read.
    pub(super) fn reads_below(&self, folder: &str) -> bool {
        let Some(below) = folder.strip_prefix(&*self.folder) else {
            return false;
        };
        let names = below.split_terminator('/').map(OsStr::new);
        enters(&self.parts, &names.collect::<Vec<_>>())
    }
}

/// What becomes of the object with these names, from the one at `at` on. `in_folders`: the part before is `**`.
fn matched(parts: &[Part], names: &[&str], at: usize, in_folders: bool) -> Matched {
    let Some((part, later)) = parts.split_first() else {
        return Matched::Unmatched;
    };
    let (name, is_last_part) = (OsStr::new(names[at]), later.is_empty());
    let is_object = at + 1 == names.len();
    let reason = match part {
        Part::Folders => return matched_in_folders(parts, names, at),
        Part::Literal(literal) if name != literal.as_str() => return Matched::Unmatched,
        Part::Literal(_) => None,
        Part::Name(pattern) if !pattern.matches(name) => return Matched::Unmatched,
        // The folders below are matched by the part before.
        Part::Name(_) if in_folders && is_last_part && !is_object => return Matched::Unmatched,
        Part::Name(pattern) => Reason::of(name, pattern),
    };
    match (is_last_part, is_object) {
        (false, true) => Matched::Unmatched,
        (true, true) => reason.map_or(Matched::Taken, |reason| Matched::LeftOut(reason, at)),
        (true, false) => Matched::LeftOut(reason.unwrap_or(Reason::Folder), at),
        (false, false) => match reason {
            Some(reason) => Matched::LeftOut(reason, at),
            None => matched(later, names, at + 1, false),
        },
    }
}

/// As [`matched`], where the first part is `**`: here, or in the folder below.
fn matched_in_folders(parts: &[Part], names: &[&str], at: usize) -> Matched {
    let here = matched(&parts[1..], names, at, true);
    if here == Matched::Taken || at + 1 == names.len() {
        return here;
    }
    let below = match Reason::of(OsStr::new(names[at]), &NamePattern::ALL) {
        Some(reason) => Matched::LeftOut(reason, at),
        None => matched(parts, names, at + 1, false),
    };
    match (here, below) {
        (_, Matched::Taken) | (Matched::Unmatched, _) => below,
        _ => here,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict<'a>(pattern: &str, key: &'a str) -> Verdict<'a> {
        KeyPattern::parse(pattern).unwrap().judge(key, 1)
    }

    #[test]
    fn a_prefix_is_read_as_a_folder_with_all_below_it() {
        for (prefix, key) in [
            ("", "a"),
            ("", "a/b"),
            ("in", "in/a"),
            ("in/", "in/a"),
            ("in/", "in//a"),
            ("in/x", "in/x/deep/er/a"),
        ] {
            assert_eq!(verdict(prefix, key), Verdict::Taken, "{prefix} {key}");
        }
        for key in ["in", "in-2/a", "in.ndjson", "other/in/a"] {
            assert_eq!(verdict("in", key), Verdict::Unmatched, "{key}");
        }
    }

    #[test]
    fn hidden_and_unfinished_names_are_left_out_with_their_folder() {
        for (key, reason, up_to) in [
            ("in/.a", Reason::Hidden, "in/.a"),
            ("in/_SUCCESS", Reason::Unfinished, "in/_SUCCESS"),
            ("in/x/a.tmp", Reason::Unfinished, "in/x/a.tmp"),
            ("in/.x/a", Reason::Hidden, "in/.x/"),
            (
                "in/y/_temporary/0/a",
                Reason::Unfinished,
                "in/y/_temporary/",
            ),
        ] {
            assert_eq!(verdict("in", key), Verdict::LeftOut(reason, up_to), "{key}");
        }
    }

    #[test]
    fn patterns_match_name_by_name() {
        let taken = [
            ("in/*.gz", "in/a.gz"),
            ("in/*/a", "in/x/a"),
            ("in/**", "in/a"),
            ("in/**", "in/x/y/a"),
            ("in/**/*.gz", "in/a.gz"),
            ("in/**/*.gz", "in/x/y/a.gz"),
            ("**/y/*", "x/y/a"),
            ("day=2026-0[1-3]*/**", "day=2026-02-01/a"),
            ("in/_*", "in/_a"),
            ("in/[*]", "in/*"),
        ];
        for (pattern, key) in taken {
            assert_eq!(verdict(pattern, key), Verdict::Taken, "{pattern} {key}");
        }
        let unmatched = [
            ("in/*.gz", "in/a"),
            ("in/*/a", "in/a"),
            ("in/*/a", "in/x/b"),
            ("in/**/*.gz", "in/x/a"),
            ("in/*.gz", "other/a.gz"),
        ];
        for (pattern, key) in unmatched {
            assert_eq!(verdict(pattern, key), Verdict::Unmatched, "{pattern} {key}");
        }
        let folder = Verdict::LeftOut(Reason::Folder, "in/x/");
        assert_eq!(verdict("in/*", "in/x/a"), folder);
        let hidden = Verdict::LeftOut(Reason::Hidden, "in/.x/");
        assert_eq!(verdict("in/*/a", "in/.x/a"), hidden);
        KeyPattern::parse("in/a**").unwrap_err();
    }

    #[test]
    fn a_pattern_lists_what_comes_before_its_first_wildcard() {
        for (pattern, prefix) in [
            ("", ""),
            ("in", "in/"),
            ("in/2026-*/x", "in/2026-"),
            ("*.gz", ""),
        ] {
            assert_eq!(KeyPattern::parse(pattern).unwrap().prefix(), prefix);
        }
    }

    #[test]
    fn the_marker_of_a_folder_is_left_out() {
        let pattern = KeyPattern::parse("in").unwrap();
        for marker in ["in/", "in/x/"] {
            let left_out = Verdict::LeftOut(Reason::Other, marker);
            assert_eq!(pattern.judge(marker, 0), left_out);
            assert_eq!(pattern.judge(marker, 1), Verdict::Taken);
        }
    }

    #[test]
    fn whether_objects_below_a_folder_are_read_is_known_before_there_are_any() {
        let reads = |pattern: &str, folder: &str| {
            let pattern = KeyPattern::parse(pattern).unwrap();
            pattern.reads_below(folder)
        };
        for (pattern, folder) in [
            ("", "lake/"),
            ("in", "in/lake/"),
            ("in/", "in/"),
            ("in/**/*.zst", "in/x/lake/"),
            ("*/lake/*", "in/lake/"),
        ] {
            assert!(reads(pattern, folder), "{pattern} {folder}");
        }
        for (pattern, folder) in [
            ("in", "in-2/"),
            ("in", "lake/"),
            ("in/*", "in/lake/"),
            ("in", "in/_lake/"),
        ] {
            assert!(!reads(pattern, folder), "{pattern} {folder}");
        }
    }
}
