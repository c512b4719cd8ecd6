//! Turns events into lines that are not valid events.

use super::rng::EventRng;

/// Strings that are not UTF-8: an invalid byte, a lone continuation byte, truncated sequences, a surrogate.
const NOT_UTF8: &[&[u8]] = &[
    b"\"\xff\"",
    b"\"caf\x80\"",
    b"\"se\xc3\"",
    b"\"\xf0\x9f\x98\"",
    b"\"\xed\xa0\x80\"",
];

const PLAIN_TEXT: &[&[u8]] = &[
    b"ERROR connection reset by peer while reading response header from upstream",
    b"<html><body><h1>502 Bad Gateway</h1></body></html>",
    b"event_uuid,event_name,created_at",
    b"java.lang.NullPointerException: Cannot invoke \"Learner.id()\" because \"learner\" is null",
    b"undefined",
    b"[object Object]",
];

/// Replaces the event at `start..` of `out` by a malformed line that is not empty and has no newline.
pub(super) fn spoil(rng: &mut EventRng, out: &mut Vec<u8>, start: usize) {
    match rng.index(12) {
        0 | 1 => truncate(rng, out, start),
        2 => rename(out, start, b"\"created_at\"", b"\"createdAt\""),
        3 => rename(out, start, b"\"event_uuid\"", b"\"id\""),
        4 => put_value(out, start, b"\"created_at\"", b"\"2026-01-01T00:00:00Z\""),
        5 => put_value(out, start, b"\"created_at\"", b"NaN"),
        6 => put_value(out, start, b"\"event_name\"", b"404"),
        7 => put_value(out, start, b"\"event_name\"", b"null"),
        8 => {
            out.insert(start, b'[');
            out.push(b']');
        }
        9 => put_value(out, start, b"\"event_name\"", rng.pick(NOT_UTF8)),
        10 => replace(out, start, rng.pick(PLAIN_TEXT)),
        _ => replace(out, start, b"{}"),
    }
}

fn replace(out: &mut Vec<u8>, start: usize, line: &[u8]) {
    out.truncate(start);
    out.extend_from_slice(line);
}

/// Keeps at least the opening brace and removes at least the closing one.
fn truncate(rng: &mut EventRng, out: &mut Vec<u8>, start: usize) {
    let keep = 1 + rng.index(out.len() - start - 1);
    out.truncate(start + keep);
}

fn rename(out: &mut Vec<u8>, start: usize, key: &[u8], to: &[u8]) {
    match find(out, start, key) {
        Some(at) => drop(out.splice(at..at + key.len(), to.iter().copied())),
        None => replace(out, start, b"{}"),
    }
}

/// Replaces the value of `key`, which is a number, or a string without escapes and commas.
fn put_value(out: &mut Vec<u8>, start: usize, key: &[u8], value: &[u8]) {
    let Some(at) = find(out, start, key) else {
        return replace(out, start, b"{}");
    };
    let is_gap = |byte: &u8| matches!(byte, b' ' | b':');
    let from = at + key.len();
    let from = from + out[from..].iter().take_while(|byte| is_gap(byte)).count();
    let is_end = |byte: &u8| matches!(byte, b',' | b'}' | b' ');
    let len = out[from..].iter().take_while(|byte| !is_end(byte)).count();
    out.splice(from..from + len, value.iter().copied());
}

/// The position of `key`, quotes included, in the event at `start..`. Quotes in texts are escaped, so only
/// a key matches.
fn find(out: &[u8], start: usize, key: &[u8]) -> Option<usize> {
    let at = out[start..]
        .windows(key.len())
        .position(|window| window == key)?;
    Some(start + at)
}
