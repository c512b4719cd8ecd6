//! The profile of JSON, compared with its reference.

use json_scan::profile::{ProfileChecker, ProfileError};

use crate::profile_reference::broken;

/// Many texts, one a line, checked by one checker: each has the verdict of the reference, whatever
/// came before it.
pub(crate) fn feed(input: &[u8]) {
    let mut checker = ProfileChecker::default();
    for line in input.split(|byte| *byte == b'\n') {
        let found = checker.check(line);
        match (found, json_scan::check(line)) {
            (Err(ProfileError::Syntax(found)), Err(expected)) => assert_eq!(found, expected),
            (Err(ProfileError::Violation(found)), Ok(_)) => {
                let broken = broken(std::str::from_utf8(line).unwrap());
                let rule = format!("{:?}", found.rule);
                let listed = |(name, at): &(&str, usize)| *name == rule && *at == found.offset;
                assert!(broken.iter().any(listed), "{found:?} is not in {broken:?}");
                assert!(found.path.starts_with('$') && found.path.len() < 800);
                assert!(!found.to_string().contains(char::is_control));
            }
            (Ok(()), Ok(_)) => assert_eq!(broken(std::str::from_utf8(line).unwrap()), []),
            (found, expected) => panic!("{found:?} for {expected:?}"),
        }
    }
}
