//! What jaq needs to know of values.

use std::rc::Rc;

use jaq_core::box_iter::{BoxIter, box_once};
use jaq_core::path::Opt;
use jaq_core::val::Range;
use jaq_core::{ValT, ValX};

use super::{Error, Number, Object, Text, Val, ValR};

impl From<bool> for Val {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<isize> for Val {
    fn from(value: isize) -> Self {
        Self::Int(value as i64)
    }
}

impl From<usize> for Val {
    fn from(value: usize) -> Self {
        Self::Int(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

impl From<f64> for Val {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<String> for Val {
    fn from(value: String) -> Self {
        Self::Str(Text::from(value))
    }
}

impl From<Range<Self>> for Val {
    fn from(range: Range<Self>) -> Self {
        let member =
            |name: &str, value: Option<Self>| (Text::from(name), value.unwrap_or_default());
        let members = [member("start", range.start), member("end", range.end)];
        Self::object(Object::of(members.into_iter()))
    }
}

impl FromIterator<Self> for Val {
    fn from_iter<I: IntoIterator<Item = Self>>(items: I) -> Self {
        Self::Arr(Rc::new(items.into_iter().collect()))
    }
}

/// The content, without a copy if nothing else has it.
pub(super) fn unshared<T: Clone>(shared: Rc<T>) -> T {
    Rc::try_unwrap(shared).unwrap_or_else(|shared| (*shared).clone())
}

impl ValT for Val {
    fn from_num(text: &str) -> ValR {
        Ok(Self::of_number_text(text))
    }

    fn from_map<I: IntoIterator<Item = (Self, Self)>>(members: I) -> ValR {
        let mut object = Object::default();
        for (name, value) in members {
            match name {
                Self::Str(name) => object.set(name, value),
                other => return Err(Error::typ(other, "the name of a member")),
            }
        }
        Ok(Self::object(object))
    }

    fn key_values(self) -> BoxIter<'static, Result<(Self, Self), Error>> {
        match self {
            Self::Arr(items) => {
                let items = unshared(items).into_iter().enumerate();
                Box::new(items.map(|(index, item)| Ok((Self::from(index), item))))
            }
            Self::Obj(object) => {
                let members = unshared(object).into_members().into_iter();
                Box::new(members.map(|(name, value)| Ok((Self::Str(name), value))))
            }
            other => box_once(Err(not_iterable(other))),
        }
    }

    fn values(self) -> Box<dyn Iterator<Item = ValR>> {
        match self {
            Self::Arr(items) => Box::new(unshared(items).into_iter().map(Ok)),
            Self::Obj(object) => {
                let members = unshared(object).into_members().into_iter();
                Box::new(members.map(|(_, value)| Ok(value)))
            }
            other => box_once(Err(not_iterable(other))),
        }
    }

    fn index(self, index: &Self) -> ValR {
        self.item(index)
    }

    fn range(self, range: Range<&Self>) -> ValR {
        self.part(range)
    }

    fn map_values<'a, I: Iterator<Item = ValX<'a, Self>>>(
        self,
        opt: Opt,
        f: impl Fn(Self) -> I,
    ) -> ValX<'a, Self> {
        self.update_values(opt, f)
    }

    fn map_index<'a, I: Iterator<Item = ValX<'a, Self>>>(
        self,
        index: &Self,
        opt: Opt,
        f: impl Fn(Self) -> I,
    ) -> ValX<'a, Self> {
        self.update_item(index, opt, f)
    }

    fn map_range<'a, I: Iterator<Item = ValX<'a, Self>>>(
        self,
        range: Range<&Self>,
        opt: Opt,
        f: impl Fn(Self) -> I,
    ) -> ValX<'a, Self> {
        self.update_part(range, opt, f)
    }

    fn as_bool(&self) -> bool {
        self.is_true()
    }

    fn into_string(self) -> Self {
        self.into_text()
    }
}

#[cold]
pub(super) fn not_iterable(value: Val) -> Error {
    Error::typ(value, "an array or an object")
}

impl jaq_std::ValT for Val {
    fn into_seq<S: FromIterator<Self>>(self) -> Result<S, Self> {
        match self {
            Self::Arr(items) => Ok(unshared(items).into_iter().collect()),
            other => Err(other),
        }
    }

    fn is_int(&self) -> bool {
        matches!(self, Self::Int(_))
    }

    fn as_isize(&self) -> Option<isize> {
        match self {
            Self::Int(integer) => isize::try_from(*integer).ok(),
            _ => None,
        }
    }

    fn as_f64(&self) -> Option<f64> {
        self.number().map(Number::to_f64)
    }

    fn is_utf8_str(&self) -> bool {
        matches!(self, Self::Str(_))
    }

    fn as_bytes(&self) -> Option<&[u8]> {
        self.as_str().map(str::as_bytes)
    }

    fn as_sub_str(&self, part: &[u8]) -> Self {
        match self {
            Self::Str(text) => Self::Str(text.sub(std::str::from_utf8(part).unwrap_or_default())),
            other => other.clone(),
        }
    }

    fn from_utf8_bytes(bytes: impl AsRef<[u8]> + Send + 'static) -> Self {
        Self::Str(Text::from_utf8(bytes.as_ref().to_vec()))
    }
}
