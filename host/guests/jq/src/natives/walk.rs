//! `walk(f)`: in Rust, because in jq each level of a value would take much of the stack.

use std::rc::Rc;

use jaq_core::box_iter::box_once;
use jaq_core::compile::TermId;
use jaq_core::native::{Fun, run};
use jaq_core::{Bind, Ctx, Exn};

use crate::program::Data;
use crate::value::{Object, Val};

/// The filter.
pub(super) fn filter() -> Fun<Data> {
    run(("walk", Box::new([Bind::Fun(())]), |mut cv| {
        let (f, context) = cv.0.pop_fun();
        match children(cv.1, &f, &context) {
            Ok(value) => f.run((context, value)),
            Err(error) => box_once(Err(error)),
        }
    }))
}

/// A value whose items and members are walked. All values that `f` gives for an item take its place, and the first one
/// that of a member.
fn children<'a>(value: Val, f: &TermId, context: &Ctx<'a, Data>) -> Result<Val, Exn<'a, Val>> {
    match value {
        Val::Arr(items) => {
            let mut walked = Vec::with_capacity(items.len());
            for item in items.iter() {
                let item = children(item.clone(), f, context)?;
                for value in f.run((context.clone(), item)) {
                    walked.push(value?);
                }
            }
            Ok(Val::Arr(Rc::new(walked)))
        }
        Val::Obj(object) => {
            let mut walked = Vec::with_capacity(object.len());
            for (name, value) in object.iter() {
                let value = children(value.clone(), f, context)?;
                if let Some(value) = f.run((context.clone(), value)).next() {
                    walked.push((name.clone(), value?));
                }
            }
            Ok(Val::object(Object::of(walked.into_iter())))
        }
        other => Ok(other),
    }
}
