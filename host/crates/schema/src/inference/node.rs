//! What was seen at one path.

use std::collections::HashMap;

use super::kind::{Digits, NOTATIONS, ValueKind, kind_of_number, kind_of_string};
use super::{LEVELS_MAX, MAP_NAMES_MAX};
use crate::schema::NAME_MAX_BYTES;
use crate::text::{Member, decode, items, members};

/// The length of an example, bytes.
const EXAMPLE_MAX_BYTES: usize = 60;

/// How many members are compared before the index is asked: objects of one type have similar members in one order.
const LOOK_AHEAD: usize = 4;

/// What was seen at a path.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    kinds: [u64; ValueKind::COUNT],
    /// The first value of each kind.
    pub(super) examples: Vec<(ValueKind, Box<str>)>,
    pub(super) digits: Digits,
    /// How often each notation of a timestamp was seen.
    pub(super) notations: [u64; NOTATIONS],
    pub(super) members: MemberNodes,
    /// The values of a map.
    pub(super) map: Option<Box<Node>>,
    /// The items of arrays.
    pub(super) item: Option<Box<Node>>,
    /// Values in objects and arrays whose paths are not told apart.
    pub(super) untracked: u64,
}

/// The members of objects at a path.
#[derive(Clone, Debug, Default)]
pub(super) struct MemberNodes {
    /// In the order in which they were seen.
    pub(super) list: Vec<(Box<str>, Node)>,
    positions: HashMap<Box<str>, usize>,
    /// The position of the member that is expected next.
    next: usize,
}

impl MemberNodes {
    /// The position of a name, which has no escapes.
    #[inline]
    fn expected(&mut self, raw: &[u8]) -> Option<usize> {
        let ahead = self.next..self.list.len().min(self.next + LOOK_AHEAD);
        for position in ahead {
            if self
                .list
                .get(position)
                .is_some_and(|(name, _)| name.as_bytes() == raw)
            {
                self.next = position + 1;
                return Some(position);
            }
        }
        None
    }

    fn find(&mut self, name: &str) -> Option<usize> {
        let position = *self.positions.get(name)?;
        self.next = position + 1;
        Some(position)
    }

    fn insert(&mut self, name: &str) -> usize {
        let position = self.list.len();
        self.list.push((name.into(), Node::default()));
        self.positions.insert(name.into(), position);
        self.next = position + 1;
        position
    }
}

impl Node {
    /// The number of values.
    pub(super) fn count(&self) -> u64 {
        self.kinds.iter().sum()
    }

    /// The number of values of a kind.
    pub(super) fn count_of(&self, kind: ValueKind) -> u64 {
        self.kinds.get(kind as usize).copied().unwrap_or(0)
    }

    /// The values whose paths are not told apart, here and below.
    pub(super) fn all_untracked(&self) -> u64 {
        let members = self.members.list.iter().map(|(_, node)| node);
        let parts = members
            .chain(self.map.as_deref())
            .chain(self.item.as_deref());
        self.untracked + parts.map(Self::all_untracked).sum::<u64>()
    }

    /// Adds a value of valid JSON at a level of nesting.
    pub(super) fn add(&mut self, value: &[u8], level: usize, paths_left: &mut usize) {
        let kind = match value.first() {
            Some(b'"') => {
                let (kind, notation) = kind_of_string(value);
                if let Some(count) = notation.and_then(|number| self.notations.get_mut(number)) {
                    *count += 1;
                }
                kind
            }
            Some(b'{') => {
                self.add_members(value, level, paths_left);
                ValueKind::Object
            }
            Some(b'[') => {
                self.add_items(value, level, paths_left);
                ValueKind::List
            }
            Some(b't' | b'f') => ValueKind::Boolean,
            Some(b'n') => ValueKind::Null,
            _ => kind_of_number(value, &mut self.digits),
        };
        if let Some(count) = self.kinds.get_mut(kind as usize) {
            if *count == 0 {
                self.examples.push((kind, example(value)));
            }
            *count += 1;
        }
    }

    fn add_items(&mut self, array: &[u8], level: usize, paths_left: &mut usize) {
        for value in items(array) {
            match tracked(&mut self.item, level, paths_left) {
                Some(item) => item.add(value, level + 1, paths_left),
                None => self.untracked += 1,
            }
        }
    }

    fn add_members(&mut self, object: &[u8], level: usize, paths_left: &mut usize) {
        self.members.next = 0;
        for member in members(object) {
            match self.member(member, level, paths_left) {
                Some(node) => node.add(member.value, level + 1, paths_left),
                None => self.untracked += 1,
            }
        }
    }

    /// The node of a member; `None` if its path is not tracked.
    fn member(
        &mut self,
        member: Member<'_>,
        level: usize,
        paths_left: &mut usize,
    ) -> Option<&mut Self> {
        if self.map.is_some() {
            return self.map.as_deref_mut();
        }
        if !member.name.escaped
            && let Some(position) = self.members.expected(member.name.raw)
        {
            return self.members.list.get_mut(position).map(|(_, node)| node);
        }
        let name = decode(member.name)?;
        self.named_member(&name, level, paths_left)
    }

    fn named_member(
        &mut self,
        name: &str,
        level: usize,
        paths_left: &mut usize,
    ) -> Option<&mut Self> {
        if self.map.is_some() {
            return self.map.as_deref_mut();
        }
        if let Some(position) = self.members.find(name) {
            return self.members.list.get_mut(position).map(|(_, node)| node);
        }
        if level > 0 && self.members.list.len() >= MAP_NAMES_MAX {
            self.become_map(level, paths_left);
            return self.map.as_deref_mut();
        }
        if level >= LEVELS_MAX || *paths_left == 0 || name.len() > NAME_MAX_BYTES {
            return None;
        }
        *paths_left -= 1;
        let position = self.members.insert(name);
        self.members.list.get_mut(position).map(|(_, node)| node)
    }

    /// Takes all names of the objects as data.
    fn become_map(&mut self, level: usize, paths_left: &mut usize) {
        *paths_left = paths_left.saturating_add(self.members.list.len());
        let value = map_value(
            std::mem::take(&mut self.members)
                .list
                .into_iter()
                .map(|(_, node)| node),
            level,
            paths_left,
        );
        *paths_left = paths_left.saturating_sub(1);
        self.map = Some(Box::new(value));
    }

    /// Adds what another node has seen.
    pub(super) fn merge(&mut self, other: Self, level: usize, paths_left: &mut usize) {
        for (count, other) in self.kinds.iter_mut().zip(other.kinds) {
            *count += other;
        }
        for (count, other) in self.notations.iter_mut().zip(other.notations) {
            *count += other;
        }
        for (kind, example) in other.examples {
            if !self.examples.iter().any(|(known, _)| *known == kind) {
                self.examples.push((kind, example));
            }
        }
        self.digits.merge(&other.digits);
        self.untracked += other.untracked;
        if let Some(item) = other.item {
            match tracked(&mut self.item, level, paths_left) {
                Some(own) => own.merge(*item, level + 1, paths_left),
                None => self.untracked += item.count(),
            }
        }
        if let Some(map) = other.map {
            if self.map.is_none() {
                self.become_map(level, paths_left);
            }
            if let Some(own) = &mut self.map {
                own.merge(*map, level + 1, paths_left);
            }
        }
        for (name, node) in other.members.list {
            let count = node.count();
            match self.named_member(&name, level, paths_left) {
                Some(own) => own.merge(node, level + 1, paths_left),
                None => self.untracked += count,
            }
        }
    }
}

/// The values of a map, of which these are some.
pub(super) fn map_value(
    nodes: impl Iterator<Item = Node>,
    level: usize,
    paths_left: &mut usize,
) -> Node {
    let mut value = Node::default();
    for node in nodes {
        value.merge(node, level + 1, paths_left);
    }
    value
}

/// The node of items; `None` if their path is not tracked.
fn tracked<'n>(
    node: &'n mut Option<Box<Node>>,
    level: usize,
    paths_left: &mut usize,
) -> Option<&'n mut Node> {
    if node.is_none() {
        if level >= LEVELS_MAX || *paths_left == 0 {
            return None;
        }
        *paths_left -= 1;
        *node = Some(Box::default());
    }
    node.as_deref_mut()
}

fn example(value: &[u8]) -> Box<str> {
    let text = std::str::from_utf8(value).unwrap_or_default();
    if text.len() <= EXAMPLE_MAX_BYTES {
        return text.into();
    }
    let cut = text
        .get(..text.floor_char_boundary(EXAMPLE_MAX_BYTES))
        .unwrap_or_default();
    format!("{cut}…").into()
}
