//! Hashes events by what they say, not by how they are written.

use twox_hash::XxHash3_128;

use crate::equality::{LEVELS_MAX, by_name};
use crate::text::{decode, items, string, trim};

/// Hashes events, so that all texts of the [same event](crate::is_same_event) have the same hash. It detects errors; it does
/// not detect forgery.
///
/// The hash is that of a canonical form, in which each part is marked and says its length: members in the order of their
/// names, strings and names decoded, numbers with their digits.
#[derive(Debug, Default)]
pub struct EventHasher {
    /// The canonical form of the last event, whose memory is used again.
    canonical: Vec<u8>,
}

impl EventHasher {
    /// The hash of an event at a place, such as its line. A text that is no JSON is hashed by its bytes.
    pub fn hash(&mut self, place: u64, event: &[u8]) -> u128 {
        self.canonical.clear();
        self.canonical.extend_from_slice(&place.to_le_bytes());
        match json_scan::check(event) {
            Ok(_) => write_value(trim(event), 0, &mut self.canonical),
            Err(_) => write_part(b'?', event, &mut self.canonical),
        }
        XxHash3_128::oneshot(&self.canonical)
    }
}

fn write_value(value: &[u8], level: usize, out: &mut Vec<u8>) {
    match value.first() {
        // As for equality, deeper values are what their bytes are.
        _ if level > LEVELS_MAX => write_part(b'=', value, out),
        Some(b'{') => {
            let members = by_name(value);
            write_count(b'{', members.len(), out);
            for (name, value) in members {
                write_text(name.as_deref().map_err(|raw| *raw), out);
                write_value(value, level + 1, out);
            }
        }
        Some(b'[') => {
            write_count(b'[', items(value).count(), out);
            items(value).for_each(|item| write_value(item, level + 1, out));
        }
        Some(b'"') => {
            let text = string(value).and_then(decode);
            write_text(text.as_deref().ok_or(value), out);
        }
        _ => write_part(b'=', value, out),
    }
}

/// Writes a text, or the bytes of one that is no text of Unicode.
fn write_text(text: Result<&str, &[u8]>, out: &mut Vec<u8>) {
    match text {
        Ok(text) => write_part(b'"', text.as_bytes(), out),
        Err(raw) => write_part(b'!', raw, out),
    }
}

fn write_part(mark: u8, part: &[u8], out: &mut Vec<u8>) {
    write_count(mark, part.len(), out);
    out.extend_from_slice(part);
}

fn write_count(mark: u8, count: usize, out: &mut Vec<u8>) {
    out.push(mark);
    out.extend_from_slice(&(count as u64).to_le_bytes());
}
