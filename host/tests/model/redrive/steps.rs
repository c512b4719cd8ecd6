//! The possible steps in a state: of the world, and of each process.

use std::fmt;

use super::RedriveModel;
use super::promises::Broken;
use super::state::{At, Late, Process, Source, State};
use crate::model::search::Step;

/// The cost of a step: no accident, or one.
pub(super) const FREE: u8 = 0;
pub(super) const FAULT: u8 = 1;

/// The steps from a state.
pub(super) struct Steps<'m> {
    pub(super) model: &'m RedriveModel,
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
            to.forget_what_comes_too_late();
            to
        });
        self.found.push(Step {
            label: if self.called {
                label.to_string()
            } else {
                String::new()
            },
            is_fault: cost > 0,
            to,
        });
    }

    /// The steps of the world.
    pub(super) fn world(&mut self) {
        if self.from.quarantined < self.model.objects {
            self.add(format_args!("the run quarantines more"), FREE, |to| {
                to.quarantined += 1;
                Ok(())
            });
        }
        for (n, late) in self.from.late.iter().enumerate() {
            self.arrive(n, *late);
        }
        for source in self.from.unreadable.clone() {
            let what = format_args!("a person restores object {}", source.0);
            self.add(what, FREE, |to| {
                to.unreadable.retain(|it| *it != source);
                Ok(())
            });
        }
        for source in self.sources() {
            let what = format_args!("object {} becomes unreadable", source.0);
            self.add(what, FAULT, |to| {
                to.unreadable.push(source);
                to.unreadable.sort_unstable();
                Ok(())
            });
        }
    }

    /// The objects that are there and can be read.
    fn sources(&self) -> Vec<Source> {
        let by_run = (0..self.from.quarantined).map(Source);
        let outcomes = self.from.lake.iter();
        let again = outcomes.filter_map(|it| self.model.library.quarantined_again(*it));
        let all = by_run.chain(again);
        all.filter(|source| self.from.is_readable(*source))
            .collect()
    }

    /// A request arrives after its process has given it up.
    fn arrive(&mut self, n: usize, late: Late) {
        let model = self.model;
        self.add(format_args!("{late:?} arrives late"), FREE, |to| {
            to.late.remove(n);
            match late {
                Late::Document { redrive, list } => {
                    to.documents[usize::from(redrive)] = Some(list);
                    Ok(())
                }
                Late::Claim(claim) => {
                    to.put_claim(claim);
                    Ok(())
                }
                Late::Write { redrive, by, write } => model.write_ledger(to, redrive, write, by),
            }
        });
    }

    /// The steps of a process, and the accidents that it can have.
    pub(super) fn host(&mut self, host: usize) {
        let at = self.from.hosts[host].at;
        let name = self.name(host);
        match at {
            At::Idle => self.begin(host),
            At::Listed { redrive, list } => self.put_document(host, redrive, list),
            At::Found {
                redrive,
                list,
                seen,
            } => self.take(host, redrive, list, seen),
            At::Work(work) => {
                self.read(host, work);
                self.land(host, work);
            }
        }
        if at != At::Idle {
            self.add(format_args!("{name} is killed"), FAULT, |to| {
                to.hosts[host].life += 1;
                to.hosts[host].at = At::Idle;
                Ok(())
            });
        }
    }

    /// The current name of the host.
    pub(super) fn name(&self, host: usize) -> Process {
        let life = self.from.hosts[host].life;
        Process { host, life }
    }
}
