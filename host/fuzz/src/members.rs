//! Finds the members of records one after the other, and edits them.

use std::sync::LazyLock;

use json_scan::Kind;
use json_scan::edit::{Edit, Object};
use json_scan::members::{MemberNames, Members};
use json_scan::profile::{ProfileChecker, is_simple};

/// Names with other cases, of several lengths, and with characters that are escaped.
const READS: [&str; 5] = [
    "event_name",
    "created_at",
    "a",
    "é",
    "a long name of many words",
];
const WRITES: [&str; 4] = ["event_type", "a", "b\"", "x"];

/// What the members that can be set are set to.
const VALUES: [&str; 3] = ["\"lesson\"", "null", "[1,{\"a\":2}]"];

static NAMES: LazyLock<MemberNames> = LazyLock::new(|| MemberNames::new(&READS, &WRITES));

/// Each line is a record. What was learned from the records before changes nothing: the verdict is that of a check,
/// and the members are those that a first scan finds. An edited object is JSON, and keeps to the profile if that was
/// promised.
pub(crate) fn feed(input: &[u8]) {
    let mut checker = ProfileChecker::default();
    let mut members = Members::default();
    for record in input.split(|byte| *byte == b'\n') {
        let found = checker.find_members(record, &NAMES, &mut members);
        assert_eq!(found.map(|(kind, _)| kind), json_scan::check(record));
        let mut fresh = Members::default();
        assert_eq!(fresh.find(record, &NAMES), json_scan::check(record));
        if is_simple(record) {
            assert_eq!(checker.check_member(record), Ok(true));
        }
        let Ok((Kind::Object, certain)) = found else {
            continue;
        };
        assert_eq!(members.reads(), fresh.reads());
        assert_eq!(members.outline().written, fresh.outline().written);
        edit(record, &members, certain, &mut checker);
    }
}

fn edit(record: &[u8], members: &Members, certain: bool, checker: &mut ProfileChecker) {
    let object = Object {
        text: record,
        outline: members.outline(),
    };
    for turn in 0..5 {
        let edit = |write: usize| match (write + turn) % 5 {
            0 => Edit::Keep,
            1 => Edit::Remove,
            value => Edit::Set(VALUES[value - 2].as_bytes()),
        };
        let mut out = Vec::new();
        object.append_edited(&NAMES, edit, &mut out);
        assert_eq!(out.len(), object.edited_length(&NAMES, edit));
        assert_eq!(json_scan::check(&out), Ok(Kind::Object));
        assert!(!certain || checker.check(&out).is_ok());
    }
}
