//! The host's rules for partitions, so that a test finds what a run would quarantine. A component does not contain them.
//! `host/tests/author/tester.rs` compares them with the host.

use crate::partition::{
    EMPTY_VALUE, NAME_MAX_BYTES, PATH_MAX_BYTES, SEGMENT_MAX_BYTES, is_encoded,
};

/// The path of a partition, such as `event_type=lesson/date=2026-01-01`.
///
/// # Errors
/// Which rule the columns break, in the words of the host.
pub(super) fn path(columns: &[(String, String)]) -> Result<String, String> {
    let mut path = String::new();
    for (place, (name, value)) in columns.iter().enumerate() {
        check_name(name)?;
        let mut earlier = columns.iter().take(place);
        if earlier.any(|(earlier, _)| earlier == name) {
            return Err(format!("partition name {name:?} occurs twice"));
        }
        if value == EMPTY_VALUE {
            return Err(format!(
                "partition {name:?}: its value is {EMPTY_VALUE}, which readers take for NULL; return an empty value if \
                 there is none, and another text if there is one"
            ));
        }
        if place > 0 {
            path.push('/');
        }
        let start = path.len();
        path += name;
        path.push('=');
        push_value(&mut path, value);
        let bytes = path.len() - start;
        if bytes > SEGMENT_MAX_BYTES {
            return Err(format!(
                "partition {name:?}: its value takes {bytes} bytes in a path, at most {SEGMENT_MAX_BYTES} fit"
            ));
        }
        let bytes = path.len();
        if bytes > PATH_MAX_BYTES {
            return Err(format!(
                "the partition's path takes {bytes} bytes or more, at most {PATH_MAX_BYTES} fit"
            ));
        }
    }
    Ok(path)
}

fn check_name(name: &str) -> Result<(), String> {
    let well_formed = name.len() <= NAME_MAX_BYTES
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if well_formed {
        return Ok(());
    }
    let shown: String = name.chars().take(NAME_MAX_BYTES).collect();
    Err(format!(
        "partition name {shown:?} is not a letter followed by up to 63 letters, digits and '_'"
    ))
}

/// Encodes what a path cannot hold, as Hive does.
fn push_value(path: &mut String, value: &str) {
    if value.is_empty() {
        path.push_str(EMPTY_VALUE);
    }
    for c in value.chars() {
        if u8::try_from(c).is_ok_and(is_encoded) {
            path.push_str(&format!("%{:02X}", u32::from(c)));
        } else {
            path.push(c);
        }
    }
}
