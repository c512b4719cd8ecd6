//! Explores every state of a model, breadth first, so that the path to a broken promise is a
//! shortest one. Then checks that every state can reach its end without further accidents, which is
//! a property of all paths together.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::hash::Hash;
use std::rc::Rc;

/// A model: its steps and its promises.
pub(super) trait Model {
    type State: Eq + Hash;
    type Broken: Copy + PartialEq + fmt::Debug;

    /// The promise that is broken if a state cannot reach its end.
    const STUCK: Self::Broken;

    fn initial(&self) -> Self::State;

    /// All possible next steps, always in the same order. They are named only if names are
    /// requested.
    fn steps(&self, from: &Self::State, called: bool) -> Vec<Step<Self::State, Self::Broken>>;

    /// Whether all work is done.
    fn is_done(&self, state: &Self::State) -> bool;

    /// A state on one line.
    fn describe(&self, state: &Self::State) -> String;
}

/// A possible step.
pub(super) struct Step<S, B> {
    pub(super) label: String,
    /// Whether it is an accident. Work must reach its end without accidents.
    pub(super) is_fault: bool,
    /// The state after it, or the promise that it breaks.
    pub(super) to: Result<S, B>,
}

/// The result of a search.
#[derive(Debug)]
pub(super) struct Explored {
    pub(super) states: usize,
    pub(super) steps: usize,
}

/// A shortest path to a broken promise.
pub(super) struct Counterexample<B> {
    pub(super) broken: B,
    /// A step, and the state after it.
    way: Vec<String>,
}

impl<B: fmt::Debug> fmt::Debug for Counterexample<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:?} after", self.broken)?;
        let mut lines = self.way.iter().enumerate();
        lines.try_for_each(|(n, line)| writeln!(f, "{:3}. {line}", n + 1))
    }
}

/// The states, in the order in which they were reached.
struct Reached<'m, M: Model> {
    model: &'m M,
    numbers: HashMap<Rc<M::State>, usize>,
    states: Vec<Rc<M::State>>,
    /// The state from which each was reached first.
    parents: Vec<usize>,
    /// Steps between states that are no accidents, by their targets.
    quiet: Vec<(usize, usize)>,
    steps: usize,
}

/// Explores a model completely.
pub(super) fn explore<M: Model>(model: &M) -> Result<Explored, Counterexample<M::Broken>> {
    let mut reached = Reached {
        model,
        numbers: HashMap::new(),
        states: Vec::new(),
        parents: Vec::new(),
        quiet: Vec::new(),
        steps: 0,
    };
    reached.number(model.initial(), 0);
    let mut next = 0;
    while let Some(state) = reached.states.get(next).cloned() {
        for (nth, step) in model.steps(&state, false).into_iter().enumerate() {
            reached.steps += 1;
            match step.to {
                Ok(to) => {
                    let to = reached.number(to, next);
                    if !step.is_fault {
                        reached.quiet.push((to, next));
                    }
                }
                Err(broken) => {
                    let mut way = reached.way_to(next);
                    way.push(model.steps(&state, true).swap_remove(nth).label);
                    return Err(Counterexample { broken, way });
                }
            }
        }
        next += 1;
    }
    reached.check_all_reach_the_end()?;
    Ok(Explored {
        states: reached.states.len(),
        steps: reached.steps,
    })
}

impl<M: Model> Reached<'_, M> {
    fn number(&mut self, state: M::State, parent: usize) -> usize {
        let state = Rc::new(state);
        match self.numbers.entry(state) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => {
                self.states.push(new.key().clone());
                self.parents.push(parent);
                *new.insert(self.states.len() - 1)
            }
        }
    }

    /// Follows steps that are no accidents backward from the final states.
    fn check_all_reach_the_end(&mut self) -> Result<(), Counterexample<M::Broken>> {
        self.quiet.sort_unstable();
        let mut comes: Vec<_> = self.states.iter().map(|s| self.model.is_done(s)).collect();
        let mut left: Vec<_> = (0..comes.len()).filter(|n| comes[*n]).collect();
        while let Some(to) = left.pop() {
            let first = self.quiet.partition_point(|step| step.0 < to);
            let into = self.quiet[first..].iter().take_while(|step| step.0 == to);
            for (_, from) in into
                .filter(|(_, from)| !comes[*from])
                .copied()
                .collect::<Vec<_>>()
            {
                comes[from] = true;
                left.push(from);
            }
        }
        let Some(stuck) = comes.iter().position(|comes| !comes) else {
            return Ok(());
        };
        let (broken, way) = (M::STUCK, self.way_to(stuck));
        Err(Counterexample { broken, way })
    }

    fn way_to(&self, mut state: usize) -> Vec<String> {
        let mut way = Vec::new();
        while state > 0 {
            let (parent, to) = (self.parents[state], &self.states[state]);
            let steps = self.model.steps(&self.states[parent], true);
            let step = steps
                .iter()
                .find(|step| step.to.as_ref().is_ok_and(|s| s == &**to));
            let label = step.map_or("", |step| step.label.as_str());
            way.push(format!("{label:<40} {}", self.model.describe(to)));
            state = parent;
        }
        way.reverse();
        way
    }
}
