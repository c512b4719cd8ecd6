//! `+`, `-`, `*`, `/` and `%`.

use std::ops::{Add, Div, Mul, Neg, Rem, Sub};
use std::rc::Rc;

use jaq_core::ops::Math;

use super::number::Number;
use super::{Error, Object, Text, Val, ValR};

/// Integers as long as the result is one, and floats otherwise.
fn calculate(
    (left, right): (Number, Number),
    integers: impl FnOnce(i64, i64) -> Option<i64>,
    floats: impl FnOnce(f64, f64) -> f64,
) -> Val {
    if let (Number::Int(left), Number::Int(right)) = (left, right)
        && let Some(result) = integers(left, right)
    {
        return Val::Int(result);
    }
    Val::Float(floats(left.to_f64(), right.to_f64()))
}

fn numbers(left: &Val, right: &Val) -> Option<(Number, Number)> {
    Some((left.number()?, right.number()?))
}

#[cold]
fn fault(left: Val, operator: Math, right: Val) -> ValR {
    Err(Error::math(left, operator, right))
}

#[cold]
fn division_by_zero(left: &Val, right: &Val) -> ValR {
    let message = format!("{left} and {right} cannot be divided because the divisor is zero");
    Err(Error::str(message))
}

impl Add for Val {
    type Output = ValR;

    fn add(self, other: Self) -> ValR {
        if let Some(both) = numbers(&self, &other) {
            return Ok(calculate(both, i64::checked_add, f64::add));
        }
        Ok(match (self, other) {
            (Self::Null, value) | (value, Self::Null) => value,
            (Self::Str(left), Self::Str(right)) => Self::Str(left.append(right.as_bytes())),
            (Self::Arr(mut left), Self::Arr(right)) => {
                Rc::make_mut(&mut left).extend(right.iter().cloned());
                Self::Arr(left)
            }
            (Self::Obj(mut left), Self::Obj(right)) => {
                let members = Rc::make_mut(&mut left);
                for (name, value) in right.iter() {
                    members.set(name.clone(), value.clone());
                }
                Self::Obj(left)
            }
            (left, right) => return fault(left, Math::Add, right),
        })
    }
}

impl Sub for Val {
    type Output = ValR;

    fn sub(self, other: Self) -> ValR {
        if let Some(both) = numbers(&self, &other) {
            return Ok(calculate(both, i64::checked_sub, f64::sub));
        }
        match (self, other) {
            (Self::Arr(mut left), Self::Arr(right)) => {
                let mut removed: Vec<_> = right.iter().collect();
                removed.sort_unstable();
                Rc::make_mut(&mut left).retain(|item| removed.binary_search(&item).is_err());
                Ok(Self::Arr(left))
            }
            (left, right) => fault(left, Math::Sub, right),
        }
    }
}

impl Mul for Val {
    type Output = ValR;

    fn mul(self, other: Self) -> ValR {
        if let Some(both) = numbers(&self, &other) {
            return Ok(calculate(both, i64::checked_mul, f64::mul));
        }
        match (self, other) {
            (Self::Obj(mut left), Self::Obj(right)) => {
                merge(Rc::make_mut(&mut left), &right);
                Ok(Self::Obj(left))
            }
            (Self::Str(text), number) | (number, Self::Str(text)) if number.is_number() => {
                repeat(&text, &number)
            }
            (left, right) => fault(left, Math::Mul, right),
        }
    }
}

/// Merges objects; objects in both of them are merged too.
fn merge(left: &mut Object, right: &Object) {
    for (name, value) in right.iter() {
        match (left.get_mut(name.as_bytes()), value) {
            (Some(Val::Obj(left)), Val::Obj(right)) => merge(Rc::make_mut(left), right),
            (Some(place), value) => *place = value.clone(),
            (None, value) => left.push(name.clone(), value.clone()),
        }
    }
}

/// The most bytes that a text can have. Memory ends before.
const TEXT_MAX_BYTES: usize = i32::MAX as usize;

/// A text, `count` times. None of it is `null`, and a part of it is all of it.
fn repeat(text: &Text, count: &Val) -> ValR {
    let times = count.number().map_or(0.0, Number::to_f64);
    if times <= 0.0 || times.is_nan() {
        return Ok(Val::Null);
    }
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it saturates, and then the text is too long"
    )]
    let times = times.max(1.0) as usize;
    let bytes = text.as_bytes();
    match bytes.len().checked_mul(times) {
        Some(0) => Ok(Val::text("")),
        Some(1..=TEXT_MAX_BYTES) => Ok(Val::Str(Text::from_utf8(bytes.repeat(times)))),
        _ => Err(Error::str(format_args!(
            "a text of {} bytes cannot be repeated {count} times: it would be too long",
            bytes.len()
        ))),
    }
}

impl Div for Val {
    type Output = ValR;

    fn div(self, other: Self) -> ValR {
        let Some((left, right)) = numbers(&self, &other) else {
            return match (self, other) {
                (Self::Str(text), Self::Str(separator)) => Ok(split(&text, separator.as_str())),
                (left, right) => fault(left, Math::Div, right),
            };
        };
        if right.to_f64() == 0.0 {
            return division_by_zero(&self, &other);
        }
        let whole = |left: i64, right: i64| {
            let rest = left.checked_rem(right)?;
            left.checked_div(right).filter(|_| rest == 0)
        };
        Ok(calculate((left, right), whole, f64::div))
    }
}

/// The parts of a text between separators.
pub(crate) fn split(text: &Text, separator: &str) -> Val {
    let whole = text.as_str();
    let part = |part: &str| Val::Str(text.sub(part));
    Val::Arr(Rc::new(match (whole, separator) {
        ("", _) => Vec::new(),
        (_, "") => {
            let chars = whole.char_indices();
            chars
                .filter_map(|(at, c)| Some(part(whole.get(at..at + c.len_utf8())?)))
                .collect()
        }
        _ => whole.split(separator).map(part).collect(),
    }))
}

impl Rem for Val {
    type Output = ValR;

    /// The remainder of integers: fractions are ignored, as in jq.
    fn rem(self, other: Self) -> ValR {
        let Some((left, right)) = numbers(&self, &other) else {
            return fault(self, Math::Rem, other);
        };
        if left.to_f64().is_nan() || right.to_f64().is_nan() {
            return Ok(Self::Float(f64::NAN));
        }
        #[allow(clippy::cast_possible_truncation, reason = "it saturates")]
        let whole = |number| match number {
            Number::Int(integer) => integer,
            Number::Float(float) => float as i64,
        };
        match whole(right) {
            0 => division_by_zero(&self, &other),
            right => Ok(Self::Int(whole(left).wrapping_rem(right))),
        }
    }
}

impl Neg for Val {
    type Output = ValR;

    fn neg(self) -> ValR {
        match self.number() {
            Some(Number::Int(integer)) if integer != 0 => Ok(calculate(
                (Number::Int(0), Number::Int(integer)),
                i64::checked_sub,
                f64::sub,
            )),
            Some(number) => Ok(Self::Float(-number.to_f64())),
            None => Err(Error::typ(self, "a number to negate")),
        }
    }
}
