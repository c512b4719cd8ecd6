//! Decodes keys that S3 lists with URL encoding. XML cannot hold every character of a key.

/// Decodes a key: `%` with two hexadecimal digits is a byte of UTF-8, `+` a space. What is
/// not well formed stays as it is.
pub(super) fn decode(key: &str) -> String {
    let mut bytes = Vec::with_capacity(key.len());
    let mut rest = key.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let (byte, length) = match (first, behind.first_chunk().and_then(hexadecimal)) {
            (b'%', Some(byte)) => (byte, 3),
            (b'+', _) => (b' ', 1),
            (other, _) => (*other, 1),
        };
        bytes.push(byte);
        rest = &rest[length..];
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hexadecimal(digits: &[u8; 2]) -> Option<u8> {
    let value = |digit: u8| char::from(digit).to_digit(16);
    let [high, low] = digits.map(value);
    u8::try_from(high? * 16 + low?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoded_key_comes_back() {
        assert_eq!(
            decode("event_type%3D%EF%BF%BF/a%252F+%2B"),
            "event_type=\u{ffff}/a%2F +"
        );
    }

    #[test]
    fn what_is_not_encoded_stays() {
        for key in ["", "a/b", "%", "a%2", "%zz", "é%"] {
            assert_eq!(decode(key), key);
        }
    }
}
