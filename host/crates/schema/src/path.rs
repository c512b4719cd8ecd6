//! Paths of values, as reports name them: `order.items[].price`, `attributes{}`, `."a.b"`.

use std::borrow::Cow;

use json_scan::Text;

use crate::text::decode;

/// One step of a path.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step<'a> {
    /// A member of an object.
    Member(Text<'a>),
    /// Any item of an array.
    Item,
    /// Any value of a map.
    Value,
}

/// The path of steps.
pub(crate) fn render<'a>(steps: &[Step<'a>]) -> Cow<'a, str> {
    // Most members are those of the event, and their names are their paths.
    if let [Step::Member(name)] = steps
        && !name.escaped
        && !name.raw.is_empty()
        && name.raw.iter().all(is_plain_byte)
        && let Ok(name) = std::str::from_utf8(name.raw)
    {
        return Cow::Borrowed(name);
    }
    Cow::Owned(render_all(steps))
}

/// Whether a byte is a character that needs no quotes in a path.
fn is_plain_byte(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'$' | b'@')
}

fn render_all(steps: &[Step<'_>]) -> String {
    let mut path = String::new();
    for step in steps {
        match step {
            Step::Member(name) => match decode(*name) {
                Some(name) => push_member(&mut path, &name),
                None => push_quoted(&mut path, &String::from_utf8_lossy(name.raw)),
            },
            Step::Item => path.push_str("[]"),
            Step::Value => path.push_str("{}"),
        }
    }
    path
}

/// The path of the value that these members lead to from the object at `path`; `""` is the event.
#[must_use]
pub fn path_of_members(path: &str, names: &[String]) -> String {
    let mut path = path.to_owned();
    names.iter().for_each(|name| push_member(&mut path, name));
    path
}

/// Appends a member. A name that could be read as another path is in quotes.
pub(crate) fn push_member(path: &mut String, name: &str) {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '$' | '@');
    if name.is_empty() || !name.chars().all(is_plain) {
        return push_quoted(path, &format!("{name:?}"));
    }
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(name);
}

fn push_quoted(path: &mut String, name: &str) {
    path.push('.');
    match name.starts_with('"') {
        true => path.push_str(name),
        false => path.push_str(&format!("\"{name}\"")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_lead_on_from_an_object() {
        let names = ["b".to_owned(), "c.d".to_owned()];
        assert_eq!(path_of_members("a[]", &names), "a[].b.\"c.d\"");
        assert_eq!(path_of_members("", &names[..1]), "b");
        assert_eq!(path_of_members("a", &[]), "a");
    }

    #[test]
    fn a_path_tells_names_from_steps() {
        let name = |raw: &'static str| {
            Step::Member(Text {
                raw: raw.as_bytes(),
                escaped: raw.contains('\\'),
            })
        };
        for (steps, expected) in [
            (vec![name("a")], "a"),
            (
                vec![name("a"), name("b"), Step::Item, name("c"), Step::Value],
                "a.b[].c{}",
            ),
            (vec![name("a.b"), name("")], ".\"a.b\".\"\""),
            (vec![name("a\\u0062")], "ab"),
            (vec![name("é"), name("\\ud800")], "é.\"\\ud800\""),
            (vec![name("a\\n")], ".\"a\\n\""),
        ] {
            assert_eq!(render(&steps), expected);
        }
    }
}
