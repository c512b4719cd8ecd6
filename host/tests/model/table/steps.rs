//! The possible steps in a state.

use std::fmt;

use super::TableModel;
use super::promises::Broken;
use super::state::State;
use crate::model::search::Step;

/// The cost of a step: no accident, or one.
pub(super) const FREE: u8 = 0;
pub(super) const FAULT: u8 = 1;

/// The steps from a state.
pub(super) struct Steps<'m> {
    pub(super) model: &'m TableModel,
    pub(super) from: &'m State,
    /// Whether steps get names.
    pub(super) called: bool,
    pub(super) found: Vec<Step<State, Broken>>,
}

impl Steps<'_> {
    /// Adds a possible step that costs this many accidents.
    pub(super) fn add(
        &mut self,
        label: fmt::Arguments<'_>,
        cost: u8,
        change: impl FnOnce(&mut State) -> Result<(), Broken>,
    ) {
        let Some(faults) = self.from.faults.checked_sub(cost) else {
            return;
        };
        let mut to = self.from.clone();
        to.faults = faults;
        let to = change(&mut to).map(|()| {
            to.forget_what_has_no_effect();
            to
        });
        let label = if self.called {
            label.to_string()
        } else {
            String::new()
        };
        self.found.push(Step {
            label,
            is_fault: cost > 0,
            to,
        });
    }
}
