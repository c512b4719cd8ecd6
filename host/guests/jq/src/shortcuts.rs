//! Shorter ways for what nearly all programs do: members by name, and objects with fixed names.
//!
//! jaq evaluates `.a` and `{a: 1}` in their most general form, with iterators over indexes and names. Here, a program is
//! rewritten before it is compiled: `.a` becomes a call of a filter that takes this member, and `{a: f, b: g}` one that makes
//! this object. The results are the same, and take about half of the time.

mod filters;
mod rewrite;

use jaq_core::native::Fun;

use crate::program::Data;
use crate::syntax_tree::Tree;

/// The names of the members and objects of a program that have a filter of their own.
#[derive(Debug, Default)]
pub(crate) struct Shortcuts {
    members: Vec<Box<str>>,
    objects: Vec<Box<[Box<str>]>>,
}

impl Shortcuts {
    /// Rewrites a program, and keeps the names.
    pub(crate) fn rewrite<'p>(&mut self, program: Tree<'p>) -> Tree<'p> {
        rewrite::term(program, self)
    }

    /// The filters that the rewritten program calls.
    pub(crate) fn filters(&self) -> Vec<Fun<Data>> {
        let members = filters::members().into_iter().take(self.members.len());
        let objects = filters::objects(&self.objects);
        members.chain(objects).collect()
    }

    /// The name of a filter that takes the member `name`, if there is one left.
    fn member_filter(&mut self, name: &str) -> Option<&'static str> {
        let known = self.members.iter().position(|known| **known == *name);
        let place = known.unwrap_or(self.members.len());
        let filter = filters::MEMBERS.get(place)?;
        if known.is_none() {
            self.members.push(name.into());
        }
        Some(filter)
    }

    /// The name of a filter that makes an object with these names, if there is one left.
    fn object_filter(&mut self, names: Vec<Box<str>>) -> Option<&'static str> {
        let filter = filters::OBJECTS.get(self.objects.len())?;
        self.objects.push(names.into());
        Some(filter)
    }

    fn member(&self, place: usize) -> &str {
        self.members.get(place).map_or("", |name| name)
    }

    fn object(&self, place: usize) -> &[Box<str>] {
        self.objects.get(place).map_or(&[], |names| names)
    }
}

#[cfg(test)]
mod tests;
