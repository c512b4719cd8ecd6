//! The filters that take one member or make one object. A filter is a function without state, so there is one for each place
//! in the lists of [`Shortcuts`](super::Shortcuts).

use std::iter;
use std::rc::Rc;

use jaq_core::box_iter::box_once;
use jaq_core::compile::TermId;
use jaq_core::native::Fun;
use jaq_core::path::Opt;
use jaq_core::{Bind, Ctx, Cv, Exn, Native, RunPtr, ValT as _, ValXs};

use crate::program::Data;
use crate::value::{Object, Text, Val};

macro_rules! places {
    ($names:ident, $prefix:literal, $filters:ident: $filter:ty = $function:ident, $count:literal: $($place:literal)*) => {
        /// The names of the filters, which no program can have.
        pub(super) const $names: [&str; $count] = [$(concat!($prefix, $place)),*];

        fn $filters() -> [$filter; $count] {
            [$($function::<$place>()),*]
        }
    };
}

places!(MEMBERS, "!member", member_filters: Native<Data> = member, 32:
    0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31);
places!(OBJECTS, "!object", object_filters: RunPtr<Data> = object, 16:
    0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);

pub(super) fn members() -> impl IntoIterator<Item = Fun<Data>> {
    let filters = MEMBERS.into_iter().zip(member_filters());
    filters.map(|(name, filter)| -> Fun<Data> { (name, Box::default(), filter) })
}

pub(super) fn objects(shapes: &[Box<[Box<str>]>]) -> impl Iterator<Item = Fun<Data>> {
    let filters = OBJECTS.into_iter().zip(object_filters()).zip(shapes);
    filters.map(|((name, filter), names)| -> Fun<Data> {
        let arguments = names.iter().map(|_| Bind::Fun(())).collect();
        (name, arguments, Native::<Data>::new(filter))
    })
}

fn member<const PLACE: usize>() -> Native<Data> {
    fn run<'a, const PLACE: usize>((context, value): Cv<'a, Data>) -> ValXs<'a, Val> {
        let name = context.data().shortcuts.member(PLACE);
        box_once(value.member(name).map_err(Exn::from))
    }
    Native::<Data>::new(run::<PLACE>)
        .with_paths(|(context, (value, path))| {
            let name = context.data().shortcuts.member(PLACE);
            let value = value.member(name);
            let found = value.map(|value| (value, path.cons(Val::text(name))));
            box_once(found.map_err(Exn::from))
        })
        .with_update(|(context, value), update| {
            let name = Val::text(context.data().shortcuts.member(PLACE));
            box_once(value.map_index(&name, Opt::Essential, &update))
        })
}

fn object<const PLACE: usize>() -> RunPtr<Data> {
    |(mut context, value)| {
        let names = context.data().shortcuts.object(PLACE);
        let mut filters: Vec<_> = names.iter().map(|_| context.pop_fun()).collect();
        filters.reverse();
        let values = Values {
            names,
            filters: filters.into(),
            input: value,
        };
        values.objects(0, Object::with_capacity(names.len()))
    }
}

/// The members of an object that are still to be set.
#[derive(Clone)]
struct Values<'a> {
    names: &'a [Box<str>],
    filters: Rc<[(TermId, Ctx<'a, Data>)]>,
    input: Val,
}

impl<'a> Values<'a> {
    /// The objects with all combinations of the values of the members from `first` on. The values of the last member change
    /// first.
    fn objects(self, first: usize, mut object: Object) -> ValXs<'a, Val> {
        let members = self.names.iter().zip(self.filters.iter()).enumerate();
        for (place, (name, (filter, context))) in members.skip(first) {
            let name = Text::from(&**name);
            let mut values = filter.run((context.clone(), self.input.clone()));
            if values.size_hint().1 != Some(1) {
                let rest = self.clone();
                return Box::new(values.flat_map(move |value| match value {
                    Ok(value) => {
                        let mut object = object.clone();
                        object.set(name.clone(), value);
                        rest.clone().objects(place + 1, object)
                    }
                    Err(error) => box_once(Err(error)),
                }));
            }
            match values.next() {
                None => return Box::new(iter::empty()),
                Some(Err(error)) => return box_once(Err(error)),
                Some(Ok(value)) => object.set(name, value),
            }
        }
        box_once(Ok(Val::object(object)))
    }
}
