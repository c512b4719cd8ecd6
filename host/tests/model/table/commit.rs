//! The commit of an attempt and what follows it: `host/src/table/commit.rs`, and `settle` in `builder.rs` beside it.

use super::TableModel;
use super::bugs::Bug;
use super::builder::NAMES;
use super::promises::Part;
use super::state::{At, LateCommit, Stage, State, Work, one};
use super::steps::{FAULT, FREE, Steps};
use crate::model::state::Records;

/// What the present table says about an attempt.
enum Verdict {
    Committed,
    Void,
    /// The table is another one, or was rolled back.
    Stop,
    Try,
}

impl TableModel {
    fn verdict(&self, state: &State, work: Work) -> Verdict {
        let (table, attempt) = (&state.table, state.attempt(work.attempt));
        if table.uuid != attempt.table && !self.has(Bug::NotBoundToTable) {
            return Verdict::Stop;
        }
        let is_other = match self.bug {
            Some(Bug::VoidBySnapshot) => table.current != work.begun_on,
            _ => table.attempt != attempt.after,
        };
        if table.attempt == work.attempt && !self.has(Bug::VoidBySnapshot) {
            Verdict::Committed
        } else if is_other {
            Verdict::Void
        } else if self.stops(state) {
            Verdict::Stop
        } else {
            Verdict::Try
        }
    }

    /// After a try that the catalog has refused, or whose answer was lost.
    fn after_failure(&self, to: &mut State, builder: usize, is_conflict: bool) {
        let present = to.table.clone();
        let work = to.work(builder);
        let again = Stage::Try {
            on: present.uuid,
            base: present.current,
        };
        work.stage = match self.bug {
            Some(Bug::RetryWithoutLook) if is_conflict => again,
            Some(Bug::LostAnswerRetried) if !is_conflict => again,
            Some(Bug::ConflictIsVoid) => {
                work.is_void = true;
                work.present = present.attempt;
                Stage::Settle
            }
            Some(Bug::ConflictIsSuccess) => {
                work.present = work.attempt;
                Stage::Settle
            }
            _ => Stage::Look,
        };
    }
}

impl Steps<'_> {
    /// Looks at the present table.
    pub(super) fn look(&mut self, builder: usize, work: Work) {
        let (model, name) = (self.model, NAMES[builder]);
        let verdict = model.verdict(self.from, work);
        let says = match verdict {
            Verdict::Committed => "finds its commit done",
            Verdict::Void => "finds its attempt void",
            Verdict::Stop => return self.end(builder, "stops"),
            Verdict::Try => "finds what it builds on",
        };
        self.add(format_args!("{name} {says}"), FREE, |to| {
            let (on, base, present) = (to.table.uuid, to.table.current, to.table.attempt);
            let work = to.work(builder);
            work.stage = match verdict {
                Verdict::Try => Stage::Try { on, base },
                _ => model.stage_after(Stage::Look),
            };
            if matches!(verdict, Verdict::Committed | Verdict::Void) {
                work.present = present;
            }
            work.is_void = model.has(Bug::VoidBySnapshot) && matches!(verdict, Verdict::Void);
            Ok(())
        });
    }

    /// Sends a commit once. Whatever the answer is, the builder looks at the table after it.
    pub(super) fn try_once(&mut self, builder: usize, work: Work, on: u8, base: u8) {
        let (model, name, id) = (self.model, NAMES[builder], work.attempt);
        let commit = LateCommit {
            attempt: id,
            on,
            base,
        };
        if !model.takes(self.from, commit) {
            self.add(format_args!("{name}: {id} conflicts"), FREE, |to| {
                model.after_failure(to, builder, true);
                Ok(())
            });
            return;
        }
        let part = match model.bug {
            Some(Bug::WatermarkBeforeFiles) => Part::Watermark,
            Some(Bug::WatermarkAfterFiles) => Part::Files,
            _ => Part::All,
        };
        self.add(format_args!("{name} commits {id}"), FREE, |to| {
            model.commit(to, id, part)?;
            to.work(builder).stage = match part {
                Part::All => Stage::Look,
                _ => Stage::Property,
            };
            Ok(())
        });
        for (is_conflict, answer) in [
            (false, "the answer is lost"),
            (true, "the answer is a conflict with itself"),
        ] {
            self.add(format_args!("{name} commits {id}, {answer}"), FAULT, |to| {
                model.commit(to, id, part)?;
                model.after_failure(to, builder, is_conflict);
                Ok(())
            });
        }
        self.add(
            format_args!("{name} commits {id}, and the catalog loses it"),
            FAULT,
            |to| {
                to.work(builder).stage = Stage::Look;
                Ok(())
            },
        );
        self.add(
            format_args!("{name} commits {id}, which is held up on its way"),
            FAULT,
            |to| {
                to.late.push(commit);
                model.after_failure(to, builder, false);
                Ok(())
            },
        );
    }

    /// The second half of a commit in two parts.
    pub(super) fn set_property(&mut self, builder: usize, work: Work) {
        let (model, name, id) = (self.model, NAMES[builder], work.attempt);
        if self.from.table.uuid != self.from.attempt(id).table {
            return self.end(builder, "finds another table");
        }
        self.add(
            format_args!("{name} sets the property to {id}"),
            FREE,
            |to| {
                model.commit(to, id, Part::Watermark)?;
                to.work(builder).stage = Stage::Look;
                Ok(())
            },
        );
    }

    /// Lists the files of open attempts that can never be committed any more.
    pub(super) fn settle(&mut self, builder: usize, work: Work) {
        let (model, name) = (self.model, NAMES[builder]);
        let mut void = Records(0);
        let mut settled = Records(0);
        for id in TableModel::numbers(work.open) {
            match model.result_of(self.from, work, id) {
                Some(true) => {}
                Some(false) => void = void.and(one(id)),
                None => continue,
            }
            settled = settled.and(one(id));
        }
        let what = format_args!("{name} settles {settled} and lists the files of {void}");
        self.add(what, FREE, |to| {
            for id in TableModel::numbers(void) {
                model.list(to, id)?;
            }
            to.work(builder).stage = Stage::Forget(settled);
            Ok(())
        });
    }

    /// Removes settled attempts from the lease, and gives it back.
    pub(super) fn forget(&mut self, builder: usize, work: Work, settled: Records) {
        let name = NAMES[builder];
        let table = self.from.attempt(work.attempt).table;
        let holds = self.from.holds(builder, table);
        self.add(format_args!("{name} gives the lease back"), FREE, |to| {
            if holds {
                to.lease.open = work.open.without(settled);
                to.lease.owner = None;
            }
            to.builders[builder] = At::Idle;
            Ok(())
        });
    }
}

impl TableModel {
    /// Whether an attempt was committed; `None` if it could still be.
    fn result_of(&self, state: &State, work: Work, id: u8) -> Option<bool> {
        if work.is_void && id == work.attempt {
            return Some(false);
        }
        let present = work.present;
        let is_committed = match self.bug {
            Some(Bug::SettleListsCommitted) => false,
            Some(Bug::SettleForgetsOlder) => id == present || state.table.made_by(id).is_some(),
            _ => state.chain(present).has_all(one(id)),
        };
        let could_be = state.attempt(id).after == present && !self.has(Bug::SettleListsOpen);
        (is_committed || !could_be).then_some(is_committed)
    }
}
