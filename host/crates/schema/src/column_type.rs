//! The types of columns.

use std::fmt;
use std::str::FromStr;

use crate::number::DECIMAL_MAX_DIGITS;
use crate::schema::Column;
use crate::time::{FRACTION_MAX_DIGITS, Zone};

/// The type of a column, of the items of a list, or of the values of a map.
///
/// A value is in a column if the type has exactly this value. A type writes each value in one way, its notation. If a
/// text has the same value in another notation, the value is in the column, and the text is in `_rest` too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// `true` or `false`.
    Boolean,
    /// A signed integer of 64 bits.
    Long,
    /// A double of IEEE 754. It has a number if its shortest decimal is this number. Its notation is that of
    /// ECMAScript: `7`, `1.5`, `1e+21`.
    Double,
    /// A decimal.
    Decimal {
        /// The most digits, 1 to 38.
        precision: u8,
        /// The digits after the point, up to `precision`. Its notation has all of them: `1.50`.
        scale: u8,
    },
    /// A text of Unicode.
    String,
    /// A point in time, in microseconds: a string with a date, a time and a zone (RFC 3339).
    Timestamp {
        /// The digits of the seconds' fraction in its notation, up to 6.
        digits: u8,
        /// The zone in its notation.
        zone: Zone,
    },
    /// A string with a date: `2026-01-31`.
    Date,
    /// A string with a UUID. Its notation has lower case letters.
    Uuid,
    /// A string with bytes in base64 (RFC 4648, the standard alphabet, with padding).
    Binary,
    /// Any JSON value, as its text.
    Json,
    /// An array.
    List(Box<ColumnType>),
    /// An object with known members.
    Struct(Vec<Column>),
    /// An object with any names and with values of one type.
    Map(Box<ColumnType>),
}

impl ColumnType {
    /// Whether every value of this type is also one of `other`, so that a column can change to it without a loss.
    #[must_use]
    pub fn is_part_of(&self, other: &Self) -> bool {
        match (self, other) {
            (_, Self::Json)
            | (Self::Timestamp { .. }, Self::Timestamp { .. } | Self::String)
            | (Self::Date | Self::Uuid | Self::Binary, Self::String) => true,
            (Self::Long, Self::Decimal { precision, scale }) => precision - scale >= 19,
            (
                Self::Decimal { precision, scale },
                Self::Decimal {
                    precision: other_precision,
                    scale: other_scale,
                },
            ) => scale <= other_scale && precision - scale <= other_precision - other_scale,
            (Self::List(item), Self::List(other)) | (Self::Map(item), Self::Map(other)) => {
                item.is_part_of(other)
            }
            (Self::Struct(columns), Self::Struct(others)) => columns.iter().all(|column| {
                let same = others.iter().find(|other| other.path() == column.path());
                same.is_some_and(|other| column.column_type().is_part_of(other.column_type()))
            }),
            _ => self == other,
        }
    }

    /// The number of columns in its structs.
    pub(crate) fn columns(&self) -> usize {
        match self {
            Self::List(part) | Self::Map(part) => part.columns(),
            Self::Struct(columns) => {
                let columns = columns.iter();
                columns
                    .map(|column| 1 + column.column_type().columns())
                    .sum()
            }
            _ => 0,
        }
    }

    /// The name of a type without parts; of others, the kind.
    fn name(&self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Long => "long",
            Self::Double => "double",
            Self::Decimal { .. } => "decimal",
            Self::String => "string",
            Self::Timestamp { .. } => "timestamp",
            Self::Date => "date",
            Self::Uuid => "uuid",
            Self::Binary => "binary",
            Self::Json => "json",
            Self::List(_) => "list",
            Self::Struct(_) => "struct",
            Self::Map(_) => "map",
        }
    }
}

impl fmt::Display for ColumnType {
    /// The type as a schema names it; of a struct, only the names of its columns.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Self::Decimal { precision, scale } => write!(f, "({precision},{scale})"),
            Self::Timestamp { digits, zone } => match zone {
                Zone::Z => write!(f, "({digits})"),
                Zone::PlusZero => write!(f, "({digits},{zone})"),
            },
            Self::List(part) | Self::Map(part) => write!(f, "<{part}>"),
            _ => Ok(()),
        }
    }
}

impl FromStr for ColumnType {
    type Err = String;

    /// Parses a type without parts.
    fn from_str(text: &str) -> Result<Self, String> {
        let (name, arguments) = match text.split_once('(') {
            Some((name, rest)) => (name, rest.strip_suffix(')')),
            None => (text, None),
        };
        let arguments: Vec<_> =
            arguments.map_or(Vec::new(), |all| all.split(',').map(str::trim).collect());
        let parsed = match (name, arguments.as_slice()) {
            ("boolean", []) => Some(Self::Boolean),
            ("long", []) => Some(Self::Long),
            ("double", []) => Some(Self::Double),
            ("string", []) => Some(Self::String),
            ("date", []) => Some(Self::Date),
            ("uuid", []) => Some(Self::Uuid),
            ("binary", []) => Some(Self::Binary),
            ("json", []) => Some(Self::Json),
            ("decimal", [precision, scale]) => decimal(precision, scale),
            ("timestamp", [digits]) => timestamp(digits, Zone::Z),
            ("timestamp", [digits, "+00:00"]) => timestamp(digits, Zone::PlusZero),
            _ => None,
        };
        parsed.filter(|_| text.ends_with(')') == text.contains('(')).ok_or_else(|| {
            format!(
                "{text:?} is no type; give boolean, long, double, decimal(PRECISION,SCALE) with up to \
                 {DECIMAL_MAX_DIGITS} digits, string, timestamp(DIGITS) with up to {FRACTION_MAX_DIGITS} digits, \
                 timestamp(DIGITS,+00:00), date, uuid, binary, json, {{\"list\": TYPE}}, {{\"map\": TYPE}} or \
                 {{\"struct\": [COLUMN, …]}}"
            )
        })
    }
}

fn decimal(precision: &str, scale: &str) -> Option<ColumnType> {
    let (precision, scale) = (number(precision)?, number(scale)?);
    let is_type = (1..=DECIMAL_MAX_DIGITS).contains(&precision) && scale <= precision;
    is_type.then_some(ColumnType::Decimal { precision, scale })
}

fn timestamp(digits: &str, zone: Zone) -> Option<ColumnType> {
    let digits = number(digits)?;
    (digits <= FRACTION_MAX_DIGITS).then_some(ColumnType::Timestamp { digits, zone })
}

/// One or two digits, without a sign.
fn number(text: &str) -> Option<u8> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit()) && text.len() <= 2;
    is_number.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_written_as_it_is_read() {
        for text in [
            "boolean",
            "long",
            "double",
            "decimal(38,0)",
            "decimal(18,2)",
            "string",
            "timestamp(0)",
            "timestamp(6,+00:00)",
            "date",
            "uuid",
            "binary",
            "json",
        ] {
            assert_eq!(text.parse::<ColumnType>().unwrap().to_string(), text);
        }
        let spaced: ColumnType = "decimal(10, 2)".parse().unwrap();
        assert_eq!(spaced.to_string(), "decimal(10,2)");
    }

    #[test]
    fn other_texts_are_no_types() {
        for text in [
            "int",
            "Long",
            "",
            "long()",
            "long(",
            "decimal",
            "decimal(39,0)",
            "decimal(0,0)",
            "decimal(2,3)",
            "decimal(10,2",
            "decimal(+1,0)",
            "timestamp",
            "timestamp(7)",
            "timestamp(3,+01:00)",
            "list",
            "date)",
        ] {
            assert!(
                text.parse::<ColumnType>()
                    .unwrap_err()
                    .contains("is no type"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_type_can_grow_without_a_loss() {
        let is_part = |from: &str, to: &str| {
            let parse = |text: &str| text.parse::<ColumnType>().unwrap();
            parse(from).is_part_of(&parse(to))
        };
        for (from, to) in [
            ("long", "long"),
            ("long", "json"),
            ("long", "decimal(38,0)"),
            ("long", "decimal(19,0)"),
            ("decimal(10,2)", "decimal(11,3)"),
            ("date", "string"),
            ("timestamp(3)", "timestamp(6)"),
        ] {
            assert!(is_part(from, to), "{from} {to}");
        }
        for (from, to) in [
            ("long", "double"),
            ("long", "decimal(20,2)"),
            ("double", "decimal(38,9)"),
            ("decimal(10,2)", "decimal(10,3)"),
            ("string", "date"),
            ("json", "string"),
            ("boolean", "string"),
        ] {
            assert!(!is_part(from, to), "{from} {to}");
        }
    }
}
