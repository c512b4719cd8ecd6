//! Finds members and items in a JSON text by a path, without building the value.

use std::ops::Range;

use json_scan::{Expected, Scanner, Text};

/// The most steps of a path that is followed.
const STEPS_MAX: usize = 32;

/// The steps of a path: `a.b[3]`, `$.a["b c"]`, `.a.b` or `/a/b/3`; `None` if it is none.
pub(super) fn steps(path: &str) -> Option<Vec<String>> {
    if let Some(pointer) = path.strip_prefix('/') {
        let steps = pointer.split('/').take(STEPS_MAX);
        let steps = steps.map(|step| step.replace("~1", "/").replace("~0", "~"));
        return Some(steps.collect());
    }
    let mut rest = path.strip_prefix('$').unwrap_or(path);
    let mut steps = Vec::new();
    while !rest.is_empty() && steps.len() < STEPS_MAX {
        if let Some(quoted) = rest.strip_prefix("[\"") {
            let (name, after) = quoted.split_once("\"]")?;
            steps.push(name.to_owned());
            rest = after;
        } else if let Some(index) = rest.strip_prefix('[') {
            let (index, after) = index.split_once(']')?;
            index.parse::<usize>().ok()?;
            steps.push(index.to_owned());
            rest = after;
        } else {
            let name = rest.strip_prefix('.').unwrap_or(rest);
            let end = name.find(['.', '[']).unwrap_or(name.len());
            if end == 0 {
                return None;
            }
            steps.push(name[..end].to_owned());
            rest = &name[end..];
        }
    }
    (!steps.is_empty()).then_some(steps)
}

/// A member of an object with its name, or an item of an array.
pub(super) struct Child {
    pub(super) whole: Range<usize>,
    value: Range<usize>,
}

/// Follows a path as far as it goes: the value there, and how many steps were taken.
pub(super) fn follow(record: &str, steps: &[String]) -> (Range<usize>, usize) {
    let start = record.len() - record.trim_start().len();
    let mut within = start..record.trim_end().len();
    for (taken, step) in steps.iter().enumerate() {
        match children(record, &within, step).pop() {
            Some(child) => within = child.value,
            None => return (within, taken),
        }
    }
    (within, steps.len())
}

/// The members with a name of the object, or the item with an index of the array, that is in a part of the record.
pub(super) fn children(record: &str, within: &Range<usize>, step: &str) -> Vec<Child> {
    let mut found = Vec::new();
    let text = &record.as_bytes()[within.clone()];
    let scanned = json_scan::scan(text, |scanner| {
        if scanner.take(b'{') {
            members(scanner, step, &mut found)?;
        } else if scanner.take(b'[') {
            items(scanner, step.parse().ok(), &mut found)?;
        } else {
            scanner.value()?;
        }
        scanner.end()
    });
    if scanned.is_err() {
        return Vec::new();
    }
    let moved = |part: Range<usize>| within.start + part.start..within.start + part.end;
    let found = found.into_iter().map(|child| Child {
        whole: moved(child.whole),
        value: moved(child.value),
    });
    found.collect()
}

/// Adds the members of an object that have a name.
fn members(
    scanner: &mut Scanner<'_, '_>,
    wanted: &str,
    found: &mut Vec<Child>,
) -> Result<(), Expected> {
    scanner.skip_space();
    let mut is_more = !scanner.take(b'}');
    while is_more {
        let start = scanner.at();
        let name = scanner.key()?;
        let value = scanner.at();
        scanner.value()?;
        if is_named(&name, wanted) {
            found.push(Child {
                whole: start..scanner.at(),
                value: value..scanner.at(),
            });
        }
        is_more = scanner.more_members()?;
    }
    Ok(())
}

/// Adds the item of an array that has an index.
fn items(
    scanner: &mut Scanner<'_, '_>,
    wanted: Option<usize>,
    found: &mut Vec<Child>,
) -> Result<(), Expected> {
    scanner.skip_space();
    let (mut index, mut is_more) = (0, !scanner.take(b']'));
    while is_more {
        let start = scanner.at();
        scanner.value()?;
        if wanted == Some(index) {
            found.push(Child {
                whole: start..scanner.at(),
                value: start..scanner.at(),
            });
        }
        index += 1;
        scanner.skip_space();
        is_more = scanner.take(b',');
        if is_more {
            scanner.skip_space();
        } else if !scanner.take(b']') {
            return Err(Expected::CommaOrBracket);
        }
    }
    Ok(())
}

fn is_named(name: &Text<'_>, step: &str) -> bool {
    match name.escaped {
        true => name.decode().is_some_and(|name| name == step),
        false => name.raw == step.as_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_steps() {
        for (path, expected) in [
            ("a", vec!["a"]),
            ("$.a[0].b", vec!["a", "0", "b"]),
            (".a.b", vec!["a", "b"]),
            (r#"$["a.b"].c"#, vec!["a.b", "c"]),
            ("/a~1b/~0/7", vec!["a/b", "~", "7"]),
            ("[3]", vec!["3"]),
        ] {
            let expected: Vec<_> = expected.into_iter().map(str::to_owned).collect();
            assert_eq!(steps(path), Some(expected), "{path}");
        }
        for path in ["", "$", "a..b", "a[x]", "a[", "a."] {
            assert_eq!(steps(path), None, "{path}");
        }
    }

    #[test]
    fn a_path_is_followed_as_far_as_it_goes() {
        let json = r#" {"a" : [ {"b":1} , 2 ] } "#;
        let at = |path: &str| {
            let (within, taken) = follow(json, &steps(path).unwrap());
            (&json[within], taken)
        };
        assert_eq!(at("a"), (r#"[ {"b":1} , 2 ]"#, 1));
        assert_eq!(at("a[0].b"), ("1", 3));
        assert_eq!(at("a[1]"), ("2", 2));
        assert_eq!(at("a[2].b"), (r#"[ {"b":1} , 2 ]"#, 1));
        assert_eq!(at("b"), (json.trim(), 0));
        assert!(children(r#"{"a":1"#, &(0..6), "a").is_empty());
    }
}
