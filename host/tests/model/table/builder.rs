//! The steps of a builder until its commit, in the order of `host/src/table/builder.rs`.

use super::TableModel;
use super::bugs::Bug;
use super::state::{At, Attempt, Stage, State, Work, one};
use super::steps::{FAULT, FREE, Steps};
use crate::model::state::Records;

use Stage::{Document, Look, Settle, Upload};

/// The names of the builders in steps.
pub(super) const NAMES: [&str; 2] = ["a", "b"];

impl TableModel {
    fn order(&self) -> [Stage; 4] {
        match self.bug {
            Some(Bug::CommitBeforeUpload) => [Document, Look, Upload, Settle],
            Some(Bug::CommitBeforeDocument) => [Upload, Look, Document, Settle],
            _ => [Upload, Document, Look, Settle],
        }
    }

    /// The stage after another one.
    pub(super) fn stage_after(&self, stage: Stage) -> Stage {
        let mut stages = self.order().into_iter();
        stages.find(|it| *it == stage);
        stages.next().unwrap_or(Settle)
    }

    /// Whether a builder does not go on with the present table: somebody has rolled it back.
    pub(super) fn stops(&self, state: &State) -> bool {
        let table = &state.table;
        if self.has(Bug::NoRollbackCheck) {
            return false;
        }
        match table.made_by(table.attempt) {
            Some(last) => !table.has_ancestor(last),
            None => self.has(Bug::ExpiredIsRollback) && table.attempt > 0,
        }
    }
}

impl State {
    /// Whether a builder has the lease of a table, as the document says.
    pub(super) fn holds(&self, builder: usize, table: u8) -> bool {
        self.lease.owner == Some(builder) && self.table.uuid == table
    }

    /// Whether the owner of the lease still works.
    fn is_owner_alive(&self) -> bool {
        let owner = self.lease.owner.map(|owner| self.builders[owner]);
        matches!(owner, Some(At::Leased { .. } | At::Work(_)))
    }
}

impl Steps<'_> {
    /// The steps of a builder. At each of them it can be killed, or fail.
    pub(super) fn builder(&mut self, builder: usize) {
        let (at, name) = (self.from.builders[builder], NAMES[builder]);
        match at {
            At::Idle => self.read(builder),
            At::Read {
                table,
                after,
                current,
            } => self.take(builder, table, after, current),
            At::Leased { table, after, .. } => self.begin(builder, table, after),
            At::Work(work) => self.work(builder, work),
        }
        if at != At::Idle {
            self.add(format_args!("{name} is killed"), FAULT, |to| {
                to.builders[builder] = At::Idle;
                Ok(())
            });
        }
    }

    fn read(&mut self, builder: usize) {
        let name = NAMES[builder];
        let table = &self.from.table;
        let news = self.model.news(self.from, table.attempt);
        if self.model.stops(self.from) || news.is_empty() {
            return;
        }
        let current = match self.model.bug {
            Some(Bug::VoidBySnapshot) => table.current,
            _ => 0,
        };
        let at = At::Read {
            table: table.uuid,
            after: table.attempt,
            current,
        };
        self.add(format_args!("{name} reads the table"), FREE, |to| {
            to.builders[builder] = at;
            Ok(())
        });
    }

    /// Takes the lease. If renewals are late, a live owner is taken for ended.
    fn take(&mut self, builder: usize, table: u8, after: u8, current: u8) {
        let name = NAMES[builder];
        if self.from.table.uuid != table {
            self.end(builder, "finds another table");
            return;
        }
        let cost = if self.from.is_owner_alive() {
            FAULT
        } else {
            FREE
        };
        self.add(format_args!("{name} takes the lease"), cost, |to| {
            to.lease.owner = Some(builder);
            to.builders[builder] = At::Leased {
                table,
                after,
                current,
                open: to.lease.open,
            };
            Ok(())
        });
    }

    /// Ends a round without a result.
    pub(super) fn end(&mut self, builder: usize, why: &str) {
        let name = NAMES[builder];
        self.add(format_args!("{name} {why}"), FREE, |to| {
            to.builders[builder] = At::Idle;
            Ok(())
        });
    }

    /// Reads the news, as many chunks as it likes, and notes an attempt in the lease.
    fn begin(&mut self, builder: usize, table: u8, after: u8) {
        let (model, name) = (self.model, NAMES[builder]);
        if !self.from.holds(builder, table) {
            self.end(builder, "has lost the lease");
            return;
        }
        let news = model.news(self.from, after);
        if news.is_empty() {
            self.end(builder, "finds nothing new");
        }
        for until in news {
            let attempt = Attempt {
                table,
                after,
                until,
                events: model.kept(self.from, after, until),
                ..Attempt::default()
            };
            self.add(
                format_args!("{name} begins an attempt up to {until}"),
                FREE,
                |to| {
                    to.begin(builder, attempt, model.order()[0]);
                    Ok(())
                },
            );
        }
    }

    fn work(&mut self, builder: usize, work: Work) {
        let (model, name, id) = (self.model, NAMES[builder], work.attempt);
        match work.stage {
            Upload => self.add(format_args!("{name} uploads {id}"), FREE, |to| {
                to.attempt_mut(id).is_uploaded = true;
                to.work(builder).stage = model.stage_after(Upload);
                Ok(())
            }),
            Document => self.add(format_args!("{name} puts watermark {id}"), FREE, |to| {
                to.attempt_mut(id).has_document = true;
                to.work(builder).stage = model.stage_after(Document);
                Ok(())
            }),
            Look => self.look(builder, work),
            Stage::Try { on, base } => self.try_once(builder, work, on, base),
            Stage::Property => self.set_property(builder, work),
            Settle => self.settle(builder, work),
            Stage::Forget(settled) => self.forget(builder, work, settled),
        }
    }
}

impl State {
    fn begin(&mut self, builder: usize, attempt: Attempt, stage: Stage) {
        let unused = Attempt::default();
        let place = self.attempts.iter().position(|it| *it == unused);
        let place = place.unwrap_or_else(|| {
            self.attempts.push(unused);
            self.attempts.len() - 1
        });
        self.attempts[place] = attempt;
        let id = u8::try_from(place).unwrap() + 1;
        let At::Leased { current, open, .. } = self.builders[builder] else {
            return;
        };
        let open = open.and(one(id));
        self.lease.open = open;
        self.builders[builder] = At::Work(Work {
            attempt: id,
            open,
            stage,
            begun_on: current,
            present: 0,
            is_void: false,
        });
    }
}

impl TableModel {
    /// The chunks up to which an attempt after another one can reach. It has events, or it waits.
    fn news(&self, state: &State, after: u8) -> Vec<u8> {
        let since = state.attempt(after).until;
        let pending = u8::from(self.has(Bug::PendingRead));
        let last = self.chunks.min(state.committed + pending);
        let has_events = |until: &u8| !self.events(since, *until).is_empty();
        (since + 1..=last)
            .filter(|until| has_events(until) || self.has(Bug::PropertiesAlone))
            .collect()
    }

    /// The members of a set of attempts.
    pub(super) fn numbers(set: Records) -> impl Iterator<Item = u8> {
        set.iter().map(|number| u8::try_from(number).unwrap())
    }
}
