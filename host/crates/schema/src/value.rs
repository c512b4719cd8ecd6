//! Values of columns, ready for a builder of typed columns.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::column_type::ColumnType;
use crate::number::{Number, write_decimal, write_double};
use crate::text::{decode, string, write_string};
use crate::time::{parse_date, parse_timestamp, write_date, write_timestamp};

/// A value of a column; texts are borrowed from the event where they can be. What is null in a column has no value.
#[derive(Clone, Debug, PartialEq)]
pub enum ColumnValue<'a> {
    /// Of a [`ColumnType::Boolean`].
    Boolean(bool),
    /// Of a [`ColumnType::Long`].
    Long(i64),
    /// Of a [`ColumnType::Double`].
    Double(f64),
    /// Of a [`ColumnType::Decimal`]: the number times `10^scale`.
    Decimal(i128),
    /// Of a [`ColumnType::String`].
    String(Cow<'a, str>),
    /// Of a [`ColumnType::Timestamp`]: microseconds since 1970-01-01T00:00:00Z.
    Timestamp(i64),
    /// Of a [`ColumnType::Date`]: days since 1970-01-01.
    Date(i32),
    /// Of a [`ColumnType::Uuid`].
    Uuid([u8; 16]),
    /// Of a [`ColumnType::Binary`].
    Binary(Vec<u8>),
    /// Of a [`ColumnType::Json`]: the text as it came.
    Json(&'a str),
    /// Of a [`ColumnType::List`].
    List(Vec<Option<ColumnValue<'a>>>),
    /// Of a [`ColumnType::Struct`], in the order of its columns.
    Struct(Vec<Option<ColumnValue<'a>>>),
    /// Of a [`ColumnType::Map`], in the order of the event, each name once.
    Map(Vec<(Cow<'a, str>, Option<ColumnValue<'a>>)>),
}

/// How a JSON value fits a type without parts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Fit<'a> {
    /// The type has the value, and writes it like this. Strings and Booleans have one notation: escapes do not count.
    Exact(ColumnValue<'a>),
    /// The type has the value, and writes it in another way.
    OtherNotation(ColumnValue<'a>),
    /// The type does not have the value.
    Misfit,
}

impl<'a> Fit<'a> {
    fn new(value: ColumnValue<'a>, is_exact: bool) -> Self {
        match is_exact {
            true => Self::Exact(value),
            false => Self::OtherNotation(value),
        }
    }
}

/// Fits a JSON value to a type without parts.
pub(crate) fn fit<'a>(column_type: &ColumnType, raw: &'a [u8]) -> Fit<'a> {
    let fit = match raw.first() {
        Some(b'"') => fit_string(column_type, raw),
        Some(b'-' | b'0'..=b'9') => fit_number(column_type, raw),
        Some(b't' | b'f') if *column_type == ColumnType::Boolean => {
            Some(Fit::Exact(ColumnValue::Boolean(raw == b"true")))
        }
        _ => None,
    };
    fit.unwrap_or(Fit::Misfit)
}

fn fit_number<'a>(column_type: &ColumnType, raw: &'a [u8]) -> Option<Fit<'a>> {
    let number = Number::parse(raw);
    let is_negative_zero = number.is_negative && number.is_zero();
    Some(match column_type {
        ColumnType::Long => {
            let long = i64::try_from(number.unscaled(0)?).ok()?;
            Fit::new(
                ColumnValue::Long(long),
                number.is_integer() && !is_negative_zero,
            )
        }
        ColumnType::Double => {
            if let Some(double) = small_integer(raw) {
                return Some(Fit::Exact(ColumnValue::Double(double)));
            }
            let double = number.double(raw)?;
            let mut text = Vec::new();
            write_double(double, &mut text);
            Fit::new(ColumnValue::Double(double), text == raw)
        }
        ColumnType::Decimal { precision, scale } => {
            let unscaled = number.unscaled(*scale)?;
            if unscaled.unsigned_abs() >= 10_u128.checked_pow(u32::from(*precision))? {
                return None;
            }
            let has_scale = number.fraction.len() == usize::from(*scale) && !number.has_exponent;
            Fit::new(
                ColumnValue::Decimal(unscaled),
                has_scale && !is_negative_zero,
            )
        }
        _ => return None,
    })
}

/// An integer that a double has exactly and writes with these digits.
fn small_integer(raw: &[u8]) -> Option<f64> {
    if raw.len() > 15 || !raw.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let add = |integer: u64, digit: &u8| 10 * integer + u64::from(digit & 0xf);
    #[allow(
        clippy::cast_precision_loss,
        reason = "15 digits have fewer than 53 bits"
    )]
    let double = raw.iter().fold(0, add) as f64;
    Some(double)
}

fn fit_string<'a>(column_type: &ColumnType, raw: &'a [u8]) -> Option<Fit<'a>> {
    let text = decode(string(raw)?)?;
    Some(match column_type {
        ColumnType::String => Fit::Exact(ColumnValue::String(text)),
        ColumnType::Timestamp { digits, zone } => {
            let timestamp = parse_timestamp(text.as_bytes())?;
            let is_exact = timestamp.notation == Some((*digits, *zone));
            Fit::new(ColumnValue::Timestamp(timestamp.micros), is_exact)
        }
        ColumnType::Date => Fit::Exact(ColumnValue::Date(parse_date(text.as_bytes())?)),
        ColumnType::Uuid => {
            let is_exact = !text.bytes().any(|byte| byte.is_ascii_uppercase());
            Fit::new(ColumnValue::Uuid(parse_uuid(text.as_bytes())?), is_exact)
        }
        ColumnType::Binary => {
            let bytes = STANDARD.decode(text.as_bytes()).ok()?;
            let is_exact = STANDARD.encode(&bytes) == *text;
            Fit::new(ColumnValue::Binary(bytes), is_exact)
        }
        _ => return None,
    })
}

/// Parses a UUID with its hyphens.
pub(crate) fn parse_uuid(text: &[u8]) -> Option<[u8; 16]> {
    if text.len() != 36 {
        return None;
    }
    let mut uuid = [0; 16];
    let mut digits = 0_usize;
    for (at, byte) in text.iter().enumerate() {
        if matches!(at, 8 | 13 | 18 | 23) {
            if *byte != b'-' {
                return None;
            }
            continue;
        }
        let digit = u8::try_from(char::from(*byte).to_digit(16)?).ok()?;
        let octet = uuid.get_mut(digits / 2)?;
        *octet = *octet << 4 | digit;
        digits += 1;
    }
    Some(uuid)
}

fn write_uuid(uuid: [u8; 16], out: &mut Vec<u8>) {
    for (at, octet) in uuid.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            out.push(b'-');
        }
        out.extend(format!("{octet:02x}").bytes());
    }
}

/// Appends the JSON text of a value without parts, in the notation of its type; `false` if it is not of this type.
pub(crate) fn write_scalar(
    column_type: &ColumnType,
    value: &ColumnValue<'_>,
    out: &mut Vec<u8>,
) -> bool {
    let quoted = |out: &mut Vec<u8>, write: &dyn Fn(&mut Vec<u8>)| {
        out.push(b'"');
        write(out);
        out.push(b'"');
    };
    match (column_type, value) {
        (ColumnType::Boolean, ColumnValue::Boolean(value)) => out.extend(value.to_string().bytes()),
        (ColumnType::Long, ColumnValue::Long(value)) => out.extend(value.to_string().bytes()),
        (ColumnType::Double, ColumnValue::Double(value)) if value.is_finite() => {
            write_double(*value, out);
        }
        (ColumnType::Decimal { scale, .. }, ColumnValue::Decimal(value)) => {
            write_decimal(*value, *scale, out);
        }
        (ColumnType::String, ColumnValue::String(value)) => write_string(value, out),
        (ColumnType::Timestamp { digits, zone }, ColumnValue::Timestamp(micros)) => {
            quoted(out, &|out| write_timestamp(*micros, *digits, *zone, out));
        }
        (ColumnType::Date, ColumnValue::Date(days)) => {
            quoted(out, &|out| write_date((*days).into(), out));
        }
        (ColumnType::Uuid, ColumnValue::Uuid(uuid)) => quoted(out, &|out| write_uuid(*uuid, out)),
        (ColumnType::Binary, ColumnValue::Binary(bytes)) => {
            write_string(&STANDARD.encode(bytes), out);
        }
        (ColumnType::Json, ColumnValue::Json(text)) => out.extend(text.bytes()),
        _ => return false,
    }
    true
}
