//! The rules again, written as simply as possible with `serde_json` and `chrono`, for comparison.

use std::fmt;

use chrono::DateTime;
use serde::Deserializer as _;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

pub(crate) const REPLACED: [&str; 3] = ["created_datetime", "event_type", "event_subtype"];

/// The raw members of an object: keys with their quotes, and values.
pub(crate) type Pairs<'a> = Vec<(&'a str, &'a str)>;

/// The expected event.
#[derive(Debug)]
pub(crate) struct Expected<'a> {
    pub(crate) kept: Pairs<'a>,
    pub(crate) removed: bool,
    pub(crate) created: String,
    pub(crate) event_type: String,
    pub(crate) event_subtype: Option<String>,
}

struct PairsVisitor;

impl<'de> Visitor<'de> for PairsVisitor {
    type Value = Pairs<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut pairs = Vec::new();
        while let Some((key, value)) = map.next_entry::<&RawValue, &RawValue>()? {
            pairs.push((key.get(), value.get()));
        }
        Ok(pairs)
    }
}

pub(crate) fn is_json(input: &[u8]) -> bool {
    std::str::from_utf8(input).is_ok() && serde_json::from_slice::<IgnoredAny>(input).is_ok()
}

pub(crate) fn pairs(input: &[u8]) -> Pairs<'_> {
    let mut from = serde_json::Deserializer::from_slice(input);
    from.deserialize_map(PairsVisitor).unwrap()
}

/// The text of a raw string; `None` if it is not a string or has an unpaired surrogate.
pub(crate) fn decode(raw: &str) -> Option<String> {
    serde_json::from_str(raw).ok()
}

/// The outcome for a record, a rejection by its code.
pub(crate) fn enrich(input: &[u8]) -> Result<Expected<'_>, &'static str> {
    if !is_json(input) {
        return Err("invalid_json");
    }
    if !input.trim_ascii_start().starts_with(b"{") {
        return Err("not_an_object");
    }
    let pairs = pairs(input);
    let uuid = only(&pairs, "event_uuid")?;
    let name = uuid.starts_with('"').then(|| only(&pairs, "event_name"));
    let name = decode(name.ok_or("invalid_field")??).ok_or("invalid_field")?;
    if name.is_empty() || name.starts_with(':') {
        return Err("invalid_field");
    }
    let created = instant(only(&pairs, "created_at")?).ok_or("invalid_field")?;
    let mut parts = name.split(':').map(str::to_owned);
    let replaced = |key| decode(key).is_some_and(|key| REPLACED.contains(&key.as_str()));
    let (gone, kept): (Pairs<'_>, _) = pairs.iter().partition(|(key, _)| replaced(key));
    Ok(Expected {
        kept,
        removed: !gone.is_empty(),
        created,
        event_type: parts.next().unwrap(),
        event_subtype: parts.next(),
    })
}

fn only<'a>(pairs: &Pairs<'a>, name: &str) -> Result<&'a str, &'static str> {
    let named = |key| decode(key).is_some_and(|key| key == name);
    let mut values = pairs.iter().filter(|(key, _)| named(key));
    match (values.next(), values.next()) {
        (None, _) => Err("missing_field"),
        (Some(_), Some(_)) => Err("duplicate_field"),
        (Some((_, value)), None) => Ok(value),
    }
}

/// Writes the number without an exponent, splits it at the decimal point, and lets chrono do the
/// rest.
fn instant(raw: &str) -> Option<String> {
    let negative = raw.starts_with('-');
    let number = raw.trim_start_matches('-').to_lowercase();
    let (digits, exponent) = number.split_once('e').unwrap_or((&number, "0"));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_zero = whole.chars().chain(fraction.chars()).all(|c| c == '0');
    whole.parse::<u128>().ok()?;
    let exponent = exponent.parse::<i64>().ok()?.clamp(-999, 999);
    let zeros = "0".repeat(999);
    let plain = format!("{zeros}{whole}{fraction}{zeros}");
    let point = usize::try_from(exponent + 999 + i64::try_from(whole.len()).ok()?).ok()?;
    let (whole, fraction) = plain.split_at(point);
    let whole = whole.trim_start_matches('0');
    if whole.len() > 15 && !all_zero {
        return None;
    }
    let whole: i64 = format!("0{whole}").parse().ok()?;
    let fraction = format!("{fraction}000000000");
    let (nanos, below) = fraction.split_at(9);
    let nanos: i64 = nanos.parse().ok()?;
    let below = below.chars().any(|c| c != '0');
    let (mut seconds, mut nanos) = (whole, nanos);
    if negative {
        (seconds, nanos) = (-seconds, -nanos - i64::from(below));
        if nanos < 0 {
            (seconds, nanos) = (seconds - 1, nanos + 1_000_000_000);
        }
    }
    text(DateTime::from_timestamp(
        seconds,
        u32::try_from(nanos).ok()?,
    )?)
}

fn text(moment: DateTime<chrono::Utc>) -> Option<String> {
    let text = moment.format("%Y-%m-%dT%H:%M:%S%.9f").to_string();
    if text.len() != "0000-00-00T00:00:00.000000000".len() || text.starts_with(['+', '-']) {
        return None;
    }
    Some(text.trim_end_matches('0').trim_end_matches('.').to_owned() + "Z")
}
