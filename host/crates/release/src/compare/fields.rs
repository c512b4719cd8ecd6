//! Compares two JSON texts field by field. Values are compared as text, so a lost digit of a number is a
//! difference, and so is other spacing.

use std::collections::HashMap;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

/// Deeper values are compared as a whole: the nesting of an event is not limited, the stack is.
const DEPTH: usize = 64;

/// The path of a difference outside of any field: the order of fields, or white space between them.
pub const LAYOUT: &str = "(order or spacing)";

/// One field that differs between two texts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Where it is: `event.items[2].price`. A name that could be read as another path is quoted: `event."a.b"`, `.""`.
    pub path: String,
    /// Its value in the old text.
    pub old: Option<String>,
    /// Its value in the new text.
    pub new: Option<String>,
}

impl Difference {
    /// Whether nothing but the order of fields or the white space between them differs.
    #[must_use]
    pub fn is_layout(&self) -> bool {
        let before = self.path.strip_suffix(LAYOUT);
        before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
    }

    /// The path of what differs; of a difference in layout, that of the value around it. Empty for the whole text.
    #[must_use]
    pub fn place(&self) -> &str {
        match self.is_layout() {
            true => self.path.trim_end_matches(LAYOUT).trim_end_matches('.'),
            false => &self.path,
        }
    }

    /// The path without list indexes, so that all items of a list are one field.
    #[must_use]
    pub fn field(&self) -> String {
        let mut field = String::with_capacity(self.path.len());
        let (mut is_quoted, mut is_escaped, mut is_index) = (false, false, false);
        for c in self.path.chars() {
            is_index &= c.is_ascii_digit();
            if is_index {
                continue;
            }
            field.push(c);
            is_index = c == '[' && !is_quoted;
            is_quoted ^= c == '"' && !is_escaped;
            is_escaped = c == '\\' && !is_escaped;
        }
        field
    }
}

/// Returns the differences between two JSON texts; none if they are equal, byte for byte. A text that is
/// not JSON differs as a whole.
#[must_use]
pub fn differences(old: &str, new: &str) -> Vec<Difference> {
    let mut found = Found::default();
    found.compare("", old, new, DEPTH);
    found.fields
}

/// Returns the differences between two JSON texts as [`differences`] does, and between them the fields that are the
/// same: `old` and `new` are equal then.
#[must_use]
pub fn all(old: &str, new: &str) -> Vec<Difference> {
    let mut found = Found {
        with_same: true,
        ..Found::default()
    };
    found.compare("", old, new, DEPTH);
    found.fields
}

#[derive(Default)]
struct Found {
    fields: Vec<Difference>,
    /// How many of them differ.
    differ: usize,
    /// Whether fields that are the same are kept.
    with_same: bool,
}

impl Found {
    fn add(&mut self, path: &str, old: Option<&str>, new: Option<&str>) {
        self.differ += usize::from(old != new);
        self.fields.push(Difference {
            path: path.to_owned(),
            old: old.map(ToOwned::to_owned),
            new: new.map(ToOwned::to_owned),
        });
    }

    fn compare(&mut self, path: &str, old: &str, new: &str, depth: usize) {
        if old == new && !(self.with_same && path.is_empty()) {
            if self.with_same {
                self.add(path, Some(old), Some(new));
            }
            return;
        }
        let before = self.differ;
        match (depth, Node::read(old), Node::read(new)) {
            (1.., Node::Object(old), Node::Object(new)) => self.objects(path, &old, &new, depth),
            (1.., Node::Array(old), Node::Array(new)) => self.arrays(path, &old, &new, depth),
            _ => return self.add(path, Some(old), Some(new)),
        }
        if old != new && self.differ == before {
            let path = join(path, LAYOUT);
            self.add(&path, Some(old), Some(new));
        }
    }

    fn objects(&mut self, path: &str, old: &Members<'_>, new: &Members<'_>, depth: usize) {
        for name in &old.names {
            let path = join(path, name);
            match (old.get(name), new.get(name)) {
                (Some(old), Some(new)) => self.compare(&path, old, new, depth - 1),
                (old, new) => self.add(&path, old, new),
            }
        }
        for name in &new.names {
            if old.get(name).is_none() {
                self.add(&join(path, name), None, new.get(name));
            }
        }
    }

    fn arrays(&mut self, path: &str, old: &[&RawValue], new: &[&RawValue], depth: usize) {
        for index in 0..old.len().max(new.len()) {
            let path = format!("{path}[{index}]");
            match (old.get(index), new.get(index)) {
                (Some(old), Some(new)) => self.compare(&path, old.get(), new.get(), depth - 1),
                (old, new) => self.add(&path, old.map(|v| v.get()), new.map(|v| v.get())),
            }
        }
    }
}

/// What characters of a name would make its path one of another value.
const SYNTAX: [char; 6] = ['.', '[', ']', '"', '\\', '#'];

/// A name in paths: in quotes, as a JSON string, if it could be read as another path.
fn quoted(name: &str) -> String {
    let is_plain = !name.is_empty() && !name.starts_with('(') && !name.contains(SYNTAX);
    match is_plain {
        true => name.to_owned(),
        false => serde_json::Value::from(name).to_string(),
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() && !key.starts_with('"') {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

/// One level of a JSON text.
enum Node<'a> {
    Object(Members<'a>),
    Array(Vec<&'a RawValue>),
    Other,
}

impl<'a> Node<'a> {
    fn read(text: &'a str) -> Self {
        match text.trim_start().as_bytes().first() {
            Some(b'{') => serde_json::from_str(text).map_or(Self::Other, Self::Object),
            Some(b'[') => serde_json::from_str(text).map_or(Self::Other, Self::Array),
            _ => Self::Other,
        }
    }
}

/// The members of an object, by their [quoted] names. The second of a name is called `name#2`.
struct Members<'a> {
    /// In the order of the text.
    names: Vec<String>,
    values: HashMap<String, &'a RawValue>,
}

impl<'a> Members<'a> {
    fn get(&self, name: &str) -> Option<&'a str> {
        self.values.get(name).map(|value| value.get())
    }

    fn add(&mut self, key: &str, value: &'a RawValue) {
        let quoted = quoted(key);
        let mut name = quoted.clone();
        let mut times = 1;
        while self.values.contains_key(&name) {
            times += 1;
            name = format!("{quoted}#{times}");
        }
        self.names.push(name.clone());
        self.values.insert(name, value);
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(InOrder)
    }
}

struct InOrder;

impl<'de> Visitor<'de> for InOrder {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Members {
            names: Vec::new(),
            values: HashMap::new(),
        };
        while let Some((key, value)) = map.next_entry::<String, _>()? {
            members.add(&key, value);
        }
        Ok(members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(old: &str, new: &str) -> Vec<String> {
        let text = |value: Option<String>| value.unwrap_or_else(|| "-".into());
        let found = differences(old, new).into_iter();
        let lines = found.map(|d| format!("{}: {} {}", d.path, text(d.old), text(d.new)));
        lines.collect()
    }

    #[test]
    fn the_same_text_has_no_differences() {
        assert!(described(r#"{"a":[1,{"b":2}]}"#, r#"{"a":[1,{"b":2}]}"#).is_empty());
        assert!(described("no json", "no json").is_empty());
    }

    #[test]
    fn fields_are_named_by_their_path() {
        assert_eq!(
            described(
                r#"{"e":{"a":[1,{"b":2}],"gone":null}}"#,
                r#"{"e":{"a":[1,{"b":"2"},3],"new":{}}}"#
            ),
            [
                r#"e.a[1].b: 2 "2""#,
                "e.a[2]: - 3",
                "e.gone: null -",
                "e.new: - {}"
            ]
        );
    }

    #[test]
    fn fields_that_are_the_same_are_shown_on_demand() {
        let paths = |old, new| {
            let fields = all(old, new).into_iter();
            let fields = fields.map(|field| (field.old == field.new, field.path));
            fields.collect::<Vec<_>>()
        };
        let old = r#"{"a":{"b":1,"c":2},"d":[1]}"#;
        let same = |path: &str| (true, path.to_owned());
        assert_eq!(paths(old, old), [same("a"), same("d")]);
        assert_eq!(
            paths(old, r#"{"a":{"b":1,"c":3},"d":[1],"e":0}"#),
            [
                same("a.b"),
                (false, "a.c".to_owned()),
                same("d"),
                (false, "e".to_owned())
            ]
        );
        let layout = all(r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#);
        let is_layout: Vec<_> = layout.iter().map(Difference::is_layout).collect();
        assert_eq!(is_layout, [false, false, true]);
        assert_eq!(paths("1", "1"), [same("")]);
        assert_eq!(paths("{}", "{}"), []);
    }

    /// As numbers both are 2^53.
    #[test]
    fn a_digit_that_a_number_lost_is_a_difference() {
        assert_eq!(
            described(r#"{"n":9007199254740993.0}"#, r#"{"n":9007199254740992.0}"#),
            ["n: 9007199254740993.0 9007199254740992.0"]
        );
        assert_eq!(described(r#""é""#, r#""\u00e9""#), [r#": "é" "\u00e9""#]);
    }

    #[test]
    fn order_and_spacing_alone_are_one_difference() {
        let path = |old, new| differences(old, new).remove(0).path;
        assert_eq!(path(r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#), LAYOUT);
        assert_eq!(
            path(r#"{"e":{"a": 1}}"#, r#"{"e":{"a":1}}"#),
            format!("e.{LAYOUT}")
        );
    }

    #[test]
    fn a_repeated_name_is_two_fields() {
        assert_eq!(
            described(r#"{"a":1,"a":2}"#, r#"{"a":1,"a":3,"a":4}"#),
            ["a#2: 2 3", "a#3: - 4"]
        );
    }

    #[test]
    fn a_name_that_could_be_another_path_is_quoted() {
        assert_eq!(
            described(
                r#"{"":1,"a.b":2,"a":{"b":3,"c[0]":4},"x#2":5,"(order or spacing)":6,"q\"":7,"\u001b":8}"#,
                "{}"
            ),
            [
                r#"."": 1 -"#.to_owned(),
                r#"."a.b": 2 -"#.to_owned(),
                r#"a: {"b":3,"c[0]":4} -"#.to_owned(),
                r#"."x#2": 5 -"#.to_owned(),
                r#"."(order or spacing)": 6 -"#.to_owned(),
                r#"."q\"": 7 -"#.to_owned(),
                "\u{1b}: 8 -".to_owned(),
            ]
        );
        let found = differences(
            r#"{"a":{"c[0].d":[1],"":2}}"#,
            r#"{"a":{"c[0].d":[2],"":3}}"#,
        );
        let paths: Vec<_> = found.iter().map(|found| found.path.as_str()).collect();
        assert_eq!(paths, [r#"a."c[0].d"[0]"#, r#"a."""#]);
        let fields: Vec<_> = found.iter().map(Difference::field).collect();
        assert_eq!(fields, [r#"a."c[0].d"[]"#, r#"a."""#]);
        assert!(!found.iter().any(Difference::is_layout));
    }

    #[test]
    fn what_is_not_json_differs_as_a_whole() {
        assert_eq!(described("{", "{}"), [": { {}"]);
        assert_eq!(described("", "1"), [":  1"]);
    }

    #[test]
    fn deep_nesting_is_compared_as_a_whole() {
        let nested = |depth, core: &str| "[".repeat(depth) + core + &"]".repeat(depth);
        let found = differences(&nested(100_000, "1"), &nested(100_000, "2"));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].path, "[0]".repeat(DEPTH));
    }

    #[test]
    fn items_of_a_list_are_one_field() {
        let found = differences(r#"{"a":[{"b":1},5]}"#, r#"{"a":[{"b":2},6]}"#);
        let fields: Vec<_> = found.iter().map(Difference::field).collect();
        assert_eq!(fields, ["a[].b", "a[]"]);
    }
}
