//! Items and parts of values: `.a`, `.[0]` and `.[1:3]`.

use jaq_core::val::Range;

use super::{Error, Text, Val, ValR};

impl Val {
    /// `.[index]`
    pub(super) fn item(self, index: &Self) -> ValR {
        Ok(match (&self, index) {
            (Self::Obj(object), Self::Str(name)) => {
                object.get(name.as_bytes()).cloned().unwrap_or_default()
            }
            (Self::Null, Self::Str(_)) => Self::Null,
            (Self::Null, index) if index.is_number() => Self::Null,
            (Self::Arr(items), Self::Arr(_)) => {
                let found = self.indices(index)?;
                debug_assert!(matches!(found, Self::Arr(_)), "{items:?}");
                found
            }
            (Self::Arr(items), index) if index.is_number() => {
                let place = place(index, items.len());
                place
                    .and_then(|place| items.get(place))
                    .cloned()
                    .unwrap_or_default()
            }
            (Self::Arr(_) | Self::Str(_) | Self::Null, Self::Obj(range)) => {
                let range = range.get(b"start")..range.get(b"end");
                return self.part(range);
            }
            _ => return Err(Error::index(self, index.clone())),
        })
    }

    /// `.name`
    #[inline]
    pub(crate) fn member(self, name: &str) -> ValR {
        match &self {
            Self::Obj(object) => Ok(object.get(name.as_bytes()).cloned().unwrap_or_default()),
            Self::Null => Ok(Self::Null),
            _ => Err(Error::index(self, Self::text(name))),
        }
    }

    /// `.[start:end]`
    pub(super) fn part(self, range: Range<&Self>) -> ValR {
        match &self {
            Self::Null => Ok(Self::Null),
            Self::Arr(items) => {
                let (start, end) = bounds(range, items.len())?;
                Ok(items
                    .get(start..end)
                    .unwrap_or_default()
                    .iter()
                    .cloned()
                    .collect())
            }
            Self::Str(text) => {
                let (start, end) = text_bounds(range, text)?;
                let part = text.as_str().get(start..end).unwrap_or_default();
                Ok(Self::Str(text.sub(part)))
            }
            _ => Err(Error::typ(
                self,
                "an array or a string, to take a part of it",
            )),
        }
    }
}

/// The place of an index, of which a negative one counts from the end.
pub(crate) fn place(index: &Val, length: usize) -> Option<usize> {
    let index = index.index_number()?;
    let length = i64::try_from(length).ok()?;
    let place = if index < 0 {
        index.checked_add(length)?
    } else {
        index
    };
    usize::try_from(place).ok()
}

/// The bounds of a part: within the length, and in order. Fractions widen it.
pub(crate) fn bounds(range: Range<&Val>, length: usize) -> Result<(usize, usize), Error> {
    let start = bound(range.start, length, 0.0, f64::floor)?;
    let end = bound(range.end, length, length as f64, f64::ceil)?;
    Ok((start, end.max(start)))
}

fn bound(
    bound: Option<&Val>,
    length: usize,
    default: f64,
    round: fn(f64) -> f64,
) -> Result<usize, Error> {
    let float = match bound {
        None | Some(Val::Null) => default,
        Some(value) => match value.number() {
            Some(number) => number.to_f64(),
            None => return Err(Error::typ(value.clone(), "a bound of a part")),
        },
    };
    let from_start = if float < 0.0 {
        float + length as f64
    } else {
        float
    };
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is between 0 and the length"
    )]
    let place = round(from_start).clamp(0.0, length as f64) as usize;
    Ok(place)
}

/// The bounds of a part of a text in bytes. Its length is counted in characters.
pub(super) fn text_bounds(range: Range<&Val>, text: &Text) -> Result<(usize, usize), Error> {
    let text = text.as_str();
    let (start, end) = match text.is_ascii() {
        true => return bounds(range, text.len()),
        false => bounds(range, text.chars().count())?,
    };
    let offset = |place: usize| {
        text.char_indices()
            .nth(place)
            .map_or(text.len(), |(at, _)| at)
    };
    Ok((offset(start), offset(end)))
}
