//! The type of events, which a partition can name.

/// What comes before the type of events in the name of a folder.
const EVENT_TYPE: &str = "event_type=";

/// What readers take for no value of a partition.
const NO_VALUE: &str = "__HIVE_DEFAULT_PARTITION__";

/// The type of the events of a partition, by its folders; `""` if they have none, and `None` if the folders do not say it.
#[must_use]
pub fn event_type_of_folder(folder: &str) -> Option<String> {
    let mut folders = folder.split('/');
    let value = folders.find_map(|folder| folder.strip_prefix(EVENT_TYPE))?;
    match value == NO_VALUE {
        true => Some(String::new()),
        false => Some(decode_value(value)),
    }
}

/// Decodes the value of a partition, in which some characters are `%` and two hexadecimal digits.
fn decode_value(value: &str) -> String {
    let bytes = value.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let digits = value.get(at + 1..at + 3).filter(|_| *byte == b'%');
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(escaped) => {
                decoded.push(escaped);
                at += 3;
            }
            None => {
                decoded.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_of_an_object_says_the_type_of_its_events() {
        for (folder, expected) in [
            ("event_type=lesson", Some("lesson")),
            ("date=2026-01-01/event_type=a%2Fb%25 c", Some("a/b% c")),
            ("event_type=__HIVE_DEFAULT_PARTITION__", Some("")),
            ("event_type=50%", Some("50%")),
            ("event_type=%zz%C3%A9", Some("%zzé")),
            ("date=2026-01-01", None),
            ("", None),
        ] {
            assert_eq!(
                event_type_of_folder(folder).as_deref(),
                expected,
                "{folder}"
            );
        }
    }
}
