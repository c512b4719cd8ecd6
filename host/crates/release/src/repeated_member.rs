//! Finds a member that a JSON object has twice. Parsers take the last one silently.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// The first member that an object of this JSON text has twice: what is wrong, where (a path such as `a.b[2]`), and
/// what to do. `None` also if the text is no JSON.
#[must_use]
pub fn repeated_member(text: &str) -> Option<String> {
    let mut found = None;
    let walk = Walk {
        path: String::new(),
        found: &mut found,
    };
    let mut json = serde_json::Deserializer::from_str(text);
    let whole = walk.deserialize(&mut json).is_ok() && json.end().is_ok();
    found.filter(|_| whole)
}

/// Walks through the value at a path.
struct Walk<'a> {
    path: String,
    found: &'a mut Option<String>,
}

impl Walk<'_> {
    fn below(&mut self, step: &str) -> Walk<'_> {
        Walk {
            path: format!("{}{step}", self.path),
            found: self.found,
        }
    }

    fn report(&mut self, name: &str) {
        let path = self.path.strip_prefix('.').unwrap_or(&self.path);
        let place = match path {
            "" => String::new(),
            path => format!(" in `{path}`"),
        };
        let name = serde_json::Value::from(name);
        self.found
            .get_or_insert_with(|| format!("has the member {name} twice{place}; give it once"));
    }
}

/// The step of a path to a member, in quotes if it could be read as several steps.
fn member_step(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    match !name.is_empty() && name.chars().all(is_plain) {
        true => format!(".{name}"),
        false => format!(".{}", serde_json::Value::from(name)),
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        let mut names = BTreeSet::new();
        while let Some(name) = members.next_key::<String>()? {
            members.next_value_seed(self.below(&member_step(&name)))?;
            if names.contains(&name) {
                self.report(&name);
            }
            names.insert(name);
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        let mut index = 0_u64;
        while items
            .next_element_seed(self.below(&format!("[{index}]")))?
            .is_some()
        {
            index += 1;
        }
        Ok(())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.deserialize(deserializer)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.deserialize(deserializer)
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_that_is_given_twice_is_named_with_its_place() {
        for (text, expected) in [
            (
                r#"{"a":1,"a":1}"#,
                "has the member \"a\" twice; give it once",
            ),
            (
                r#"{"a":1,"\u0061":2}"#,
                "has the member \"a\" twice; give it once",
            ),
            (
                r#" {"x":{"y":{"a":1,"b":2,"a":[]}}}"#,
                "has the member \"a\" twice in `x.y`; give it once",
            ),
            (
                r#"{"x":[0,[{"":1,"":{}}]]}"#,
                "has the member \"\" twice in `x[1][0]`; give it once",
            ),
            (
                r#"{"a.b":{"\n":1,"\n":1}}"#,
                "has the member \"\\n\" twice in `\"a.b\"`; give it once",
            ),
            (
                r#"{"a":{"b":1,"b":2},"a":3}"#,
                "has the member \"b\" twice in `a`; give it once",
            ),
        ] {
            assert_eq!(repeated_member(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn names_in_different_objects_are_no_repetition_and_other_text_is_left_to_the_parser() {
        for text in [
            r#"{"a":{"a":[{"a":1},{"a":1.5}]},"A":true,"b":null,"c":"a","d":-1}"#,
            "{}",
            "",
            "[1,1]",
            r#"{"a":1,"a":"#,
            r#"{"a":1,"a":1} x"#,
            "1e999",
        ] {
            assert_eq!(repeated_member(text), None, "{text}");
        }
        let deep = "[".repeat(200) + &"]".repeat(200);
        assert_eq!(repeated_member(&deep), None);
    }
}
