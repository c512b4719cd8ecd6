//! Matches of a regular expression in a text.

use std::fmt;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use regex_automata::meta::{self, Cache};
use regex_automata::util::captures::Captures;
use regex_automata::{Anchored, Input, PatternID};

use super::flags::{GLOBAL, LONGEST, NOT_EMPTY};
use super::{Flags, syntax};

/// A compiled expression.
pub(crate) struct Regex {
    regex: meta::Regex,
    /// What a search writes. A component has one thread, so nothing waits for it.
    state: Mutex<State>,
}

struct State {
    cache: Cache,
    captures: Captures,
}

/// A match: the bytes of its groups, of which the first one is the whole match. A group that takes no part in it is `None`.
pub(crate) type Groups = Vec<Option<Range<usize>>>;

impl fmt::Debug for Regex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Regex").finish_non_exhaustive()
    }
}

impl Regex {
    /// Compiles an expression.
    ///
    /// # Errors
    /// What is wrong with it and where.
    pub(super) fn new(pattern: &str, flags: Flags) -> Result<Self, String> {
        let regex = syntax::compile(pattern, flags)?;
        let state = State {
            cache: regex.create_cache(),
            captures: regex.create_captures(),
        };
        let state = Mutex::new(state);
        Ok(Self { regex, state })
    }

    /// The names of the groups behind the first one.
    pub(crate) fn names(&self) -> impl Iterator<Item = Option<&str>> {
        let info = self.regex.group_info();
        info.pattern_names(PatternID::ZERO).skip(1)
    }

    /// Whether there is a match.
    pub(crate) fn is_match(&self, text: &str, flags: Flags) -> bool {
        if flags.has(NOT_EMPTY) {
            return !self.matches(text, flags).is_empty();
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let input = Input::new(text).earliest(true);
        self.regex
            .search_half_with(&mut state.cache, &input)
            .is_some()
    }

    /// The first match, or all of them with the flag `g`. One that is empty counts behind another one too, as since jq 1.7.
    pub(crate) fn matches(&self, text: &str, flags: Flags) -> Vec<Groups> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut matches = Vec::new();
        let mut start = 0;
        while start <= text.len() {
            let found = match flags.has(LONGEST) {
                true => self.longest(&mut state, text, start),
                false => self.leftmost(&mut state, text, start),
            };
            let Some((groups, whole)) = found else {
                break;
            };
            start = match whole.is_empty() {
                true => whole.end + next_length(text, whole.end),
                false => whole.end,
            };
            if whole.is_empty() && flags.has(NOT_EMPTY) {
                continue;
            }
            matches.push(groups);
            if !flags.has(GLOBAL) {
                break;
            }
        }
        matches
    }

    fn leftmost(
        &self,
        state: &mut State,
        text: &str,
        start: usize,
    ) -> Option<(Groups, Range<usize>)> {
        self.search(state, &Input::new(text).range(start..))
    }

    /// The longest of all matches, and of several the first one: what the flag `l` means.
    fn longest(
        &self,
        state: &mut State,
        text: &str,
        start: usize,
    ) -> Option<(Groups, Range<usize>)> {
        let places = (start..=text.len()).filter(|place| text.is_char_boundary(*place));
        places.fold(None, |longest, place| {
            let input = Input::new(text).range(place..).anchored(Anchored::Yes);
            let found = self.search(state, &input);
            let length = |found: &Option<(Groups, Range<usize>)>| match found {
                None => 0,
                Some((_, whole)) => 1 + whole.len(),
            };
            match length(&found) > length(&longest) {
                true => found,
                false => longest,
            }
        })
    }

    fn search(&self, state: &mut State, input: &Input<'_>) -> Option<(Groups, Range<usize>)> {
        let State { cache, captures } = state;
        self.regex.search_captures_with(cache, input, captures);
        let whole = captures.get_match()?.range();
        let groups = captures.iter().map(|group| group.map(|span| span.range()));
        Some((groups.collect(), whole))
    }
}

/// The length of the character behind a place; behind the end, 1.
fn next_length(text: &str, place: usize) -> usize {
    let rest = text.get(place..).unwrap_or_default();
    rest.chars().next().map_or(1, char::len_utf8)
}
