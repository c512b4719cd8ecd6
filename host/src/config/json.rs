//! Tables of TOML as JSON objects, for the configuration of a transform.

use serde_json::{Map, Number, Value};
use toml::de::{DeFloat, DeInteger, DeTable, DeValue};

/// The JSON object that says the same as a table. Times become strings.
///
/// # Errors
/// Names a value that JSON has not: a number that is not finite or needs more than 64 bits.
pub(super) fn from_table(table: DeTable<'_>) -> Result<Value, String> {
    let members = table.into_iter().map(|(name, value)| {
        let name = name.into_inner().into_owned();
        let value = from_value(value.into_inner()).map_err(|why| format!("{name}: {why}"))?;
        Ok((name, value))
    });
    members
        .collect::<Result<Map<_, _>, String>>()
        .map(Value::Object)
}

fn from_value(value: DeValue<'_>) -> Result<Value, String> {
    Ok(match value {
        DeValue::String(text) => Value::String(text.into_owned()),
        DeValue::Integer(number) => Value::Number(integer(&number)?),
        DeValue::Float(number) => Value::Number(float(&number)?),
        DeValue::Boolean(flag) => Value::Bool(flag),
        DeValue::Datetime(time) => Value::String(time.to_string()),
        DeValue::Array(items) => {
            let items = items.into_iter().map(|item| from_value(item.into_inner()));
            Value::Array(items.collect::<Result<_, _>>()?)
        }
        DeValue::Table(table) => from_table(table)?,
    })
}

fn integer(number: &DeInteger<'_>) -> Result<Number, String> {
    let wide = i128::from_str_radix(number.as_str(), number.radix());
    let json = wide.ok().and_then(Number::from_i128);
    json.ok_or_else(|| format!("the number {number} has more than 64 bits"))
}

fn float(number: &DeFloat<'_>) -> Result<Number, String> {
    let json = number
        .as_str()
        .parse::<f64>()
        .ok()
        .and_then(Number::from_f64);
    json.ok_or_else(|| format!("JSON has no number {number}"))
}
