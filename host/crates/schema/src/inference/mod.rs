//! Infers a schema from events: counts, for each type of event, what is at each path.
//!
//! Memory is bounded: by [`EVENT_TYPES_MAX`], [`PATHS_MAX`], [`ALL_PATHS_MAX`] and [`MAP_NAMES_MAX`], and examples are
//! short. What exceeds a bound is counted. The same events in the same order give the same result.

mod choice;
mod kind;
mod node;
mod report;

use std::borrow::Cow;
use std::collections::HashMap;

use json_scan::Kind;
use json_scan::members::{MemberNames, Members};

use crate::column_type::ColumnType;
use crate::row::{NoEvent, check};
use crate::schema::Schema;
use crate::text::{decode, members, string, trim};

use node::Node;

pub use kind::ValueKind;
pub use report::{Example, PathReport, TypeReport};

/// The member that names the type of an event.
pub const EVENT_TYPE: &str = "event_type";

/// The most types of events that are told apart. Events of further types are counted together.
pub const EVENT_TYPES_MAX: usize = 1_000;

/// The most paths of a type of events. Values at further paths are counted.
pub const PATHS_MAX: usize = 2_000;

/// The most paths of all types together.
pub const ALL_PATHS_MAX: usize = 100_000;

/// An object in an event with more different names than this is a map: its names are data, such as ids.
pub const MAP_NAMES_MAX: usize = 100;

/// Deeper values are not told apart; they become JSON text.
pub const LEVELS_MAX: usize = 16;

/// The type of an event: its member `event_type` if that is a string, otherwise `""`.
///
/// # Errors
/// [`NoEvent`]: the text is no JSON object.
pub fn event_type(event: &[u8]) -> Result<Cow<'_, str>, NoEvent> {
    let mut named =
        members(check(event)?).filter(|member| decode(member.name).as_deref() == Some(EVENT_TYPE));
    let own = named.next().and_then(|member| string(member.value));
    Ok(own.and_then(decode).unwrap_or_default())
}

/// What was seen of events. Those of several threads can be [merged](Self::merge).
#[derive(Debug)]
pub struct Inference {
    types: Vec<EventType>,
    positions: HashMap<String, usize>,
    /// The type of the last event, since events of one type often follow each other.
    last: usize,
    /// Events of further types.
    others: EventType,
    /// How many more paths there can be in all types together.
    paths_left: usize,
    only: Option<String>,
    left_out: u64,
    names: MemberNames,
    members: Members,
}

/// What was seen of the events of one type.
#[derive(Debug)]
struct EventType {
    name: String,
    event: Node,
    paths_left: usize,
    /// Whether some of its events can be among those of further types, because a part of the events had too many types
    /// before its first one.
    is_partial: bool,
}

impl EventType {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            event: Node::default(),
            paths_left: PATHS_MAX,
            is_partial: false,
        }
    }

    /// Changes what was seen. Paths are counted here and in `all_paths_left`.
    fn change(&mut self, all_paths_left: &mut usize, change: impl FnOnce(&mut Node, &mut usize)) {
        let before = self.paths_left.min(*all_paths_left);
        let mut left = before;
        change(&mut self.event, &mut left);
        for paths_left in [&mut self.paths_left, all_paths_left] {
            *paths_left = (*paths_left + left).saturating_sub(before);
        }
    }
}

impl Default for Inference {
    fn default() -> Self {
        Self::new(None)
    }
}

impl Inference {
    /// Takes all events, or only those of one type; an event without a type has the type `""`.
    #[must_use]
    pub fn new(only: Option<String>) -> Self {
        Self {
            types: Vec::new(),
            positions: HashMap::new(),
            last: 0,
            others: EventType::new(""),
            paths_left: ALL_PATHS_MAX,
            only,
            left_out: 0,
            names: MemberNames::new(&[EVENT_TYPE], &[]),
            members: Members::default(),
        }
    }

    /// Adds an event: a JSON object. Without a given type, its member `event_type` names it. Returns whether it is taken:
    /// whether it has the type that is asked for.
    ///
    /// # Errors
    /// [`NoEvent`]: the text is no JSON object. Nothing is added.
    pub fn add(&mut self, event: &[u8], event_type: Option<&str>) -> Result<bool, NoEvent> {
        match self.members.find(event, &self.names)? {
            Kind::Object => {}
            kind => return Err(NoEvent::Kind(kind)),
        }
        let range = self
            .members
            .reads()
            .first()
            .and_then(json_scan::members::ReadMember::value);
        let own = range.and_then(|range| event.get(range)).and_then(string);
        let own = own.and_then(decode).unwrap_or_default();
        let event_type = event_type.unwrap_or(&own);
        if self.only.as_deref().is_some_and(|only| only != event_type) {
            self.left_out += 1;
            return Ok(false);
        }
        self.change(event_type, |node, paths_left| {
            node.add(trim(event), 0, paths_left);
        });
        Ok(true)
    }

    /// Changes what was seen of a type of events, with the number of paths that there is room for.
    fn change(&mut self, name: &str, change: impl FnOnce(&mut Node, &mut usize)) {
        if self
            .types
            .get(self.last)
            .is_none_or(|last| last.name != name)
        {
            self.last = self.position(name);
        }
        let of_type = self.types.get_mut(self.last).unwrap_or(&mut self.others);
        of_type.change(&mut self.paths_left, change);
    }

    /// The position of a type of events; beyond the last one if there is no room for another.
    fn position(&mut self, name: &str) -> usize {
        if let Some(known) = self.positions.get(name) {
            return *known;
        }
        let new = self.types.len();
        if new < EVENT_TYPES_MAX {
            self.types.push(EventType::new(name));
            self.positions.insert(name.to_owned(), new);
        }
        new
    }

    /// Adds what another inference has seen, as if its events came after those of this one.
    pub fn merge(&mut self, other: Self) {
        self.left_out += other.left_out;
        if other.others.event.count() > 0 {
            for of_type in &mut self.types {
                of_type.is_partial |= !other.positions.contains_key(&of_type.name);
            }
        }
        for of_type in other.types {
            self.change(&of_type.name, |node, paths_left| {
                node.merge(of_type.event, 0, paths_left);
            });
            if let Some(merged) = self.types.get_mut(self.last) {
                merged.is_partial |= of_type.is_partial;
            }
        }
        let others = other.others.event;
        self.others
            .change(&mut self.paths_left, |node, paths_left| {
                node.merge(others, 0, paths_left);
            });
    }

    /// The number of events that were taken.
    #[must_use]
    pub fn events(&self) -> u64 {
        let of_types: u64 = self.types.iter().map(|of_type| of_type.event.count()).sum();
        of_types + self.others.event.count()
    }

    /// The number of events of other types than the one that is asked for.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// The number of events of types that are not told apart, because there are more than [`EVENT_TYPES_MAX`].
    #[must_use]
    pub fn events_of_further_types(&self) -> u64 {
        self.others.event.count()
    }

    /// What was seen, by type of events, those with the most events first.
    #[must_use]
    pub fn types(&self) -> Vec<TypeReport> {
        let others = Some(&self.others).filter(|others| others.event.count() > 0);
        let known = self.types.iter().map(|of_type| TypeReport {
            is_partial: of_type.is_partial,
            ..report::of_type(Some(&of_type.name), &of_type.event)
        });
        let mut types: Vec<_> = known.collect();
        types.sort_by(|a, b| {
            b.events
                .cmp(&a.events)
                .then_with(|| a.event_type.cmp(&b.event_type))
        });
        types.extend(others.map(|others| report::of_type(None, &others.event)));
        types
    }

    /// What was seen of the events of all types together.
    #[must_use]
    pub fn all_types(&self) -> TypeReport {
        report::of_type(None, &self.all())
    }

    /// A schema for the events of all types together. A name has one column, whatever types of events have it.
    #[must_use]
    pub fn schema(&self) -> Schema {
        match self.all().column_type(0) {
            // The choice keeps all rules of a schema, so this does not fail.
            Some(ColumnType::Struct(columns)) => Schema::new(columns).unwrap_or_default(),
            _ => Schema::default(),
        }
    }

    fn all(&self) -> Node {
        let mut all = Node::default();
        let mut paths_left = usize::MAX;
        for of_type in self.types.iter().chain([&self.others]) {
            all.merge(of_type.event.clone(), 0, &mut paths_left);
        }
        all
    }
}
