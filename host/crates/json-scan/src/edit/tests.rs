use proptest::prelude::*;

use super::*;
use crate::members::Members;

const WRITES: [&str; 3] = ["a", "b\"", "é"];
const NAMES: [&str; 6] = [
    r#""a""#,
    r#""\u0061""#,
    r#""b\"""#,
    r#""é""#,
    r#""other""#,
    r#""A""#,
];

/// An object as its parts, and which members may be written.
#[derive(Clone, Debug)]
struct Parts {
    head: &'static str,
    /// The name's number in [`NAMES`], the text of the member, and the text up to the next member.
    members: Vec<(usize, String, &'static str)>,
    tail: &'static str,
}

impl Parts {
    fn text(&self) -> String {
        let mut text = format!("{}{{", self.head);
        for (index, (_, member, separator)) in self.members.iter().enumerate() {
            text.push_str(member);
            if index + 1 < self.members.len() {
                text.push_str(separator);
            }
        }
        text + self.tail
    }

    fn write(name: usize) -> Option<usize> {
        match name {
            0 | 1 => Some(0),
            2 => Some(1),
            3 => Some(2),
            _ => None,
        }
    }

    /// The edited text, by the rules in words: a member that is not the first one that stays keeps the separator
    /// before it.
    fn edited(&self, edits: &[Edit<'_>]) -> String {
        let mut text = format!("{}{{", self.head);
        let mut empty = true;
        let stays = |name| Self::write(name).is_none_or(|write| edits[write] == Edit::Keep);
        for (index, (name, member, _)) in self.members.iter().enumerate() {
            if stays(*name) {
                if !empty {
                    text.push_str(self.members[index - 1].2);
                }
                text.push_str(member);
                empty = false;
            }
        }
        for (write, edit) in edits.iter().enumerate() {
            if let Edit::Set(value) = edit {
                let name = WRITES[write].replace('"', "\\\"");
                let comma = if empty { "" } else { "," };
                let value = str::from_utf8(value).unwrap();
                text.push_str(&format!(r#"{comma}"{name}":{value}"#));
                empty = false;
            }
        }
        text + self.tail
    }
}

fn parts() -> impl Strategy<Value = Parts> {
    let value = prop::sample::select(vec!["1", r#""x""#, "[1,2]", r#"{"a":3}"#, r#"",\"""#]);
    let colon = prop::sample::select(vec![":", " : "]);
    let separator = prop::sample::select(vec![",", " , ", ",\n"]);
    let member =
        (0..NAMES.len(), colon, value, separator).prop_map(|(name, colon, value, separator)| {
            (name, format!("{}{colon}{value}", NAMES[name]), separator)
        });
    let members = prop::collection::vec(member, 0..7);
    let head = prop::sample::select(vec!["", " ", "\t"]);
    let tail = prop::sample::select(vec!["}", " }", "} "]);
    (head, members, tail).prop_map(|(head, members, tail)| Parts {
        head,
        members,
        tail,
    })
}

fn edit() -> impl Strategy<Value = Edit<'static>> {
    let values: Vec<&'static [u8]> = vec![
        b"0",
        br#""""#,
        br#""lesson""#,
        br#""2026-01-01T00:00:00Z""#,
        br#"{"of":["a value that is longer than others"]}"#,
    ];
    prop_oneof![
        Just(Edit::Keep),
        Just(Edit::Remove),
        prop::sample::select(values).prop_map(Edit::Set)
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_096))]

    #[test]
    fn edits_follow_the_rules(parts in parts(), edits in prop::collection::vec(edit(), WRITES.len())) {
        let (text, names) = (parts.text(), MemberNames::new(&[], &WRITES));
        let mut members = Members::default();
        members.find(text.as_bytes(), &names).unwrap();
        let object = Object { text: text.as_bytes(), outline: members.outline() };
        let mut out = b"before".to_vec();
        object.append_edited(&names, |write| edits[write], &mut out);
        let length = object.edited_length(&names, |write| edits[write]);
        prop_assert_eq!(out.len(), "before".len() + length);
        let expected = format!("before{}", parts.edited(&edits));
        prop_assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn what_was_json_stays_json(parts in parts(), edits in prop::collection::vec(edit(), WRITES.len())) {
        let (text, names) = (parts.text(), MemberNames::new(&[], &WRITES));
        let mut members = Members::default();
        members.find(text.as_bytes(), &names).unwrap();
        let object = Object { text: text.as_bytes(), outline: members.outline() };
        let mut out = Vec::new();
        object.append_edited(&names, |write| edits[write], &mut out);
        prop_assert_eq!(crate::check(&out), Ok(crate::Kind::Object));
    }

    #[test]
    fn bytes_are_appended_whatever_their_number(length in 0_usize..80) {
        let bytes: Vec<u8> = (0..80).take(length).collect();
        let mut out = vec![1];
        append(&bytes, &mut out);
        prop_assert_eq!(&out[1..], &bytes);
    }
}

proptest! {
    #[test]
    fn bytes_are_put_one_after_the_other(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..6)) {
        let all = pieces.concat();
        let mut out = vec![0; all.len()];
        let mut rest = out.as_mut_slice();
        for piece in &pieces {
            put(piece, &mut rest);
        }
        prop_assert!(rest.is_empty());
        prop_assert_eq!(out, all);
    }
}

#[test]
fn too_many_members_in_all_events_are_a_fault() {
    let names = MemberNames::new(&[], &["a"]);
    let mut members = Members::default();
    let text = format!("{{{}}}", vec!["\"a\":1"; 1_000].join(","));
    members.find(text.as_bytes(), &names).unwrap();
    let object = Object {
        text: text.as_bytes(),
        outline: members.outline(),
    };
    assert!(object.check_cuts(CUTS_MAX / 1_000).is_ok());
    let fault = object.check_cuts(CUTS_MAX / 1_000 + 1).unwrap_err();
    assert!(
        fault.contains("record: 263, members in it that the transform can set or remove: 1000;"),
        "{fault}"
    );
    let text = format!("{{{}}}", vec!["\"a\":1"; CUTS_MAX + 2].join(","));
    members.find(text.as_bytes(), &names).unwrap();
    let object = Object {
        text: text.as_bytes(),
        outline: members.outline(),
    };
    assert_eq!(object.outline.written.len(), CUTS_MAX + 1);
    assert!(object.check_cuts(1).is_err());
}

#[test]
fn an_empty_object_gets_members() {
    let names = MemberNames::new(&[], &["a", "b"]);
    let mut out = Vec::new();
    Object::EMPTY.append_edited(&names, |_| Edit::Set(b"1"), &mut out);
    assert_eq!(out, br#"{"a":1,"b":1}"#);
    assert_eq!(
        Object::EMPTY.edited_length(&names, |_| Edit::Set(b"1")),
        out.len()
    );
}
