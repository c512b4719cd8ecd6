//! Shapes as lists of parts, and their rendering.

use super::rng::EventRng;
use super::texts::SENTENCES;

/// A piece of a JSON text. The ranges include both ends.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    /// JSON text as it stands.
    Raw(&'static str),
    /// 36 characters of a random UUID of version 4, without quotes.
    Uuid,
    /// The event's name, without quotes.
    Name,
    /// The event's `created_at` as a number.
    Created,
    /// A number from the first to the second value.
    Int(u64, u64),
    /// A number from the first to the second value, in units of its last digit, and the number of
    /// decimal places: `Decimal(5, 250, 2)` is 0.05 to 2.50.
    Decimal(u64, u64, u32),
    /// One of several JSON texts.
    Pick(&'static [&'static str]),
    /// Sentences of one language, of about the first to the second number of bytes, without quotes.
    Prose(u64, u64),
    /// The parts several times, separated by commas.
    Repeat(u64, u64, &'static [Part]),
}

/// The values of the required fields of an event.
pub(super) struct Stamp<'a> {
    pub(super) name: &'a str,
    /// Milliseconds since the Unix epoch.
    pub(super) created_ms: u64,
    /// Whether `created_at` keeps the milliseconds.
    pub(super) fractional: bool,
}

/// Appends `parts` to `out`.
pub(super) fn render(parts: &[Part], stamp: &Stamp<'_>, rng: &mut EventRng, out: &mut Vec<u8>) {
    for part in parts {
        match *part {
            Part::Raw(text) => out.extend_from_slice(text.as_bytes()),
            Part::Uuid => put_uuid(rng, out),
            Part::Name => out.extend_from_slice(stamp.name.as_bytes()),
            Part::Created if stamp.fractional => put_decimal(stamp.created_ms, 3, out),
            Part::Created => put_int(stamp.created_ms / 1_000, 1, out),
            Part::Int(low, high) => put_int(rng.between(low, high), 1, out),
            Part::Decimal(low, high, places) => put_decimal(rng.between(low, high), places, out),
            Part::Pick(choices) => out.extend_from_slice(rng.pick(choices).as_bytes()),
            Part::Prose(low, high) => put_prose(rng.between(low, high), rng, out),
            Part::Repeat(low, high, parts) => {
                for repetition in 0..rng.between(low, high) {
                    if repetition > 0 {
                        out.push(b',');
                    }
                    render(parts, stamp, rng, out);
                }
            }
        }
    }
}

/// Appends `value` with at least `width` (1 to 20) digits.
fn put_int(mut value: u64, width: u32, out: &mut Vec<u8>) {
    let mut digits = [b'0'; 20];
    let mut first = digits.len();
    while value > 0 {
        first -= 1;
        digits[first] += (value % 10) as u8;
        value /= 10;
    }
    first = first.min(digits.len() - width as usize);
    out.extend_from_slice(&digits[first..]);
}

fn put_decimal(value: u64, places: u32, out: &mut Vec<u8>) {
    let unit = 10u64.pow(places);
    put_int(value / unit, 1, out);
    out.push(b'.');
    put_int(value % unit, places, out);
}

fn put_uuid(rng: &mut EventRng, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut bits = (u128::from(rng.next_u64()) << 64) | u128::from(rng.next_u64());
    bits = bits & !(0xf << 76) | (4 << 76);
    bits = bits & !(0b11 << 62) | (0b10 << 62);
    let mut text = [b'-'; 36];
    let mut at = 0;
    for (position, byte) in bits.to_be_bytes().into_iter().enumerate() {
        if matches!(position, 4 | 6 | 8 | 10) {
            at += 1;
        }
        text[at] = HEX[usize::from(byte >> 4)];
        text[at + 1] = HEX[usize::from(byte & 0xf)];
        at += 2;
    }
    out.extend_from_slice(&text);
}

fn put_prose(bytes: u64, rng: &mut EventRng, out: &mut Vec<u8>) {
    let language = rng.pick(SENTENCES);
    let mut sentence = rng.index(language.len());
    let start = out.len();
    loop {
        out.extend_from_slice(language[sentence].as_bytes());
        if (out.len() - start) as u64 >= bytes {
            return;
        }
        out.push(b' ');
        // Never the same sentence twice in a row.
        sentence = (sentence + 1 + rng.index(language.len() - 1)) % language.len();
    }
}
