//! Updates of items and parts: `.[] |= f`, `.a |= f` and `.[1:3] |= f`.

use std::mem::take;
use std::rc::Rc;

use jaq_core::path::Opt;
use jaq_core::val::Range;
use jaq_core::{Exn, ValX};

use super::convert::{not_iterable, unshared};
use super::slices::{bounds, place, text_bounds};
use super::{Error, Object, Text, Val};

/// The largest index that an update makes an array grow to. A longer one would be an attack on the memory.
const GROWTH_MAX: usize = 1 << 20;

impl Val {
    /// `.[] |= f`
    pub(super) fn update_values<'a, I: Iterator<Item = ValX<'a, Self>>>(
        self,
        opt: Opt,
        f: impl Fn(Self) -> I,
    ) -> ValX<'a, Self> {
        match self {
            Self::Arr(items) => {
                let updated = unshared(items).into_iter().flat_map(|item| f(item).next());
                updated.collect()
            }
            Self::Obj(object) => {
                let mut members = Vec::with_capacity(object.len());
                for (name, value) in unshared(object).into_members() {
                    if let Some(value) = f(value).next() {
                        members.push((name, value?));
                    }
                }
                Ok(Self::object(Object::of(members.into_iter())))
            }
            other => opt.fail(other, |value| Exn::from(not_iterable(value))),
        }
    }

    /// `.[index] |= f`. An update without a value removes the item.
    pub(super) fn update_item<'a, I: Iterator<Item = ValX<'a, Self>>>(
        mut self,
        index: &Self,
        opt: Opt,
        f: impl Fn(Self) -> I,
    ) -> ValX<'a, Self> {
        match (&mut self, index) {
            (Self::Null, Self::Str(_)) => {
                Self::object(Object::default()).update_item(index, opt, f)
            }
            (Self::Null, index) if index.is_number() => {
                Self::Arr(Rc::default()).update_item(index, opt, f)
            }
            (Self::Obj(object), Self::Str(name)) => {
                update_member(Rc::make_mut(object), name, f)?;
                Ok(self)
            }
            (Self::Arr(items), index) if index.is_number() => {
                let place = place(index, items.len());
                let place = place.filter(|place| *place <= GROWTH_MAX.max(items.len()));
                let Some(place) = place else {
                    let why = "is out of the bounds of the array";
                    let error = Error::str(format_args!("the index {index} {why}"));
                    return opt.fail(self, |_| Exn::from(error));
                };
                update_place(Rc::make_mut(items), place, f)?;
                Ok(self)
            }
            (Self::Arr(_) | Self::Str(_) | Self::Null, Self::Obj(range)) => {
                self.update_part(range.get(b"start")..range.get(b"end"), opt, f)
            }
            _ => opt.fail(self, |value| Exn::from(Error::index(value, index.clone()))),
        }
    }

    /// `.[start:end] |= f`
    pub(super) fn update_part<'a, I: Iterator<Item = ValX<'a, Self>>>(
        self,
        range: Range<&Self>,
        opt: Opt,
        f: impl Fn(Self) -> I,
    ) -> ValX<'a, Self> {
        match self {
            Self::Null => match f(Self::Null).next().transpose()? {
                None => Ok(Self::Null),
                Some(Self::Arr(updated)) => Ok(Self::Arr(updated)),
                Some(other) => Err(Error::typ(other, "an array").into()),
            },
            Self::Arr(mut items) => {
                let (start, end) = bounds(range, items.len())?;
                let part = items.get(start..end).unwrap_or_default().iter().cloned();
                let updated = match f(part.collect()).next().transpose()? {
                    None => Vec::new(),
                    Some(Self::Arr(updated)) => unshared(updated),
                    Some(other) => return Err(Error::typ(other, "an array").into()),
                };
                Rc::make_mut(&mut items).splice(start..end, updated);
                Ok(Self::Arr(items))
            }
            Self::Str(text) => {
                let (start, end) = text_bounds(range, &text)?;
                let whole = text.as_str();
                let part = |from, to| whole.get(from..to).unwrap_or_default();
                let inner = Self::Str(text.sub(part(start, end)));
                let updated = match f(inner).next().transpose()? {
                    None => Text::from(""),
                    Some(Self::Str(updated)) => updated,
                    Some(other) => return Err(Error::typ(other, "a string").into()),
                };
                let parts = [part(0, start), updated.as_str(), part(end, whole.len())];
                Ok(Self::Str(Text::from(parts.concat())))
            }
            other => opt.fail(other, |value| {
                Exn::from(Error::typ(
                    value,
                    "an array or a string, to update a part of it",
                ))
            }),
        }
    }
}

fn update_member<'a, I: Iterator<Item = ValX<'a, Val>>>(
    object: &mut Object,
    name: &Text,
    f: impl Fn(Val) -> I,
) -> Result<(), Exn<'a, Val>> {
    let old = object.get_mut(name.as_bytes()).map(take);
    match (
        f(old.unwrap_or_default()).next().transpose()?,
        object.get_mut(name.as_bytes()),
    ) {
        (Some(new), Some(place)) => *place = new,
        (Some(new), None) => object.push(name.clone(), new),
        (None, Some(_)) => object.remove(name.as_bytes()),
        (None, None) => {}
    }
    Ok(())
}

/// Updates an item. Behind the end of an array, it grows by `null`.
fn update_place<'a, I: Iterator<Item = ValX<'a, Val>>>(
    items: &mut Vec<Val>,
    place: usize,
    f: impl Fn(Val) -> I,
) -> Result<(), Exn<'a, Val>> {
    let old = items.get_mut(place).map(take);
    match (
        f(old.unwrap_or_default()).next().transpose()?,
        items.get_mut(place),
    ) {
        (Some(new), Some(item)) => *item = new,
        (Some(new), None) => {
            items.resize(place, Val::Null);
            items.push(new);
        }
        (None, Some(_)) => {
            items.remove(place);
        }
        (None, None) => {}
    }
    Ok(())
}
